// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// All returns a case of every operator that Etude calls.
func All() []Case {
	return slices.Concat(creation(), random(), pointwise(), comparisons(), products(), reductions(), losses(), moreLosses(), layers(), views(), copies(), optimizers(), methods(),
		sequences(), spatial())
}

func creation() []Case {
	return []Case{
		op("Zeros", "zeros", Exact, func(o torch.Options) tensor { return torch.Zeros([]int{2, 3}, o) }).as("-> Zeros"),
		op("Ones", "ones", Exact, func(o torch.Options) tensor { o.DType = torch.Int64; return torch.Ones([]int{2, 3}, o) }).as("-> Ones"),
		op("Full", "full", Exact, func(o torch.Options) tensor { return torch.Full([]int{2}, 1.5, o) }).as("-> Full"),
		op("Empty", "empty.memory_format", Exact, func(o torch.Options) tensor { return torch.Empty([]int{batch, width}, o).FillInPlace(1) }),
		op("Arange", "arange.start_step", Exact, func(o torch.Options) tensor { return torch.Arange(0, 2, 0.25, o) }).as("-> Arange"),
		op("ZerosLike", "zeros_like", Exact, torch.ZerosLike, x).as("a"),
		op("OnesLike", "ones_like", Exact, torch.OnesLike, x).as("a"),
		op("EmptyLike", "empty_like", Exact, func(x tensor) tensor { return torch.EmptyLike(x).FillInPlace(1) }, x),
		op("FillInPlace", "fill_.Scalar", Exact, func(x tensor) tensor { return x.Clone().FillInPlace(2.5) }, x).as("a"),
		op("ZeroInPlace", "zero_", Exact, func(x tensor) tensor { return x.Clone().ZeroInPlace() }, x).as("a"),
		op("CopyInPlace", "copy_", Exact, func(a, b tensor) tensor { return torch.ZerosLike(a).CopyInPlace(b) }, x, y).as("a b"),
		op("CopyInPlace of a view", "copy_", Exact, func(a, b tensor) tensor { return a.CopyInPlace(b.T()) }, normal(width, batch), x),
	}
}

func random() []Case {
	const spread = 3 // the kurtosis of the normal distribution
	return []Case{
		op("Rand", "rand", Exact, func(o torch.Options) tensor { return uniformly(torch.Rand([]int{many}, o), 0, 1) }).holds(),
		op("Randn", "randn", Exact, func(o torch.Options) tensor { return distributed(torch.Randn([]int{many}, o), 0, 1, spread) }).holds(),
		op("UniformInPlace", "uniform_", Exact, func(o torch.Options) tensor {
			return uniformly(torch.Empty([]int{many}, o).UniformInPlace(-2, 3), -2, 3)
		}).holds(),
		op("NormalInPlace", "normal_", Exact, func(o torch.Options) tensor {
			return distributed(torch.Empty([]int{many}, o).NormalInPlace(1, 0.5), 1, 0.5, spread)
		}).holds(),
		op("Randperm", "randperm", Exact, func(torch.Options) tensor { // it is always on the CPU
			seen := [1000]bool{}
			for _, i := range torch.ToSlice[int64](torch.Randperm(len(seen))) {
				seen[i] = true
			}
			return torch.FromSlice(seen[:])
		}).holds().onHost(),
		op("Dropout", "dropout", Exact, func(o torch.Options) tensor {
			const p = 0.3
			ones := torch.Ones([]int{many}, o).SetRequiresGrad(true)
			y := torch.Dropout(ones, p, true)
			y.Sum().Backward()
			kept := y.Detach().MulScalar(1 - p)
			// Each is dropped or scaled, the gradient is the scale, and the share of
			// those kept is right.
			return torch.Stack(list{
				kept.Mul(kept.AddScalar(-1)).Abs().Max().Lt(torch.Full([]int{}, 1e-6, o)),
				ones.Grad().Eq(y.Detach()).All(),
				distributed(kept, 1-p, math.Sqrt(p*(1-p)), 1/(p*(1-p))-3),
			}, 0)
		}).holds(),
	}
}

