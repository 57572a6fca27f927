// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// methods returns cases of what people write every day: their golden inputs are those of
// gen_ops.py, and beside the names are PyTorch's.
func methods() []Case {
	return slices.Concat(elementwise(), moreComparisons(), activations(), moreReductions(), indexing(), moreShapes(), linearAlgebra(), fourier(), resampling(), drawing())
}

func elementwise() []Case {
	unit, above := between(-0.95, 0.95, batch, width), between(1.1, 3, batch, width)
	var cases []Case
	for _, c := range []struct {
		name, op string
		f        func(tensor) tensor
		kind     Kind
		golden   string
		in       Maker
	}{
		{"Sin", "sin", tensor.Sin, Sum, "a", x}, {"Cos", "cos", tensor.Cos, Sum, "a", x}, {"Tan", "tan", tensor.Tan, Sum, "unit", unit},
		{"Asin", "asin", tensor.Asin, Sum, "unit", unit}, {"Acos", "acos", tensor.Acos, Sum, "unit", unit}, {"Atan", "atan", tensor.Atan, Sum, "a", x},
		{"Sinh", "sinh", tensor.Sinh, Sum, "a", x}, {"Cosh", "cosh", tensor.Cosh, Sum, "a", x}, {"Asinh", "asinh", tensor.Asinh, Sum, "a", x},
		{"Acosh", "acosh", tensor.Acosh, Sum, "above", above}, {"Sign", "sign", tensor.Sign, Exact, "a", x},
		{"Floor", "floor", tensor.Floor, Exact, "a", x}, {"Ceil", "ceil", tensor.Ceil, Exact, "a", x},
		{"Round", "round", tensor.Round, Exact, "a", x}, {"Trunc", "trunc", tensor.Trunc, Exact, "a", x},
		{"Frac", "frac", tensor.Frac, Pointwise, "a", x}, {"Rsqrt", "rsqrt", tensor.Rsqrt, Sum, "positive", away},
		{"Reciprocal", "reciprocal", tensor.Reciprocal, Pointwise, "positive", away},
		{"Exp2", "exp2", tensor.Exp2, Pointwise, "a", x}, {"Expm1", "expm1", tensor.Expm1, Sum, "a", x},
		{"Log1p", "log1p", tensor.Log1p, Sum, "positive", away}, {"Log2", "log2", tensor.Log2, Sum, "positive", away},
		{"Log10", "log10", tensor.Log10, Sum, "positive", away}, {"Erf", "erf", tensor.Erf, Sum, "a", x},
		{"Erfc", "erfc", tensor.Erfc, Sum, "a", x}, {"Lgamma", "lgamma", tensor.Lgamma, Chain, "above", above},
		{"ClampMin", "clamp_min", func(x tensor) tensor { return x.ClampMin(-0.5) }, Exact, "a", x},
		{"ClampMax", "clamp_max", func(x tensor) tensor { return x.ClampMax(0.5) }, Exact, "a", x},
	} {
		cases = append(cases, op(c.name, c.op, c.kind, c.f, c.in).grad(c.kind).as(c.golden))
	}
	return append(cases,
		op("NanToNum", "nan_to_num", Exact, func(x tensor) tensor { return x.NanToNum(0.5, 3, -3) }, special).as("nan"),
		op("Atan2", "atan2", Sum, tensor.Atan2, x, y).grad(Sum).as("a b"),
		op("PowTensor", "pow.Tensor_Tensor", Sum, tensor.PowTensor, away, y).grad(Sum).as("positive b"),
		op("Remainder", "remainder.Tensor", Exact, tensor.Remainder, below(50, 100), given([]int64{7})).as("index two"),
		op("FloorDivide", "floor_divide", Exact, tensor.FloorDivide, below(50, 100), given([]int64{7})).as("index two"),
		op("Lerp", "lerp.Scalar", Sum, func(a, b tensor) tensor { return a.Lerp(b, 0.3) }, x, y).grad(Sum).as("a b"),
		op("Addcmul", "addcmul", Sum, func(a, b tensor) tensor { return a.Addcmul(a, b, 0.3) }, x, y).grad(Sum).as("a b"),
		op("AddScaledInPlace", "add_.Tensor", Sum, func(a, b tensor) tensor { return a.Clone().AddScaledInPlace(b, 0.3) }, x, y).grad(Sum).as("a b"),
		op("LerpInPlace", "lerp_.Scalar", Sum, func(a, b tensor) tensor { return a.Clone().LerpInPlace(b, 0.3) }, x, y).grad(Sum).as("a b"),
		op("AddcmulInPlace", "addcmul_", Sum, func(a, b tensor) tensor { return a.Clone().AddcmulInPlace(a, b, 0.3) }, x, y).grad(Sum).as("a b"),
		op("AddcdivInPlace", "addcdiv_", Sum, func(a, b, c tensor) tensor { return a.Clone().AddcdivInPlace(b, c, 0.3) }, x, y, away).grad(Sum).as("a b positive"),
		op("Addcdiv", "addcdiv", Sum, func(a, b, c tensor) tensor { return a.Addcdiv(b, c, 0.3) }, x, y, away).grad(Sum).as("a b positive"),
	)
}

