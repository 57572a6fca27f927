// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
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

// combine has what ReduceOp does to two tensors.
var combine = map[ReduceOp]func(a, b *torch.Tensor) *torch.Tensor{
	Sum: (*torch.Tensor).Add, Product: (*torch.Tensor).Mul, Min: (*torch.Tensor).Minimum, Max: (*torch.Tensor).Maximum,
}

// AllReduce combines t, of the same shape in all processes, element by element, and puts the
// result in each process's t. The Sum of Bool is whether any is true. Min and Max of more than 256
// bytes may drop a NaN, as Gloo does.
func (g *Group) AllReduce(t *torch.Tensor, op ReduceOp) error {
	f, known := combine[op]
	if !known {
		return fmt.Errorf("dist: all-reduce: there is no ReduceOp %d", op)
	}
	if op == Sum && t.DType() == torch.Bool {
		op = Max // Gloo would add up bytes
	}
	return g.collect("all-reduce", fmt.Sprintf("all-reduce, ReduceOp %d,", op), t, func(all []*torch.Tensor) {
		for _, other := range all[1:] {
			all[0] = f(all[0], other)
		}
		t.Detach().CopyInPlace(all[0])
	}, func(p unsafe.Pointer) *ctorch.Error { return g.h.AllReduce(p, int(op)) })
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
	return g.collect("broadcast", fmt.Sprint("broadcast from rank ", root), t, func(all []*torch.Tensor) {
		t.Detach().CopyInPlace(all[root])
	}, func(p unsafe.Pointer) *ctorch.Error { return g.h.Broadcast(p, root) })
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
	// Its elements stay as they are, also where a view has one of them several times.
	err := g.collect("all-gather", "all-gather", t.Contiguous(), func(parts []*torch.Tensor) {
		all.CopyInPlace(torch.Stack(parts, 0))
	}, func(p unsafe.Pointer) *ctorch.Error { return g.h.AllGather(p, all.ATen()) })
	return all.Unbind(0), err
}

// collect makes a call with the elements of t, which may become others. Few elements travel with
// the comparison of calls, and few is given those of all processes; Gloo sends many.
func (g *Group) collect(what, call string, t *torch.Tensor, few func([]*torch.Tensor), many func(unsafe.Pointer) *ctorch.Error) error {
	return g.do(what, func() (err error) {
		g.calls.Lock()
		defer g.calls.Unlock()
		tried := torch.Try(func() {
			torch.Scope(func() {
				t := t.Detach()
				size := t.Numel() * t.DType().Size()
				var own []byte
				if size <= most {
					own = t.Bytes()
				}
				var all [][]byte
				if all, err = g.compare(fmt.Sprintf("%s of %v %v", call, t.DType(), t.Shape()), own); err != nil {
					return
				}
				if size <= most && all != nil {
					parts := make([]*torch.Tensor, g.Size)
					for rank, b := range all {
						parts[rank] = torch.FromBytes(b[:size], t.DType(), t.Shape()...).To(t.Device())
					}
					few(parts)
					return
				}
				dense := t.Contiguous() // Gloo knows no strides
				if fault := many(dense.ATen()); fault != nil {
					err = fmt.Errorf("%v %v: %w", t.DType(), t.Shape(), fault)
				} else if !t.IsContiguous() {
					t.CopyInPlace(dense)
				}
			})
		})
		return cmp.Or(err, tried)
	})
}

// most is the most bytes of a call's text, and of the elements that travel with it.
const most = 256

// compare compares a call with those of the other processes, and returns what all give with it.
// Where calls differ, Gloo ends the process, or takes elements for others. Processes of Python's
// do not take part: then it returns nil.
func (g *Group) compare(call string, own []byte) (given [][]byte, err error) {
	if g.mixed() {
		return nil, nil
	}
	call = call[:min(most, len(call))]
	torch.Scope(func() {
		row := make([]byte, 2*most)
		copy(row, call)
		copy(row[most:], own)
		all := torch.Zeros([]int{g.Size, len(row)}, torch.Options{DType: torch.UInt8})
		if err = plain(g.h.AllGather(torch.FromSlice(row).ATen(), all.ATen())); err != nil {
			return
		}
		for row := range slices.Chunk(all.Bytes(), 2*most) {
			if text := strings.TrimRight(string(row[:most]), "\x00"); err == nil && text != call {
				err = fmt.Errorf("%s calls %s, and this process %s", g.peers.name(len(given)), text, call)
			}
			given = append(given, row[most:])
		}
	})
	return given, err
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
	return g.do("barrier", func() error {
		if g.mixed() {
			return plain(g.h.Barrier())
		}
		g.calls.Lock()
		defer g.calls.Unlock()
		_, err := g.compare("barrier", nil) // which waits for all
		return err
	})
}

// MonitoredBarrier is [Group.Barrier] with a timeout of its own. The error on rank 0 also
// names processes that are alive and have not called it in time.
func (g *Group) MonitoredBarrier(timeout time.Duration) error {
	return g.do("barrier", func() error { return plain(g.h.MonitoredBarrier(timeout)) })
}

// plain makes nil of a nil *ctorch.Error.
func plain(err *ctorch.Error) error {
	if err == nil {
		return nil
	}
	return err
}