// The gradient of an input that was broadcast is a sum over the batch, and that of a
// function that levels off is as inexact as a sum. In-place operators change a copy,
// because a leaf that requires its gradient cannot be changed in place.
func pointwise() []Case {
	return []Case{
		op("Add", "add.Tensor", Pointwise, tensor.Add, x, row).grad(Sum).as("a row"),
		op("Sub", "sub.Tensor", Pointwise, tensor.Sub, x, row).grad(Sum).as("a row"),
		op("Mul", "mul.Tensor", Pointwise, tensor.Mul, x, row).grad(Sum).as("a b"),
		op("Div", "div.Tensor", Pointwise, tensor.Div, x, divisor).grad(Sum).as("a b"),
		op("Pow", "pow.Tensor_Scalar", Pointwise, func(x tensor) tensor { return x.Pow(1.5) }, away).grad(Pointwise).as("positive"),
		op("AddScalar", "add.Scalar", Pointwise, func(x tensor) tensor { return x.AddScalar(2.5) }, x).grad(Pointwise).as("a"),
		op("SubScalar", "sub.Scalar", Pointwise, func(x tensor) tensor { return x.SubScalar(2.5) }, x).grad(Pointwise),
		op("MulScalar", "mul.Scalar", Pointwise, func(x tensor) tensor { return x.MulScalar(2.5) }, x).grad(Pointwise).as("a"),
		op("DivScalar", "div.Scalar", Pointwise, func(x tensor) tensor { return x.DivScalar(2.5) }, x).grad(Pointwise).as("a"),
		op("AddInPlace", "add_.Tensor", Pointwise, func(a, b tensor) tensor { return a.Clone().AddInPlace(b) }, x, row).grad(Sum).as("a b"),
		op("SubInPlace", "sub_.Tensor", Pointwise, func(a, b tensor) tensor { return a.Clone().SubInPlace(b) }, x, row).grad(Sum).as("a b"),
		op("MulInPlace", "mul_.Tensor", Pointwise, func(a, b tensor) tensor { return a.Clone().MulInPlace(b) }, x, row).grad(Sum).as("a b"),
		op("DivInPlace", "div_.Tensor", Pointwise, func(a, b tensor) tensor { return a.Clone().DivInPlace(b) }, x, divisor).grad(Sum).as("a b"),
		op("AddScalarInPlace", "add_.Scalar", Pointwise, func(x tensor) tensor { return x.Clone().AddScalarInPlace(2.5) }, x).grad(Pointwise).as("a"),
		op("MulScalarInPlace", "mul_.Scalar", Pointwise, func(x tensor) tensor { return x.Clone().MulScalarInPlace(2.5) }, x).grad(Pointwise).as("a"),
		op("Neg", "neg", Pointwise, tensor.Neg, x).grad(Pointwise).as("a"),
		op("Abs", "abs", Pointwise, tensor.Abs, x).grad(Pointwise).as("a"),
		op("Exp", "exp", Pointwise, tensor.Exp, x).grad(Pointwise).as("a"),
		op("Log", "log", Pointwise, tensor.Log, away).grad(Pointwise).as("positive"),
		op("Sqrt", "sqrt", Pointwise, tensor.Sqrt, away).grad(Pointwise).as("positive"),
		op("Square", "square", Pointwise, tensor.Square, x).grad(Pointwise).as("a"),
		op("Atanh", "atanh", Pointwise, tensor.Atanh, between(-0.95, 0.95, batch, width)).grad(Sum).as("unit"),
		op("Tanh", "tanh", Pointwise, tensor.Tanh, x).grad(Sum).as("a"),
		op("Sigmoid", "sigmoid", Pointwise, tensor.Sigmoid, x).grad(Sum).as("a"),
		op("Relu", "relu", Pointwise, tensor.Relu, x).grad(Pointwise).as("a"),
		op("Clamp", "clamp", Pointwise, func(x tensor) tensor { return x.Clamp(-0.5, 0.5) }, x).grad(Pointwise).as("a"),
		op("Clamp from above", "clamp", Pointwise, func(x tensor) tensor {
			return torch.Call("aten::clamp", x, torch.Named{"max": 1.0}).Tensor()
		}, x).grad(Pointwise),
		op("Maximum", "maximum", Pointwise, tensor.Maximum, x, y).grad(Pointwise).as("a b"),
		op("Minimum", "minimum", Pointwise, tensor.Minimum, x, y).grad(Pointwise).as("a b"),
		op("Where", "where.self", Pointwise, func(a, b tensor) tensor { return torch.Where(a.Gt(b), a, b) }, x, y).grad(Pointwise).as("a b"),
	}
}