func moreComparisons() []Case {
	number := func(name, overload string, f func(x tensor, number any) tensor) Case {
		return op(name, overload, Exact, func(x tensor) tensor { return f(x, 2) }, below(7, batch)).as("index")
	}
	flags := func(a, b tensor, f func(a, b tensor) tensor) tensor { return f(a.GtScalar(0), b.GtScalar(0)) }
	return []Case{
		op("Ne", "ne.Tensor", Exact, tensor.Ne, x, y).as("a b"),
		op("Le", "le.Tensor", Exact, tensor.Le, x, y).as("a b"),
		op("Ge", "ge.Tensor", Exact, tensor.Ge, x, y).as("a b"),
		number("EqScalar", "eq.Scalar", tensor.EqScalar), number("NeScalar", "ne.Scalar", tensor.NeScalar),
		number("LtScalar", "lt.Scalar", tensor.LtScalar), number("LeScalar", "le.Scalar", tensor.LeScalar),
		number("GtScalar", "gt.Scalar", tensor.GtScalar), number("GeScalar", "ge.Scalar", tensor.GeScalar),
		op("LogicalNot", "logical_not", Exact, tensor.LogicalNot, below(7, batch)).as("index"),
		op("LogicalAnd", "logical_and", Exact, func(a, b tensor) tensor { return flags(a, b, tensor.LogicalAnd) }, x, y).as("a b"),
		op("LogicalOr", "logical_or", Exact, func(a, b tensor) tensor { return flags(a, b, tensor.LogicalOr) }, x, y).as("a b"),
		op("LogicalXor", "logical_xor", Exact, func(a, b tensor) tensor { return flags(a, b, tensor.LogicalXor) }, x, y).as("a b"),
		op("IsNaN", "isnan", Exact, tensor.IsNaN, special).as("nan"),
		op("IsInf", "isinf", Exact, tensor.IsInf, special).as("nan"),
		op("AllDim", "all.dim", Exact, func(x tensor) tensor { return x.GtScalar(-0.5).AllDim(1, true) }, x).as("a"),
		op("AnyDim", "any.dim", Exact, func(x tensor) tensor { return x.GtScalar(1).AnyDim(0, false) }, x).as("a"),
	}
}

