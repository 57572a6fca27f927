// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"github.com/etude-ml/etude/torch"
)

func shapeCases() []Case {
	x, cube := normal(batch, width), normal(8, 16, 32)
	// view moves elements, and so does its gradient.
	view := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Grad: true, In: in, Run: run}
	}
	// gathered is a view whose gradient adds up.
	gathered := func(name, op string, run Runner, in ...Maker) Case {
		c := view(name, op, run, in...)
		c.GradKind = Sum
		return c
	}
	list := func(f func(*torch.Tensor) []*torch.Tensor) Runner {
		return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor { return f(in[0]) }
	}
	joined := func(f func([]*torch.Tensor, int) *torch.Tensor) Runner {
		return func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor { return one(f(in, 1)) }
	}
	return []Case{
		view("reshape", "reshape", unary(func(x *torch.Tensor) *torch.Tensor { return x.Transpose(0, 1).Reshape(4, -1) }), cube),
		view("view", "view", unary(func(x *torch.Tensor) *torch.Tensor { return x.View(16, 256) }), cube),
		view("permute", "permute", unary(func(x *torch.Tensor) *torch.Tensor { return x.Permute(2, 0, 1) }), cube),
		view("transpose", "transpose.int", unary(func(x *torch.Tensor) *torch.Tensor { return x.Transpose(0, 2) }), cube),
		view("t", "t", unary((*torch.Tensor).T), x),
		view("squeeze", "squeeze.dim", unary(func(x *torch.Tensor) *torch.Tensor { return x.Squeeze(1) }), normal(batch, 1, width)),
		view("unsqueeze", "unsqueeze", unary(func(x *torch.Tensor) *torch.Tensor { return x.Unsqueeze(-1) }), x),
		gathered("expand", "expand", unary(func(x *torch.Tensor) *torch.Tensor { return x.Expand(batch, width) }), normal(width)),
		view("narrow", "narrow", unary(func(x *torch.Tensor) *torch.Tensor { return x.Narrow(1, 3, 50) }), x),
		view("select", "select.int", unary(func(x *torch.Tensor) *torch.Tensor { return x.Select(1, -1) }), cube),
		gathered("index select", "index_select", binary(func(x, i *torch.Tensor) *torch.Tensor { return x.IndexSelect(0, i) }), x, below(batch, 200)),
		view("chunk", "chunk", list(func(x *torch.Tensor) []*torch.Tensor { return x.Chunk(3, 1) }), x),
		view("split", "split.Tensor", list(func(x *torch.Tensor) []*torch.Tensor { return x.Split(50, 1) }), x),
		view("split with sizes", "split_with_sizes", list(func(x *torch.Tensor) []*torch.Tensor {
			return torch.Call("aten::split_with_sizes", x, []int{30, 30, 68}, 1).Tensors()
		}), x),
		view("cat", "cat", joined(torch.Cat), x, normal(batch, 3)),
		view("stack", "stack", joined(torch.Stack), x, x),
		view("flip", "flip", unary(func(x *torch.Tensor) *torch.Tensor { return x.Flip(0, 2) }), cube),
		view("clone", "clone", unary((*torch.Tensor).Clone), x),
		view("contiguous", "contiguous", unary(func(x *torch.Tensor) *torch.Tensor { return x.T().Contiguous() }), x),
		view("to a type", "to.dtype", unary(func(x *torch.Tensor) *torch.Tensor { return x.ToDType(torch.Float64) }), x),
		view("to a device", "to.device", func(d torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(in[0].To(torch.CPU).MulScalar(2).To(d)) // there and back
		}, x),
		view("resolve conj", "resolve_conj", unary(func(x *torch.Tensor) *torch.Tensor { return torch.Call("aten::resolve_conj", x).Tensor() }), x),
		view("resolve neg", "resolve_neg", unary(func(x *torch.Tensor) *torch.Tensor { return torch.Call("aten::resolve_neg", x).Tensor() }), x),
		gathered("as strided", "as_strided", unary(func(x *torch.Tensor) *torch.Tensor { return x.AsStrided([]int{20, 30}, []int{3, 2}, 5) }), cube),
		{Name: "pinned memory", Ops: []string{"aten::pin_memory", "aten::is_pinned"}, In: []Maker{x}, Run: pinned},
		{Name: "detach", Ops: []string{"aten::detach"}, In: []Maker{x}, Run: unary((*torch.Tensor).Detach)},
		{Name: "to int64", Ops: []string{"aten::to.dtype"}, In: []Maker{between(-9, 9, 100)},
			Run: unary(func(x *torch.Tensor) *torch.Tensor { return x.ToDType(torch.Int64) })},
		{Name: "set data", Ops: []string{"aten::set_data"}, In: []Maker{x, normal(3, 4)},
			Run: binary(func(a, b *torch.Tensor) *torch.Tensor {
				torch.Call("aten::set_data", a, b)
				return a
			})},
		{Name: "item", Ops: []string{"aten::item"}, Host: true, In: []Maker{normal(1), below(7, 1)},
			Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
				return one(torch.FromSlice([]float64{in[0].Item(), float64(in[1].ItemInt())}))
			}},
	}
}

// pinned takes x to the host and back, on CUDA by way of pinned memory, which
// nothing else has.
func pinned(d torch.Device, in []*torch.Tensor) []*torch.Tensor {
	host := in[0].To(torch.CPU)
	if host.IsPinned() {
		panic(&torch.Error{Op: "is_pinned", Message: "true of ordinary memory"})
	}
	if d.Type == torch.DeviceCUDA {
		if host = host.PinMemory(); !host.IsPinned() {
			panic(&torch.Error{Op: "is_pinned", Message: "false of pinned memory"})
		}
	}
	y := torch.Empty(host.Shape(), torch.Options{Device: d}).CopyNonBlockingInPlace(host)
	return []*torch.Tensor{y, host.ToNonBlocking(d)}
}