func comparisons() []Case {
	return []Case{
		op("Eq", "eq.Tensor", Exact, func(a, b tensor) tensor { return a.Eq(torch.Where(a.Gt(b), a, b)) }, x, y).as("a a"),
		op("Lt", "lt.Tensor", Exact, tensor.Lt, x, y).as("a b"),
		op("Gt", "gt.Tensor", Exact, tensor.Gt, x, y).as("a b"),
		op("IsFinite", "isfinite", Exact, tensor.IsFinite, special).as("nan"),
		op("All", "all", Exact, func(x tensor) tensor { return x.IsFinite().All() }, special).as("nan"),
		op("Any", "any", Exact, func(x tensor) tensor { return x.IsFinite().Any() }, special).as("nan"),
		op("Equal", "equal", Exact, func(a, b tensor) tensor {
			return torch.FromSlice([]bool{a.Equal(a.Clone()), a.Equal(b)})
		}, x, y).onHost(),
		op("AllClose", "allclose", Exact, func(x tensor) tensor {
			near, far := x.AddScalar(1e-6), x.AddScalar(1e-2)
			return torch.FromSlice([]bool{x.AllClose(near, 1e-3, 1e-4), x.AllClose(far, 1e-3, 1e-4)})
		}, x).onHost(),
	}
}

func products() []Case {
	return []Case{
		op("Softmax", "softmax.int", Sum, func(x tensor) tensor { return x.Softmax(1) }, x).grad(Sum).as("a"),
		op("LogSoftmax", "log_softmax.int", Sum, func(x tensor) tensor { return x.LogSoftmax(0) }, x).grad(Sum).as("a"),
		op("Matmul", "matmul", Sum, tensor.Matmul, x, normal(width, 512)).grad(Sum).as("a square"),
		op("Matmul of batches", "matmul", Sum, tensor.Matmul, normal(8, 3, width), normal(8, width, 5)).grad(Sum),
		op("Linear", "linear", Sum, torch.Linear, normal(batch, 512), normal(256, 512), normal(256)).grad(Sum).as("a weight bias"),
		op("LinearNoBias", "linear", Sum, func(x, w tensor) tensor { return torch.Linear(x, w, nil) }, x, normal(512, width)).grad(Sum).as("a weight"),
	}
}

// The largest element is the same everywhere, and so is its index.
func reductions() []Case {
	return []Case{
		op("Sum", "sum", Sum, func(x tensor) tensor { return x.Sum() }, x).grad(Sum).as("a"),
		op("SumDim", "sum.dim_IntList", Sum, func(x tensor) tensor { return x.Sum(0, 2) }, cube).grad(Sum).as("cube"),
		op("Sum of nothing", "sum.dim_IntList", Sum, func(x tensor) tensor { return x.Narrow(1, 0, 0).Sum(1) }, x).grad(Sum),
		op("Mean", "mean", Sum, func(x tensor) tensor { return x.Mean() }, x).grad(Sum).as("a"),
		op("MeanDim", "mean.dim", Sum, func(x tensor) tensor { return x.Mean(1) }, cube).grad(Sum).as("cube"),
		op("Std", "std.correction", Sum, func(x tensor) tensor { return x.Std(1) }, x).grad(Sum).as("a"),
		op("StdDim", "std.correction", Sum, func(x tensor) tensor { return x.Std(0, 0) }, x).grad(Sum).as("a"),
		op("Var", "var.correction", Sum, func(x tensor) tensor { return x.Var(1) }, x).grad(Sum).as("a"),
		op("Var over a dimension", "var.correction", Sum, func(x tensor) tensor { return x.Var(1, 1) }, x).grad(Sum),
		op("Cumsum", "cumsum", Sum, func(x tensor) tensor { return x.Cumsum(1) }, x).grad(Sum).as("a"),
		op("Norm", "linalg_vector_norm", Sum, func(x tensor) tensor { return x.Norm(2) }, x).grad(Sum).as("a"),
		op("NormDim", "linalg_vector_norm", Sum, func(x tensor) tensor { return x.Norm(1, 1) }, x).grad(Sum).as("a"),
		op("Max", "max", Exact, tensor.Max, x).grad(Exact).as("a"),
		op("Min", "min", Exact, tensor.Min, x).grad(Exact).as("a"),
		op("Argmax", "argmax", Exact, func(x tensor) tensor { return x.Argmax(1) }, x).as("a"),
		op("Topk", "topk", Exact, func(in list) list {
			values, indices := in[0].Topk(2, 1)
			return list{values, indices}
		}, x).grad(Exact).as("a -> TopkValues TopkIndices"),
	}
}