func activations() []Case {
	one := func(name, ops string, f func(tensor) tensor) Case { return op(name, ops, Sum, f, x).grad(Sum).as("a") }
	return []Case{
		one("Relu6", "relu6", tensor.Relu6),
		one("LeakyRelu", "leaky_relu", func(x tensor) tensor { return x.LeakyRelu(0.2) }),
		one("RreluEval", "rrelu", func(x tensor) tensor { return x.Rrelu(0.1, 0.3, false) }),
		one("Elu", "elu", func(x tensor) tensor { return x.Elu(0.7) }),
		one("Celu", "celu", func(x tensor) tensor { return x.Celu(0.7) }),
		one("Selu", "selu", tensor.Selu),
		one("Gelu", "gelu", func(x tensor) tensor { return x.Gelu("none") }),
		one("GeluTanh", "gelu", func(x tensor) tensor { return x.Gelu("tanh") }),
		one("Silu", "silu", tensor.Silu),
		one("Mish", "mish", tensor.Mish),
		one("Softplus", "softplus", func(x tensor) tensor { return x.Softplus(2, 1.5) }),
		one("Softshrink", "softshrink", func(x tensor) tensor { return x.Softshrink(0.4) }),
		one("Hardshrink", "hardshrink", func(x tensor) tensor { return x.Hardshrink(0.4) }),
		one("Threshold", "threshold", func(x tensor) tensor { return x.Threshold(0.1, 20) }),
		one("Hardtanh", "hardtanh", func(x tensor) tensor { return x.Hardtanh(-0.3, 0.6) }),
		one("Hardsigmoid", "hardsigmoid", tensor.Hardsigmoid),
		one("Hardswish", "hardswish", tensor.Hardswish),
		one("LogSigmoid", "log_sigmoid", tensor.LogSigmoid),
		one("Glu", "glu", func(x tensor) tensor { return x.Glu(1) }),
		op("Prelu", "prelu", Sum, tensor.Prelu, x, row).grad(Sum).as("a row"),
	}
}

func moreReductions() []Case {
	pair := func(name, ops, golden string, f func(x tensor) (values, indices tensor)) Case {
		return op(name, ops, Exact, func(in list) list { values, indices := f(in[0]); return list{values, indices} }, x).
			grad(Exact).as("a -> " + golden)
	}
	one := func(name, ops string, f func(tensor) tensor) Case {
		return op(name, ops, Sum, f, cube).grad(Sum).as("cube")
	}
	return []Case{
		pair("MaxDim", "max.dim", "MaxDim MaxDimIndices", func(x tensor) (tensor, tensor) { return x.MaxDim(1, true) }),
		pair("MinDim", "min.dim", "MinDim MinDimIndices", func(x tensor) (tensor, tensor) { return x.MinDim(0, false) }),
		pair("Median", "median.dim", "Median MedianIndices", func(x tensor) (tensor, tensor) { return x.Median(1, false) }),
		pair("Sort", "sort.stable", "Sort SortIndices", func(x tensor) (tensor, tensor) { return x.Sort(1, true) }),
		one("Amax", "amax", func(x tensor) tensor { return x.Amax([]int{0, 2}, false) }),
		one("Amin", "amin", func(x tensor) tensor { return x.Amin([]int{0, 2}, true) }),
		one("SumKeepdim", "sum.dim_IntList", func(x tensor) tensor { return x.SumDim([]int{1, 2}, true) }),
		one("MeanKeepdim", "mean.dim", func(x tensor) tensor { return x.MeanDim([]int{1, 2}, true) }),
		one("LogSumExp", "logsumexp", func(x tensor) tensor { return x.LogSumExp([]int{0, 1}, true) }),
		op("Prod", "prod.dim_int", Sum, func(x tensor) tensor { return x.Prod(1) }, between(0.9, 1.1, 6, 16)).grad(Sum).as("positive"),
		op("Cumprod", "cumprod", Sum, func(x tensor) tensor { return x.Cumprod(1) }, between(0.9, 1.1, 6, 16)).grad(Sum).as("positive"),
		op("Argmin", "argmin", Exact, func(x tensor) tensor { return x.Argmin(1) }, x).as("a"),
		op("CountNonzero", "count_nonzero", Exact, func(x tensor) tensor { return x.Relu().CountNonzero(1) }, x).as("a"),
		op("Argsort", "argsort.stable", Exact, func(x tensor) tensor { return x.Argsort(1, false) }, x).as("a"),
		op("Unique", "_unique", Exact, func(in list) list { values, inverse := in[0].Unique(); return list{values, inverse} }, below(7, 20)).
			as("index -> Unique UniqueInverse"),
		op("Bincount", "bincount", Exact, func(x tensor) tensor { return x.Bincount(9) }, below(7, 20)).as("index"),
		op("Searchsorted", "searchsorted.Tensor", Exact, func(in tensor) tensor {
			values, _ := in.Reshape(-1).Sort(0, false)
			return torch.Searchsorted(values, in.MulScalar(0.5), true)
		}, x).as("a"),
	}
}

