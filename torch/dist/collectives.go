// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"github.com/etude-ml/etude/torch"
)

// ReduceOp says how [Group.AllReduce] combines values.
type ReduceOp int

// The operations, with libtorch's numbers.
const (
	Sum     ReduceOp = 0
	Product ReduceOp = 2
	Min     ReduceOp = 3
	Max     ReduceOp = 4
)

// AllReduce combines t, of the same shape in all processes, element by element, and puts the
// result in each process's t.
func (g *Group) AllReduce(t *torch.Tensor, op ReduceOp) error {
	return g.do("all-reduce", func() error { return plain(g.h.AllReduce(t.ATen(), int(op))) })
}

// AllReduceFloats is [Group.AllReduce] of numbers, as many in all processes.
func (g *Group) AllReduceFloats(values []float64, op ReduceOp) (err error) {
	torch.Scope(func() {
		t := torch.FromSlice(values, len(values))
		if err = g.AllReduce(t, op); err == nil {
			copy(values, t.Float64s())
		}
	})
	return err
}

// Broadcast copies t of the process root into that of all others, which has the same shape.
func (g *Group) Broadcast(t *torch.Tensor, root int) error {
	if root < 0 || root >= g.Size {
		return fmt.Errorf("dist: broadcast: there is no rank %d among %d", root, g.Size)
	}
	return g.do("broadcast", func() error { return plain(g.h.Broadcast(t.ATen(), root)) })
}

// BroadcastBytes returns in all processes what the process root gives, of any length.
func (g *Group) BroadcastBytes(b []byte, root int) (told []byte, err error) {
	torch.Scope(func() {
		n := torch.FromSlice([]int64{int64(len(b))}, 1)
		if err = g.Broadcast(n, root); err != nil {
			return
		}
		if g.Rank != root {
			b = make([]byte, int(n.Item()))
		}
		t := torch.FromSlice(b, len(b))
		if len(b) > 0 {
			err = g.Broadcast(t, root)
		}
		told = t.Bytes()
	})
	return told, err
}

// AllGather returns t of all processes, by rank; it has the same shape in all of them.
func (g *Group) AllGather(t *torch.Tensor) ([]*torch.Tensor, error) {
	all := torch.Stack(slices.Repeat([]*torch.Tensor{t.Detach()}, g.Size), 0)
	err := g.do("all-gather", func() error { return plain(g.h.AllGather(t.Detach().ATen(), all.ATen())) })
	return all.Unbind(0), err
}

func give(ts []*torch.Tensor) []unsafe.Pointer {
	given := make([]unsafe.Pointer, len(ts))
	for i, t := range ts {
		given[i] = t.ATen()
	}
	return given
}

// Barrier waits until all processes have called it.
func (g *Group) Barrier() error {
	return g.do("barrier", func() error { return plain(g.h.Barrier()) })
}

// MonitoredBarrier is [Group.Barrier] with a timeout of its own. The error on rank 0 also
// names processes that are alive and have not called it in time.
func (g *Group) MonitoredBarrier(timeout time.Duration) error {
	return g.do("barrier", func() error { return plain(g.h.MonitoredBarrier(timeout)) })
}