func losses() []Case {
	p, q := between(0.01, 0.99, batch, width), between(0.01, 0.99, batch, width)
	classes := below(width, batch)
	loss := func(name, ops string, f any, golden string, in ...Maker) Case {
		return op(name, ops, Sum, f, in...).grad(Sum).as(golden)
	}
	var cases []Case
	for i, r := range []torch.Reduction{torch.ReduceMean, torch.ReduceSum, torch.ReduceNone} {
		name := [...]string{"", "Sum", "None"}[i]
		golden := func(inputs string) string { // PyTorch's results are means, but for the first
			if r == torch.ReduceMean {
				return inputs
			}
			return ""
		}
		cases = append(cases,
			loss("MSELoss"+name, "mse_loss", func(a, b tensor) tensor { return torch.MSELoss(a, b, r) }, "a b", x, y),
			loss("L1Loss"+name, "l1_loss", func(a, b tensor) tensor { return torch.L1Loss(a, b, r) }, golden("a b"), x, y),
			loss("HuberLoss"+name, "huber_loss", func(a, b tensor) tensor { return torch.HuberLoss(a, b, r, 0.7) }, golden("a b"), x, y),
			loss("BCELoss"+name, "binary_cross_entropy", func(a, b tensor) tensor { return torch.BCELoss(a, b, nil, r) }, golden("unit unit2"), p, q),
			loss("BCEWithLogitsLoss"+name, "binary_cross_entropy_with_logits",
				func(a, b tensor) tensor { return torch.BCEWithLogitsLoss(a, b, nil, nil, r) }, golden("a unit"), x, q),
			loss("KLDivLoss"+name, "kl_div", func(a, b tensor) tensor { return torch.KLDivLoss(a, b, r, false) }, golden("logp prob"), logShares, shares),
			loss("CrossEntropyLoss"+name, "cross_entropy_loss",
				func(a, b tensor) tensor { return torch.CrossEntropyLoss(a, b, nil, r, -100, 0) }, golden("a classes"), x, classes),
		)
	}
	mean := torch.ReduceMean
	return append(cases,
		loss("BCELoss, weighted", "binary_cross_entropy", func(x, y, w tensor) tensor { return torch.BCELoss(x, y, w.Detach(), mean) }, "", p, q, divisor),
		loss("BCEWithLogitsLoss, weighted", "binary_cross_entropy_with_logits",
			func(x, y, w tensor) tensor { return torch.BCEWithLogitsLoss(x, y, nil, w.Detach(), mean) }, "", x, q, divisor),
		loss("KLDivLoss of logarithms", "kl_div", func(a, b tensor) tensor { return torch.KLDivLoss(a, b, mean, true) }, "", logShares, logShares),
		loss("CrossEntropyLossSmooth", "cross_entropy_loss",
			func(x, y, w tensor) tensor { return torch.CrossEntropyLoss(x, y, w.Detach().Abs(), mean, -100, 0.1) }, "a classes row", x, classes, divisor),
		loss("CrossEntropyLoss without a class", "cross_entropy_loss",
			func(x, y, w tensor) tensor { return torch.CrossEntropyLoss(x, y, w.Detach(), mean, 3, 0.1) }, "", x, classes, divisor),
		// The gradient is a difference of softmax and shares, which are both larger.
		loss("CrossEntropyLoss of shares", "cross_entropy_loss",
			func(a, b tensor) tensor { return torch.CrossEntropyLoss(a, b, nil, mean, -100, 0) }, "", x, shares).grad(Chain),
	)
}

