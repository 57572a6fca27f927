// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
	"github.com/etude-ml/etude/torch/nn"
)

// DistributedDataParallelOptions are those of [NewDistributedDataParallel], with PyTorch's
// names and defaults.
type DistributedDataParallelOptions struct {
	// BucketCapMB is about how many MiB of gradients travel together; 0 takes 25.
	BucketCapMB float64
	// FindUnusedParameters allows that a loss does not depend on every parameter.
	FindUnusedParameters bool
	// GradientAsBucketView saves the memory of a second copy of the gradients. What is in
	// [torch.Tensor.Grad] is then overwritten by the next backward pass.
	GradientAsBucketView bool
}

// DistributedDataParallel averages the gradients of a network over the processes of a group,
// while the backward pass still computes those of earlier layers.
type DistributedDataParallel struct {
	group  *Group
	r      ctorch.Reducer
	names  []string // of the parameters that are trained
	find   bool
	ready  bool
	unused []string
}

// NewDistributedDataParallel begins with the parameters and buffers of rank 0 in all
// processes. module is what [nn.Parameters] takes, and has the same parameters everywhere;
// which of them require gradients must not change afterwards.
//
// Buffers, such as the averages of a batch norm, are those of rank 0 before each forward pass;
// a batch norm takes mean and variance of its own process's part of the batch, as in PyTorch,
// unless [ConvertSyncBatchNorm] was called before.
func NewDistributedDataParallel(g *Group, module any, o DistributedDataParallelOptions) (*DistributedDataParallel, error) {
	d := &DistributedDataParallel{group: g, find: o.FindUnusedParameters}
	var params, state, buffers []*torch.Tensor
	for _, n := range nn.NamedParameters(module) {
		state = append(state, n.Tensor)
		if n.Tensor.RequiresGrad() {
			params = append(params, n.Tensor)
			d.names = append(d.names, n.Name)
		}
	}
	if len(params) == 0 {
		return nil, errors.New("dist: DistributedDataParallel: no parameter requires a gradient")
	}
	for _, n := range nn.NamedTensors(module) {
		if n.Buffer {
			buffers = append(buffers, n.Tensor)
		}
	}
	err := g.do("DistributedDataParallel", func() (err error) {
		r, fault := ctorch.NewReducer(g.h, ctorch.ReducerOptions{
			Params: give(params), State: give(append(state, buffers...)), Names: d.names, Buffers: len(buffers),
			BucketBytesCap:       int(cmp.Or(o.BucketCapMB, 25) * (1 << 20)),
			FindUnusedParameters: o.FindUnusedParameters, GradientAsBucketView: o.GradientAsBucketView,
		})
		if fault == nil {
			d.r = r
			g.reducers[r] = true
		}
		return plain(fault)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// PrepareForForward comes before each forward pass whose loss goes to Backward.
func (d *DistributedDataParallel) PrepareForForward() error {
	d.ready = true
	return d.group.do("forward", func() error { return plain(d.r.Forward()) })
}

// Backward is [torch.Tensor.Backward], after which the gradients are the averages of those of
// all processes. A loss that is a mean over part of a batch therefore has to be scaled by the
// size of the part × the number of processes / the size of the whole batch, where the parts
// differ.
//
// [DistributedDataParallel.NoSync] adds to this process's gradients alone.
func (d *DistributedDataParallel) Backward(loss *torch.Tensor) error {
	if d.group.Size == 1 {
		return d.NoSync(loss)
	}
	if !d.ready {
		return errors.New("dist: Backward: PrepareForForward was not called before the forward pass")
	}
	d.ready = false
	return d.group.do("backward", func() error {
		unused, fault := d.r.Backward(loss.ATen(), len(d.names))
		if fault != nil {
			return fault
		}
		d.unused = nil
		for i, u := range unused {
			if u {
				d.unused = append(d.unused, d.names[i])
			}
		}
		if d.unused != nil && !d.find {
			return fmt.Errorf("the loss does not depend on %s: freeze what is not trained, or set FindUnusedParameters", strings.Join(d.unused, ", "))
		}
		return torch.Try(loss.Backward)
	})
}

// NoSync is [torch.Tensor.Backward] without communication of gradients, as PyTorch's no_sync. The
// next call of Backward averages the sums: so gradients are accumulated over several batches.
// loss.Backward does the same, but where layers of [ConvertSyncBatchNorm] wait for a process that
// has failed, its error does not name that process.
func (d *DistributedDataParallel) NoSync(loss *torch.Tensor) error {
	if d.group.Size == 1 {
		return torch.Try(loss.Backward)
	}
	return d.group.do("backward", func() error { return torch.Try(loss.Backward) })
}

// Close ends the averaging; the group goes on. [Group.Close] does it too.
func (d *DistributedDataParallel) Close() {
	d.group.mu.Lock()
	defer d.group.mu.Unlock()
	if d.group.reducers[d.r] {
		delete(d.group.reducers, d.r)
		d.r.Free()
	}
}

// Unused returns the names of the parameters on which the loss of the last Backward, in this
// process, did not depend.
func (d *DistributedDataParallel) Unused() []string { return d.unused }
