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
	frozen []nn.NamedTensor
	closed bool
	find   bool
	ready  bool
	unused []string
}

var errDDPClosed = errors.New("the DistributedDataParallel is closed")

// NewDistributedDataParallel begins with the parameters and buffers of rank 0 in all
// processes. module is what [nn.Parameters] takes, and has the same parameters everywhere;
// which of them require gradients must not change afterwards: then Close this one, and make another.
//
// Buffers, such as the averages of a batch norm, are those of rank 0 before each forward pass;
// a batch norm takes mean and variance of its own process's part of the batch, as in PyTorch,
// unless [ConvertSyncBatchNorm] was called before.
func NewDistributedDataParallel(g *Group, module any, o DistributedDataParallelOptions) (*DistributedDataParallel, error) {
	d := &DistributedDataParallel{group: g, find: o.FindUnusedParameters}
	var params, state, buffers []*torch.Tensor
	text := fmt.Sprintf("BucketCapMB %v, FindUnusedParameters %v", cmp.Or(o.BucketCapMB, 25), o.FindUnusedParameters)
	for _, n := range nn.NamedParameters(module) {
		state = append(state, n.Tensor)
		if n.Tensor.RequiresGrad() {
			params = append(params, n.Tensor)
			d.names = append(d.names, n.Name)
		} else {
			d.frozen = append(d.frozen, n)
		}
	}
	if len(params) == 0 {
		return nil, errors.New("dist: DistributedDataParallel: no parameter requires a gradient")
	}
	for _, n := range nn.NamedTensors(module) {
		if n.Buffer {
			buffers = append(buffers, n.Tensor)
		}
		text += fmt.Sprintf("\n%s %v %v, requires_grad %v", n.Name, n.Tensor.DType(), n.Tensor.Shape(), n.Tensor.RequiresGrad())
	}
	first := []byte(text)
	var err error
	if g.Size > 1 && !g.mixed() {
		if first, err = g.BroadcastBytes(first, 0); err != nil {
			return nil, err
		}
	}
	err = g.do("DistributedDataParallel", func() (err error) {
		if err := differ(text, string(first)); err != nil {
			return err
		}
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

// differ compares a network and settings with those of rank 0. libtorch compares only the
// shapes of what is trained, and would take one parameter for another, or end the process.
func differ(own, first string) error {
	mine, others := append(strings.Split(own, "\n"), "nothing"), append(strings.Split(first, "\n"), "nothing")
	for i := range min(len(mine), len(others)) {
		if mine[i] != others[i] {
			return fmt.Errorf("the processes differ: there is %s here, and %s on rank 0", mine[i], others[i])
		}
	}
	return nil
}

// PrepareForForward comes before each forward pass whose loss goes to Backward. All processes have
// to call both equally often, which is not compared, and Gloo may end a process where they do not:
// one whose part of the data ends earlier goes on with a loss that is multiplied by 0.
func (d *DistributedDataParallel) PrepareForForward() error {
	d.ready = true
	return d.group.do("forward", func() error {
		if d.closed {
			return errDDPClosed
		}
		for _, n := range d.frozen {
			if n.Tensor.RequiresGrad() {
				return fmt.Errorf("%s was frozen, and is not now: Close this one, and make another DistributedDataParallel", n.Name)
			}
		}
		return plain(d.r.Forward())
	})
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
		if d.closed {
			return errDDPClosed
		}
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
		d.closed = true
	}
}

// Unused returns the names of the parameters on which the loss of the last Backward, in this
// process, did not depend. A group of one process does not look for them.
func (d *DistributedDataParallel) Unused() []string { return d.unused }