func layers() []Case {
	return []Case{
		op("DropoutEval", "dropout", Exact, func(x tensor) tensor { return torch.Dropout(x, 0.25, false) }, x).grad(Exact).as("a"),
		op("LayerNorm", "layer_norm", Sum, func(x, w, b tensor) tensor {
			return torch.LayerNorm(x, w.Shape(), w, b.Narrow(0, 0, w.Numel()), 1e-5)
		}, x, divisor, row).grad(Sum).as("a row bias"),
		op("LayerNorm, plain", "layer_norm", Sum, func(x tensor) tensor { return torch.LayerNorm(x, []int{16, 32}, nil, nil, 1e-5) }, cube).grad(Sum),
		op("Embedding", "embedding", Exact, func(w, i tensor) tensor { return torch.Embedding(w, i, 3) }, normal(50, 32), below(50, 200)).grad(Sum).as("weight index"),
		lstm("LSTM over one step", 1, torch.LSTMOptions{Bias: true, Layers: 1, Train: true, BatchFirst: true}),
		lstm("LSTM", 6, torch.LSTMOptions{Bias: true, Layers: 1, Train: true, BatchFirst: true}).
			as("lstm_x lstm_h lstm_c w_ih w_hh b_ih b_hh -> LSTM LSTMHidden LSTMCell"),
		lstm("LSTM of two layers, both ways", 6, torch.LSTMOptions{Layers: 2, Train: true, Bidirectional: true}),
		op("LSTM, flat", "cudnn_is_acceptable _cudnn_rnn_flatten_weight", Chain, flatLSTM, normal(6, 16, 32)).grad(Chain),
	}
}

// flatLSTM runs a layer whose weights, on CUDA, are moved into one block when it is made.
func flatLSTM(d torch.Device, in list) list {
	torch.ManualSeed(1)
	l := nn.NewLSTM(32, 24, d, nn.LSTMConfig{Layers: 2})
	if first, last := l.Weights[0].Storage(), l.Weights[7].Storage(); d.Type == torch.DeviceCUDA && first.ID != last.ID {
		panic(&torch.Error{Op: "nn.LSTM", Message: "its weights are not in one block"})
	}
	return list{l.Forward(in[0])}
}

// lstm makes a case with the input of the state, all weights and n steps. On CUDA it
// runs in cuDNN, which computes gradients in training mode only.
func lstm(name string, n int, o torch.LSTMOptions) Case {
	const in, hidden, sequences = 32, 24, 16
	input, directions := normal(n, sequences, in), 1
	if o.BatchFirst {
		input = normal(sequences, n, in)
	}
	if o.Bidirectional {
		directions = 2
	}
	state := normal(o.Layers*directions, sequences, hidden)
	makers := []Maker{input, state, state}
	for i := range o.Layers * directions {
		columns := in
		if i >= directions {
			columns = directions * hidden
		}
		makers = append(makers, between(-0.2, 0.2, 4*hidden, columns), between(-0.2, 0.2, 4*hidden, hidden))
		if o.Bias {
			makers = append(makers, between(-0.2, 0.2, 4*hidden), between(-0.2, 0.2, 4*hidden))
		}
	}
	return op(name, "lstm.input", Chain, func(in list) list {
		y, h, c := torch.LSTM(in[0], in[1], in[2], in[3:], o)
		return list{y, h, c}
	}, makers...).grad(Chain)
}

