// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

func reduceCases() []Case {
	x, cube := normal(batch, width), normal(8, 16, 32)
	sum := func(name, op string, f func(*torch.Tensor) *torch.Tensor, in Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Kind: Sum, Grad: true, In: []Maker{in}, Run: unary(f)}
	}
	// The largest element is the same everywhere, and so is its index.
	pick := func(name, op string, run Runner, grad bool) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Grad: grad, In: []Maker{x}, Run: run}
	}
	return []Case{
		sum("sum", "sum", func(x *torch.Tensor) *torch.Tensor { return x.Sum() }, x),
		sum("sum over dimensions", "sum.dim_IntList", func(x *torch.Tensor) *torch.Tensor { return x.Sum(0, 2) }, cube),
		sum("sum over nothing", "sum.dim_IntList", func(x *torch.Tensor) *torch.Tensor { return x.Narrow(1, 0, 0).Sum(1) }, x),
		sum("mean", "mean", func(x *torch.Tensor) *torch.Tensor { return x.Mean() }, x),
		sum("mean over a dimension", "mean.dim", func(x *torch.Tensor) *torch.Tensor { return x.Mean(1) }, cube),
		sum("std", "std.correction", func(x *torch.Tensor) *torch.Tensor { return x.Std(1) }, x),
		sum("std over a dimension", "std.correction", func(x *torch.Tensor) *torch.Tensor { return x.Std(0, 0) }, x),
		sum("var", "var.correction", func(x *torch.Tensor) *torch.Tensor { return x.Var(1, 1) }, x),
		sum("cumsum", "cumsum", func(x *torch.Tensor) *torch.Tensor { return x.Cumsum(1) }, x),
		sum("norm", "linalg_vector_norm", func(x *torch.Tensor) *torch.Tensor { return x.Norm(2) }, x),
		sum("norm over a dimension", "linalg_vector_norm", func(x *torch.Tensor) *torch.Tensor { return x.Norm(1, 1) }, x),
		pick("max", "max", unary((*torch.Tensor).Max), true),
		pick("min", "min", unary((*torch.Tensor).Min), true),
		pick("argmax", "argmax", unary(func(x *torch.Tensor) *torch.Tensor { return x.Argmax(1) }), false),
		pick("topk", "topk", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			values, indices := in[0].Topk(5, 1)
			return []*torch.Tensor{values, indices}
		}, true),
	}
}

func lossCases() []Case {
	x, y := normal(batch, width), normal(batch, width)
	p, q := between(0.01, 0.99, batch, width), between(0.01, 0.99, batch, width)
	classes, weight := below(width, batch), between(0.5, 2, width)
	loss := func(name, op string, run Runner, in ...Maker) Case {
		return Case{Name: name, Ops: []string{"aten::" + op}, Kind: Sum, Grad: true, In: in, Run: run}
	}
	var cases []Case
	for i, r := range []torch.Reduction{torch.ReduceMean, torch.ReduceSum, torch.ReduceNone} {
		name := [...]string{"mean", "sum", "none"}[i]
		cases = append(cases,
			loss("mse loss, "+name, "mse_loss", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.MSELoss(a, b, r) }), x, y),
			loss("l1 loss, "+name, "l1_loss", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.L1Loss(a, b, r) }), x, y),
			loss("huber loss, "+name, "huber_loss", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.HuberLoss(a, b, r, 0.7) }), x, y),
			loss("bce loss, "+name, "binary_cross_entropy", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.BCELoss(a, b, nil, r) }), p, q),
			loss("bce with logits, "+name, "binary_cross_entropy_with_logits",
				binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.BCEWithLogitsLoss(a, b, nil, nil, r) }), x, q),
			loss("kl div, "+name, "kl_div", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.KLDivLoss(a, b, r, false) }),
				logShares(batch, width), shares(batch, width)),
			loss("cross entropy, "+name, "cross_entropy_loss",
				binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.CrossEntropyLoss(a, b, nil, r, -100, 0) }), x, classes),
		)
	}
	mean := torch.ReduceMean
	return append(cases,
		loss("bce loss, weighted", "binary_cross_entropy", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(torch.BCELoss(in[0], in[1], in[2].Detach(), mean))
		}, p, q, weight),
		loss("bce with logits, weighted", "binary_cross_entropy_with_logits", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(torch.BCEWithLogitsLoss(in[0], in[1], nil, in[2].Detach(), mean))
		}, x, q, weight),
		Case{
			Name: "nan_to_num", Ops: []string{"aten::nan_to_num"}, Kind: Exact, Grad: true,
			In: []Maker{given([]float32{0.25, float32(math.NaN()), 1, float32(math.Inf(1)), -0.5, float32(math.Inf(-1))}, 2, 3)},
			Run: unary(func(x *torch.Tensor) *torch.Tensor {
				return torch.Call("aten::nan_to_num", x, 0.5, 0.5, 0.5).Tensor()
			}),
		},
		loss("kl div of logarithms", "kl_div", binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.KLDivLoss(a, b, mean, true) }),
			logShares(batch, width), logShares(batch, width)),
		loss("cross entropy, weighted and smoothed", "cross_entropy_loss", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(torch.CrossEntropyLoss(in[0], in[1], in[2].Detach(), mean, 3, 0.1))
		}, x, classes, weight),
		loss("nll loss", "nll_loss_nd", func(_ torch.Device, in []*torch.Tensor) []*torch.Tensor {
			return one(torch.Call("aten::nll_loss_nd", in[0], in[1], in[2].Detach(), 2, 3).Tensor())
		}, logShares(batch, width), classes, weight),
		Case{
			// What the gradient is the difference of, both softmax and shares, is larger.
			Name: "cross entropy of shares", Ops: []string{"aten::cross_entropy_loss"}, Kind: Sum, Grad: true, GradKind: Chain,
			In:  []Maker{x, shares(batch, width)},
			Run: binary(func(a, b *torch.Tensor) *torch.Tensor { return torch.CrossEntropyLoss(a, b, nil, mean, -100, 0) }),
		},
	)
}