func indexing() []Case {
	picks := func() tensor { return torch.Rand([]int{batch, 5}).MulScalar(width).Floor().ToDType(torch.Int64) }
	rows := below(batch, 10)
	return []Case{
		op("Gather", "gather", Exact, func(x, i tensor) tensor { return x.Gather(1, i) }, x, picks).grad(Sum).as("a picks"),
		op("Scatter", "scatter.src", Exact, func(x, i tensor) tensor { return torch.ZerosLike(x).Scatter(1, i, x.Narrow(1, 0, 2)) }, x,
			func() tensor { return torch.Rand([]int{batch, width}).Argsort(1, false).Narrow(1, 0, 2) }).grad(Exact).as("a picks"),
		op("ScatterAdd", "scatter_add", Sum, func(x, i tensor) tensor { return x.ScatterAdd(1, i, x.Narrow(1, 0, i.Size(1)).MulScalar(2)) }, x, picks).
			grad(Sum).as("a picks"),
		op("IndexAdd", "index_add", Sum, func(x, i tensor) tensor { return x.IndexAdd(0, i, x.Narrow(0, 0, i.Numel()).MulScalar(2)) }, x, rows).
			grad(Sum).as("a index"),
		op("IndexCopy", "index_copy", Exact, func(x, i tensor) tensor { return x.IndexCopy(0, i, x.Narrow(0, 0, i.Numel()).MulScalar(2)) }, x, rows).
			grad(Sum).as("a order"),
		op("IndexCopyInPlace", "index_copy_", Exact, func(x, i tensor) tensor {
			return x.Clone().IndexCopyInPlace(0, i, x.Narrow(0, 0, i.Numel()).MulScalar(2))
		}, x, rows).grad(Sum).as("a order"),
		op("MaskedFill", "masked_fill.Scalar", Exact, func(x tensor) tensor { return x.MaskedFill(x.GtScalar(0.5), -2) }, x).grad(Exact).as("a"),
		op("MaskedSelect", "masked_select", Exact, func(x tensor) tensor { return x.MaskedSelect(x.GtScalar(0.5)) }, x).grad(Exact).as("a"),
		op("Nonzero", "nonzero", Exact, func(x tensor) tensor { return x.GtScalar(0.5).Nonzero() }, x).as("a"),
		op("OneHot", "one_hot", Exact, func(x tensor) tensor { return x.OneHot(7) }, below(7, batch)).as("index"),
		op("IndexViews", "alias slice.Tensor", Exact, func(x tensor) tensor {
			return x.Index(-1, torch.NewAxis, torch.Ellipsis, torch.Slice(nil, -1, 2))
		}, cube).grad(Exact).as("cube"),
		op("IndexTensors", "index.Tensor", Exact, func(x, i tensor) tensor { return x.Index(torch.Slice(), i.Remainder(torch.FullLike(i, 3)), 1) }, cube, below(3, 4)).
			grad(Sum).as("cube index"),
		op("IndexMask", "index.Tensor", Exact, func(x tensor) tensor { return x.Index(x.GtScalar(0.5)) }, x).grad(Exact).as("a"),
		op("IndexPutViews", "alias", Exact, func(x tensor) tensor {
			return x.Clone().IndexPutInPlace(7, torch.Ellipsis, torch.Slice(1, 3)).IndexPutInPlace(x.Index(0).MulScalar(2), 1)
		}, cube).grad(Sum).as("cube"),
		op("IndexPutTensors", "index_put_", Exact, func(x, i tensor) tensor {
			return x.Clone().IndexPutInPlace(-1.5, i, 0).IndexPutInPlace(torch.OnesLike(x.Index(0, torch.Slice(nil, 2))), torch.Slice(nil, 1), torch.Slice(1, 3))
		}, x, rows).grad(Exact).as("a index"),
		op("IndexPutWhole", "index_put_", Exact, func(x, i tensor) tensor { return x.Clone().IndexPutInPlace(x.Index(0).MulScalar(3), i) }, x, rows).
			grad(Sum).as("a index"),
	}
}