// Views only move elements, and so do their gradients, unless an element is used
// twice.
func views() []Case {
	return []Case{
		op("Reshape", "reshape", Exact, func(x tensor) tensor { return x.Reshape(6, -1) }, cube).grad(Exact).as("cube"),
		op("Reshape of a transpose", "reshape", Exact, func(x tensor) tensor { return x.Transpose(0, 1).Reshape(4, -1) }, cube).grad(Exact),
		op("View", "view", Exact, func(x tensor) tensor { return x.View(2, -1) }, cube).grad(Exact).as("cube"),
		op("Permute", "permute", Exact, func(x tensor) tensor { return x.Permute(2, 0, 1) }, cube).grad(Exact).as("cube"),
		op("Transpose", "transpose.int", Exact, func(x tensor) tensor { return x.Transpose(0, 2) }, cube).grad(Exact).as("cube"),
		op("T", "t", Exact, tensor.T, x).grad(Exact).as("a"),
		op("Squeeze", "squeeze.dim", Exact, func(x tensor) tensor { return x.Unsqueeze(1).Squeeze(1) }, x).grad(Exact).as("a"),
		op("Unsqueeze", "unsqueeze", Exact, func(x tensor) tensor { return x.Unsqueeze(-1) }, x).grad(Exact).as("a"),
		op("Expand", "expand", Exact, func(x tensor) tensor { return x.Expand(3, 4) }, normal(4)).grad(Sum).as("row"),
		op("Narrow", "narrow", Exact, func(x tensor) tensor { return x.Narrow(1, 1, 2) }, x).grad(Exact).as("a"),
		op("Select", "select.int", Exact, func(x tensor) tensor { return x.Select(1, -1) }, cube).grad(Exact).as("cube"),
		op("IndexSelect", "index_select", Exact, func(x, i tensor) tensor { return x.IndexSelect(0, i) }, x, below(batch, 200)).grad(Sum).as("a index"),
		op("Chunk", "chunk", Exact, func(in list) list { return in[0].Chunk(3, 1) }, x).grad(Exact).as("a -> - Chunk"),
		op("Split", "split.Tensor", Exact, func(in list) list { return in[0].Split(3, 1) }, x).grad(Exact).as("a -> - Split"),
		op("AsStrided", "as_strided", Exact, func(x tensor) tensor { return x.AsStrided([]int{2, 3}, []int{12, 2}, 1) }, cube).grad(Exact).as("cube"),
		op("AsStrided, overlapping", "as_strided", Exact, func(x tensor) tensor { return x.AsStrided([]int{20, 30}, []int{3, 2}, 5) }, cube).grad(Sum),
		op("resolve conj", "resolve_conj", Exact, func(x tensor) tensor { return torch.Call("aten::resolve_conj", x).Tensor() }, x).grad(Exact),
		op("resolve neg", "resolve_neg", Exact, func(x tensor) tensor { return torch.Call("aten::resolve_neg", x).Tensor() }, x).grad(Exact),
		op("Detach", "detach", Exact, tensor.Detach, x).as("a"),
		op("set data", "set_data", Exact, func(a, b tensor) tensor { torch.Call("aten::set_data", a, b); return a }, x, normal(3, 4)),
	}
}

func copies() []Case {
	return []Case{
		op("Cat", "cat", Exact, func(a, b tensor) tensor { return torch.Cat(list{a, b}, 1) }, x, normal(batch, 3)).grad(Exact).as("a b"),
		op("Stack", "stack", Exact, func(a, b tensor) tensor { return torch.Stack(list{a, b}, 1) }, x, y).grad(Exact).as("a b"),
		op("Flip", "flip", Exact, func(x tensor) tensor { return x.Flip(0, 1) }, cube).grad(Exact).as("a"),
		op("Clone", "clone", Exact, tensor.Clone, x).grad(Exact).as("a"),
		op("Contiguous", "contiguous", Exact, func(x tensor) tensor { return x.T().Contiguous() }, x).grad(Exact).as("a"),
		op("ToDType", "to.dtype", Exact, func(x tensor) tensor { return x.ToDType(torch.Float64) }, x).grad(Exact).as("a"),
		op("ToDType, truncating", "to.dtype", Exact, func(x tensor) tensor { return x.ToDType(torch.Int64) }, between(-9, 9, 100)),
		op("To", "to.device", Exact, func(d torch.Device, in list) list { return list{in[0].To(torch.CPU).To(d)} }, x).grad(Exact).as("a"),
		op("PinMemory", "pin_memory is_pinned", Exact, pinned, x),
		op("Item", "item", Exact, func(a, b tensor) tensor {
			return torch.FromSlice([]float64{a.Item(), float64(b.ItemInt())})
		}, normal(1), below(7, 1)).onHost(),
	}
}

// pinned takes x to the host and back, on CUDA by way of pinned memory, which
// nothing else has.
func pinned(d torch.Device, in list) list {
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
	return list{y, host.ToNonBlocking(d)}
}

