// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"errors"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
	"github.com/etude-ml/etude/torch/nn"
)

// ConvertSyncBatchNorm lets every [nn.BatchNorm] of module take mean and variance over the
// batches of all processes in training, as torch.nn.SyncBatchNorm.convert_sync_batchnorm. All
// processes call it, and NewDistributedDataParallel after it; a nil group, or one of a single
// process, makes plain batch norms of them again. They stay what they are in state dicts, files
// and exports. Other than in PyTorch tensors may be on the CPU; those on CUDA exchange their
// statistics through it, for which the host waits.
//
// The processes have to call the same layers in the same order, forward and backward. One that has
// no samples left passes an empty batch on, or one with a loss that is multiplied by 0, which
// counts in the statistics. Where a process has failed, Forward panics with an error that names it.
// [torch.Record] refuses such a step.
//
// The exchange has connections of its own, so that gradients may come in another order in each
// process, as they do where parameters are unused. So a group with a process of Python's is refused.
func ConvertSyncBatchNorm(g *Group, module any) error {
	alone := g == nil || g.Size == 1
	if !alone && g.sync == 0 {
		if err := g.connectSync(); err != nil {
			return err
		}
	}
	for _, l := range nn.BatchNorms(module) {
		if l.Gather = g.gather; alone {
			l.Gather = nil
		}
	}
	return nil
}

func (g *Group) connectSync() error {
	if g.mixed() {
		return errors.New("dist: SyncBatchNorm: a process of the group is Python's, which cannot take part")
	}
	var h ctorch.Group
	err := g.do("SyncBatchNorm", func() error {
		g.calls.Lock()
		defer g.calls.Unlock()
		// Whoever connects to a process that is gone, or makes another call, learns of it at the timeout.
		if _, err := g.compare("SyncBatchNorm", nil); err != nil {
			return err
		}
		var fault *ctorch.Error
		h, fault = g.connect("etude/sync/", false)
		return plain(fault)
	})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.peers.reason() != "" { // whoever left has not seen these connections
		h.Free()
		return errors.New("dist: SyncBatchNorm: the group was left meanwhile")
	}
	g.sync = h
	return nil
}

// gather is [nn.BatchNorm.Gather].
func (g *Group) gather(t *torch.Tensor) *torch.Tensor {
	all := torch.Zeros(append([]int{g.Size}, t.Shape()...), torch.Options{DType: t.DType()})
	err := g.do("SyncBatchNorm", func() error { return plain(g.sync.AllGather(t.To(torch.CPU).ATen(), all.ATen())) })
	if err != nil {
		panic(&torch.Error{Op: "nn.BatchNorm", Message: err.Error()})
	}
	return all.To(t.Device())
}
