// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// Inputs have the sizes of the networks: a batch of 64 and layers up to 512 wide.
const (
	batch = 64
	width = 128
)

func mathCases() []Case {
	x, y, row := normal(batch, width), normal(batch, width), normal(width)
	away := between(0.1, 3, batch, width) // from zero
	inside := between(-0.95, 0.95, batch, width)
	special := given([]float32{1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0}, 5)
	bits := given([]bool{true, false, true, true}, 4)

	// inPlace changes a copy, as a leaf that requires its gradient cannot be changed.
	inPlace := func(f func(a, b *torch.Tensor) *torch.Tensor) Runner {
		return binary(func(a, b *torch.Tensor) *torch.Tensor { return f(a.Clone(), b) })
	}
	pointwise := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Kind: Pointwise, Grad: true, In: in, Run: run}
	}
	// A gradient with respect to what was broadcast is a sum over the batch, and that
	// of a function that levels off is as good as one.
	summed := func(name, op string, run Runner, in ...Maker) Case {
		c := pointwise(name, op, run, in...)
		c.GradKind = Sum
		return c
	}
	exact := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, In: in, Run: run}
	}
	return []Case{
		summed("add", "add.Tensor", binary((*torch.Tensor).Add), x, row),
		summed("sub", "sub.Tensor", binary((*torch.Tensor).Sub), x, row),
		summed("mul", "mul.Tensor", binary((*torch.Tensor).Mul), x, row),
		summed("div", "div.Tensor", binary((*torch.Tensor).Div), x, between(0.5, 2, width)),
		pointwise("pow", "pow.Tensor_Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.Pow(1.5) }), away),
		pointwise("add a number", "add.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.AddScalar(2.5) }), x),
		pointwise("subtract a number", "sub.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.SubScalar(2.5) }), x),
		pointwise("mul by a number", "mul.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.MulScalar(2.7) }), x),
		pointwise("div by a number", "div.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.DivScalar(2.7) }), x),
		summed("add in place", "add_.Tensor", inPlace((*torch.Tensor).AddInPlace), x, row),
		summed("sub in place", "sub_.Tensor", inPlace((*torch.Tensor).SubInPlace), x, row),
		summed("mul in place", "mul_.Tensor", inPlace((*torch.Tensor).MulInPlace), x, row),
		summed("div in place", "div_.Tensor", inPlace((*torch.Tensor).DivInPlace), x, between(0.5, 2, width)),
		pointwise("add a number in place", "add_.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.Clone().AddScalarInPlace(2.5) }), x),
		pointwise("mul by a number in place", "mul_.Scalar", unary(func(x *torch.Tensor) *torch.Tensor { return x.Clone().MulScalarInPlace(2.7) }), x),
		pointwise("neg", "neg", unary((*torch.Tensor).Neg), x),
		pointwise("abs", "abs", unary((*torch.Tensor).Abs), x),
		pointwise("exp", "exp", unary((*torch.Tensor).Exp), x),
		pointwise("log", "log", unary((*torch.Tensor).Log), away),
		pointwise("sqrt", "sqrt", unary((*torch.Tensor).Sqrt), away),
		pointwise("square", "square", unary((*torch.Tensor).Square), x),
		pointwise("reciprocal", "reciprocal", unary(func(x *torch.Tensor) *torch.Tensor { return torch.Call("aten::reciprocal", x).Tensor() }), away),
		summed("atanh", "atanh", unary((*torch.Tensor).Atanh), inside),
		summed("tanh", "tanh", unary((*torch.Tensor).Tanh), x),
		summed("sigmoid", "sigmoid", unary((*torch.Tensor).Sigmoid), x),
		pointwise("relu", "relu", unary((*torch.Tensor).Relu), x),
		pointwise("clamp", "clamp", unary(func(x *torch.Tensor) *torch.Tensor { return x.Clamp(-0.5, 0.5) }), x),
		pointwise("clamp from above", "clamp", unary(func(x *torch.Tensor) *torch.Tensor {
			return torch.Call("aten::clamp", x, torch.Named{"max": 1.0}).Tensor()
		}), x),
		pointwise("maximum", "maximum", binary((*torch.Tensor).Maximum), x, y),
		pointwise("minimum", "minimum", binary((*torch.Tensor).Minimum), x, y),
		pointwise("where", "where.self", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.Where(a.Gt(b), a, b) }), x, y),

		{Name: "softmax", Ops: []string{"aten::softmax.int"}, Kind: Sum, Grad: true, In: []Maker{x},
			Run: unary(func(x *torch.Tensor) *torch.Tensor { return x.Softmax(-1) })},
		{Name: "log softmax", Ops: []string{"aten::log_softmax.int"}, Kind: Sum, Grad: true, In: []Maker{x},
			Run: unary(func(x *torch.Tensor) *torch.Tensor { return x.LogSoftmax(0) })},
		{Name: "matmul", Ops: []string{"aten::matmul"}, Kind: Sum, Grad: true, In: []Maker{x, normal(width, 512)},
			Run: binary((*torch.Tensor).Matmul)},
		{Name: "matmul of batches", Ops: []string{"aten::matmul"}, Kind: Sum, Grad: true, In: []Maker{normal(8, 3, width), normal(8, width, 5)},
			Run: binary((*torch.Tensor).Matmul)},
		{Name: "linear", Ops: []string{"aten::linear"}, Kind: Sum, Grad: true, In: []Maker{normal(batch, 512), normal(256, 512), normal(256)},
			Run: ternary(torch.Linear)},
		{Name: "linear without bias", Ops: []string{"aten::linear"}, Kind: Sum, Grad: true, In: []Maker{x, normal(512, width)},
			Run: binary(func(x, w *torch.Tensor) *torch.Tensor { return torch.Linear(x, w, nil) })},

		exact("eq", "eq.Tensor", binary(func(a, b *torch.Tensor) *torch.Tensor { return a.Eq(torch.Where(a.Gt(b), a, b)) }), x, y),
		exact("ne a number", "ne.Scalar", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(torch.Call("aten::ne.Scalar", in[0], 3).Tensor())
		}, below(7, batch)),
		exact("lt", "lt.Tensor", binary((*torch.Tensor).Lt), x, y),
		exact("gt", "gt.Tensor", binary((*torch.Tensor).Gt), x, y),
		exact("isfinite", "isfinite", unary((*torch.Tensor).IsFinite), special),
		exact("all", "all", unary((*torch.Tensor).All), bits),
		exact("any", "any", unary((*torch.Tensor).Any), bits),
		{Name: "equal", Ops: []string{"aten::equal"}, Host: true, In: []Maker{x, y},
			Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
				return one(torch.FromSlice([]bool{in[0].Equal(in[0].Clone()), in[0].Equal(in[1])}))
			}},
		{Name: "allclose", Ops: []string{"aten::allclose"}, Host: true, In: []Maker{x},
			Run: func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
				near, far := in[0].AddScalar(1e-6), in[0].AddScalar(1e-2)
				return one(torch.FromSlice([]bool{in[0].AllClose(near, 1e-3, 1e-4), in[0].AllClose(far, 1e-3, 1e-4)}))
			}},
	}
}