// optimizers returns the kernels of optimizers and of clipping, on lists of two
// parameters: each list is a pair of neighbours among the inputs, all of which may
// have changed.
func optimizers() []Case {
	values := []Maker{x, row}
	squares := []Maker{between(0.01, 1, batch, width), between(0.01, 1, width)}
	step := given([]float32{3}, []int{}...)
	changing := func(name, ops string, f func(lists []list), in ...Maker) Case {
		return op(name, ops, Pointwise, func(in list) list {
			f(slices.Collect(slices.Chunk(in, 2)))
			return in
		}, in...)
	}
	foreach := func(name string, args ...any) Case {
		return changing(name, name, func(l []list) { torch.Call("aten::"+name, append([]any{l[0]}, args...)...) }, values...)
	}
	adam := func(name, kernel string, amsgrad bool) Case {
		return changing(name, kernel, func(l []list) {
			largest := list{}
			if amsgrad {
				largest = l[5]
			}
			torch.Call("aten::"+kernel, l[0], l[1], l[2], l[3], largest, l[4], torch.Named{
				"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "weight_decay": 1e-2, "eps": 1e-8, "amsgrad": amsgrad, "maximize": false,
			})
		}, slices.Concat(values, values, values, squares, []Maker{step, step}, squares)...)
	}
	sgd := func(name string, momentum float64, nesterov, first bool) Case {
		return changing(name, "_fused_sgd_", func(l []list) {
			buffers := l[2]
			if momentum == 0 {
				buffers = list{}
			}
			torch.Call("aten::_fused_sgd_", l[0], l[1], buffers, torch.Named{
				"weight_decay": 1e-2, "momentum": momentum, "lr": 1e-2, "dampening": 0.0,
				"nesterov": nesterov, "maximize": false, "is_first_step": first,
			})
		}, slices.Concat(values, values, values)...)
	}
	return []Case{
		foreach("_foreach_add_.Scalar", 1),
		foreach("_foreach_clamp_min_.Scalar", -0.3),
		foreach("_foreach_clamp_max_.Scalar", 0.3),
		op("foreach lerp", "_foreach_lerp_.Scalar", Pointwise, func(in list) list {
			torch.Call("aten::_foreach_lerp_.Scalar", in[:2], in[2:], 0.3)
			return in[:2]
		}, slices.Concat(values, values)...),
		op("foreach add", "_foreach_add_.Tensor", Pointwise, func(in list) list {
			torch.Call("aten::_foreach_add_.Tensor", in[:2], in[2])
			return in[:2]
		}, x, row, given([]float32{0.3}, []int{}...)),
		op("foreach mul", "_foreach_mul_.Tensor", Pointwise, func(in list) list {
			torch.Call("aten::_foreach_mul_.Tensor", in[:2], in[2])
			return in[:2]
		}, x, row, given([]float32{0.3}, []int{}...)),
		op("foreach norm", "_foreach_norm.Scalar", Sum, func(in list) list {
			return torch.Call("aten::_foreach_norm.Scalar", in, 2).Tensors()
		}, values...),
		op("unscale", "_amp_foreach_non_finite_check_and_unscale_", Pointwise, func(in list) list {
			o := torch.Options{Device: in[0].Device()}
			found := torch.Zeros([]int{}, o)
			torch.Call("aten::_amp_foreach_non_finite_check_and_unscale_", in, found, torch.Full([]int{}, 0.125, o))
			return append(slices.Clone(in), found)
		}, values...),
		op("update scale", "_amp_update_scale_", Exact, func(in list) list {
			torch.Call("aten::_amp_update_scale_", in[0], in[1], in[2], 2.0, 0.5, 4)
			return in[:2]
		}, given([]float32{64}, []int{}...), given([]int32{3}, []int{}...), given([]float32{0}, []int{}...)),
		adam("fused Adam", "_fused_adam_", false),
		adam("fused Adam, AMSGrad", "_fused_adam_", true),
		adam("fused AdamW", "_fused_adamw_", false),
		sgd("fused SGD", 0, false, false),
		sgd("fused SGD, first momentum", 0.9, false, true),
		sgd("fused SGD, momentum", 0.9, false, false),
		sgd("fused SGD, Nesterov", 0.9, true, false),
	}
}