func moreShapes() []Case {
	one := func(name, ops string, f func(tensor) tensor) Case {
		return op(name, ops, Exact, f, cube).grad(Sum).as("cube")
	}
	many := func(name, ops, golden string, f func(tensor) list, in Maker) Case {
		return op(name, ops, Exact, func(in list) list { return f(in[0]) }, in).grad(Exact).as(golden)
	}
	return []Case{
		one("Flatten", "flatten.using_ints", func(x tensor) tensor { return x.Flatten(1, -1) }),
		one("Unflatten", "unflatten.int", func(x tensor) tensor { return x.Unflatten(2, 2, -1) }),
		one("Movedim", "movedim.intlist", func(x tensor) tensor { return x.Movedim(0, -1) }),
		one("Unfold", "unfold", func(x tensor) tensor { return x.Unfold(2, 2, 1) }),
		one("Diagonal", "diagonal", func(x tensor) tensor { return x.Diagonal(1, 1, 2) }),
		one("Tril", "tril", func(x tensor) tensor { return x.Tril(-1) }),
		one("Triu", "triu", func(x tensor) tensor { return x.Triu(1) }),
		one("Pad", "pad", func(x tensor) tensor { return x.Pad([]int{1, 2, 0, 1}, "constant", 0.5) }),
		one("PadReflect", "pad", func(x tensor) tensor { return x.Pad([]int{1, 2}, "reflect", 0) }),
		one("Roll", "roll", func(x tensor) tensor { return x.Roll([]int{1, -1}, []int{0, 2}) }),
		one("Repeat", "repeat", func(x tensor) tensor { return x.Repeat(2, 1, 1, 3) }),
		one("RepeatInterleave", "repeat_interleave.self_int", func(x tensor) tensor { return x.RepeatInterleave(2, 1) }),
		op("Diag", "diag", Exact, func(x tensor) tensor { return x.Diag(1) }, row).grad(Exact).as("row"),
		op("BroadcastTo", "broadcast_to", Exact, func(x tensor) tensor { return x.BroadcastTo(3, -1) }, row).grad(Sum).as("row"),
		many("Unbind", "unbind.int", "cube -> - Unbind", func(x tensor) list { return x.Unbind(1) }, cube),
		many("SplitSizes", "split_with_sizes", "a -> - SplitSizes", func(x tensor) list { return x.SplitSizes([]int{1, x.Size(1) - 1}, 1) }, x),
		op("BroadcastTensors", "broadcast_tensors", Exact, func(in list) list { return torch.BroadcastTensors(in...) }, x, row).grad(Sum).as("a row -> - BroadcastTensors"),
		op("Meshgrid", "meshgrid.indexing", Exact, func(in list) list { return torch.Meshgrid(in...) }, row, normal(5)).grad(Sum).as("row bias -> - Meshgrid"),
	}
}

func linearAlgebra() []Case {
	batches := normal(6, 32, 5)
	half := 0.5
	head := func(o torch.AttentionOptions) func(list) list {
		return func(in list) list { return list{torch.ScaledDotProductAttention(in[0], in[1], in[2], o)} }
	}
	q := normal(2, 4, 8, 16)
	return []Case{
		op("Bmm", "bmm", Sum, tensor.Bmm, cube, batches).grad(Sum).as("cube twisted"),
		op("Dot", "dot", Sum, tensor.Dot, row, divisor).grad(Sum).as("row row"),
		op("Outer", "outer", Sum, tensor.Outer, row, normal(5)).grad(Sum).as("row bias"),
		op("Addmm", "addmm", Sum, tensor.Addmm, normal(5), x, normal(width, 5)).grad(Sum).as("row a square"),
		op("Einsum", "einsum", Sum, func(a, b tensor) tensor { return torch.Einsum("bij,bjk->bik", a, b) }, cube, batches).grad(Sum).as("cube twisted"),
		op("Cdist", "cdist", Chain, func(a, b tensor) tensor { return torch.Cdist(a, b, 1) }, normal(10, 8), normal(12, 8)).grad(Chain).as("a b"),
		op("CosineSimilarity", "cosine_similarity", Sum, func(a, b tensor) tensor { return torch.CosineSimilarity(a, b, 1, 1e-8) }, x, y).grad(Sum).as("a b"),
		op("PairwiseDistance", "pairwise_distance", Sum, func(a, b tensor) tensor { return torch.PairwiseDistance(a, b, 2, 1e-6, true) }, x, y).grad(Sum).as("a b"),
		op("Attention", "scaled_dot_product_attention", Chain, head(torch.AttentionOptions{}), q, q, q).grad(Chain).as("query key cube"),
		op("AttentionCausal", "scaled_dot_product_attention", Chain, head(torch.AttentionOptions{Causal: true, Scale: &half}), q, q, q).
			grad(Chain).as("query key cube"),
		op("AttentionMask", "scaled_dot_product_attention", Chain, func(in list) list {
			mask := torch.Ones([]int{in[0].Size(-2), in[1].Size(-2)}, torch.Options{DType: torch.Bool, Device: in[0].Device()}).Tril(1)
			return list{torch.ScaledDotProductAttention(in[0], in[1], in[2], torch.AttentionOptions{Mask: mask})}
		}, q, q, q).grad(Chain).as("query key cube"),
	}
}

func fourier() []Case {
	window := func(x tensor) torch.STFTOptions {
		return torch.STFTOptions{Size: 4, Hop: 2, Length: 4, Window: torch.HannWindow(4, torch.Options{Device: x.Device()})}
	}
	parts := func(z tensor) tensor { return torch.Stack(list{z.Real(), z.Imag()}, -1) }
	one := func(name, ops string, f func(x tensor) tensor) Case {
		return op(name, ops, Chain, f, x).grad(Chain).as("a")
	}
	return []Case{
		one("FFT", "fft_fft", func(x tensor) tensor { return parts(x.FFT(1)) }),
		one("IFFT", "fft_ifft", func(x tensor) tensor { return parts(torch.Complex(x, x.Square()).IFFT(0)) }),
		one("RFFT", "fft_rfft", func(x tensor) tensor { return parts(x.RFFT(-1)) }),
		one("IRFFT", "fft_irfft", func(x tensor) tensor { return x.RFFT(-1).IRFFT(x.Size(-1), -1) }),
		op("RealImag", "complex real imag", Chain, func(a, b tensor) tensor {
			z := torch.Complex(a, b)
			return z.Real().Sub(z.Imag())
		}, x, y).grad(Chain).as("a b"),
		op("Angle", "complex angle", Chain, func(a, b tensor) tensor { return torch.Complex(a, b).Angle() }, away, away).grad(Chain).as("a b"),
		op("HannWindow", "hann_window", Sum, func(o torch.Options) tensor { return torch.HannWindow(8, o) }).as("-> HannWindow"),
		one("STFT", "stft", func(x tensor) tensor { return parts(x.STFT(window(x))) }),
		one("ISTFT", "istft", func(x tensor) tensor {
			return x.Pad([]int{2, 2}, "reflect", 0).STFT(window(x)).ISTFT(window(x), x.Size(-1))
		}),
	}
}

func resampling() []Case {
	var cases []Case
	add := func(name, operator string, dims int, o torch.InterpolateOptions) {
		shape := []int{2, 3, 6, 5, 4}[:2+dims]
		cases = append(cases, op(name, operator, Chain, func(x tensor) tensor {
			for x.Dim() < 2+dims {
				x = x.Unsqueeze(0)
			}
			return x.Interpolate(o)
		}, normal(shape...)).grad(Chain).as("cube"))
	}
	twice := []float64{2, 2, 2}
	add("Nearest1d", "upsample_nearest1d.vec", 1, torch.InterpolateOptions{Size: []int{7}, Mode: "nearest"})
	add("Nearest2d", "upsample_nearest2d.vec", 2, torch.InterpolateOptions{Scale: twice[:2], Mode: "nearest"})
	add("Nearest3d", "upsample_nearest3d.vec", 3, torch.InterpolateOptions{Scale: twice, Mode: "nearest"})
	add("NearestExact1d", "_upsample_nearest_exact1d.vec", 1, torch.InterpolateOptions{Size: []int{7}, Mode: "nearest-exact"})
	add("NearestExact2d", "_upsample_nearest_exact2d.vec", 2, torch.InterpolateOptions{Scale: twice[:2], Mode: "nearest-exact"})
	add("NearestExact3d", "_upsample_nearest_exact3d.vec", 3, torch.InterpolateOptions{Scale: twice, Mode: "nearest-exact"})
	add("Linear1d", "upsample_linear1d.vec", 1, torch.InterpolateOptions{Size: []int{7}, Mode: "linear", AlignCorners: true})
	add("Bilinear", "upsample_bilinear2d.vec", 2, torch.InterpolateOptions{Size: []int{5, 6}, Mode: "bilinear"})
	add("Bicubic", "upsample_bicubic2d.vec", 2, torch.InterpolateOptions{Scale: twice[:2], Mode: "bicubic", AlignCorners: true})
	add("Trilinear", "upsample_trilinear3d.vec", 3, torch.InterpolateOptions{Scale: twice, Mode: "trilinear"})
	add("BilinearAntialias", "_upsample_bilinear2d_aa.vec", 2, torch.InterpolateOptions{Size: []int{2, 3}, Mode: "bilinear", Antialias: true})
	add("BicubicAntialias", "_upsample_bicubic2d_aa.vec", 2, torch.InterpolateOptions{Size: []int{2, 3}, Mode: "bicubic", Antialias: true})
	return append(cases, op("GridSample", "grid_sampler", Chain, func(x, grid tensor) tensor {
		return x.Reshape(1, 1, x.Size(0), -1).GridSample(grid.Tanh().Reshape(1, 2, -1, 2), "bilinear", "border", true)
	}, normal(6, 5), normal(3, 4)).grad(Chain).as("a b"))
}

func drawing() []Case {
	return []Case{
		op("FullLike", "full_like", Exact, func(x tensor) tensor { return torch.FullLike(x, 2.5) }, x).as("a"),
		op("Eye", "eye.m", Exact, func(o torch.Options) tensor { return torch.Eye(2, 3, o) }).as("-> Eye"),
		op("Linspace", "linspace", Sum, func(o torch.Options) tensor { return torch.Linspace(-1, 2, 7, o) }).as("-> Linspace"),
		op("RandLike", "rand_like", Exact, func(o torch.Options) tensor { return uniformly(torch.RandLike(torch.Empty([]int{many}, o)), 0, 1) }).holds(),
		op("RandnLike", "randn_like", Exact, func(o torch.Options) tensor {
			return distributed(torch.RandnLike(torch.Empty([]int{many}, o)), 0, 1, 3)
		}).holds(),
		op("RandInt", "randint.low", Exact, func(o torch.Options) tensor {
			// A uniform one of 0 … n-1 has the variance (n²-1)/12 and this kurtosis.
			const n = 10
			return distributed(torch.RandInt(0, n, []int{many}, o), (n-1)/2.0, math.Sqrt((n*n-1)/12.0), 3-6.0/5*(n*n+1)/(n*n-1))
		}).holds(),
		op("Bernoulli", "bernoulli", Exact, func(o torch.Options) tensor {
			const p = 0.3
			return distributed(torch.Full([]int{many}, p, o).Bernoulli(), p, math.Sqrt(p*(1-p)), 1/(p*(1-p))-3)
		}).holds(),
		op("Multinomial", "multinomial", Exact, func(o torch.Options) tensor {
			const p = 0.25
			weights := torch.Arange(1, 4, 2, o) // 1 and 3
			return distributed(weights.Multinomial(many, true).ToDType(torch.Float32).MulScalar(-1).AddScalar(1), p, math.Sqrt(p*(1-p)), 1/(p*(1-p))-3)
		}).holds(),
		op("Rrelu", "rrelu", Exact, func(o torch.Options) tensor {
			return uniformly(torch.Full([]int{many}, -1, o).Rrelu(0.1, 0.3, true).Neg(), 0.1, 0.3)
		}).holds(),
	}
}
