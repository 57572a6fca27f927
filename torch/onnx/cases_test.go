// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"maps"
	"math"
	"strings"

	"github.com/etude-ml/etude/torch"
)

// operatorCases are networks on [batch, 4, 6] for the operators of layers, losses and
// methods. Most are called by their name, with the input as the first argument.
func operatorCases() map[string]forward {
	type t = *torch.Tensor
	m, v4, v6 := torch.Randn([]int{4, 6}), torch.Randn([]int{4}), torch.Randn([]int{6})
	mask := m.Gt(torch.ZerosLike(m))
	target := torch.Rand([]int{4, 6})
	index := torch.FromSlice([]int64{0, 2, 2})
	places := torch.FromSlice([]int64{1, 0, 3, 2, 1, 0, 0, 1, 2, 3, 0, 1}, 2, 6)
	ones := func(shape ...int) t { return torch.Randn(shape).MulScalar(0.5) }
	images := func(x t) t { return x.Reshape(-1, 2, 3, 4) }
	volumes := func(x t) t { return x.Reshape(-1, 1, 2, 3, 4) }
	ones4, diagonal := ones(4, 4), torch.Eye(4, 4).MulScalar(20)
	type opts = torch.Named
	vector := func(x t) t { return x.Select(0, 0).Select(0, 1) }
	flat := func(x t) t { return x.Select(1, 0) }  // [batch, 6]
	fixed := func(x t) t { return x.Select(0, 0) } // [4, 6]
	all := map[string]forward{}
	first := func(name string, args ...any) t { return torch.Call(name, args...).At(0).(t) }
	// add has a network that gives the operator x and other arguments.
	add := func(op string, args ...any) {
		all[op] = func(x t) t { return first("aten::"+op, append([]any{x}, args...)...) }
	}
	on := func(of func(t) t, op string, args ...any) {
		all[op] = func(x t) t { return first("aten::"+op, append([]any{of(x)}, args...)...) }
	}
	second := func(op string, args ...any) {
		all[op+" second"] = func(x t) t { return torch.Call("aten::"+op, append([]any{x}, args...)...).At(1).(t) }
	}
	for name, f := range unary("asin", "acos", "asinh", "atan", "cosh", "sinh", "tan", "round", "sign", "sgn", "trunc", "fix", "frac",
		"positive", "log1p", "log2", "log10", "exp2", "expm1", "rsqrt", "erfc", "sinc", "deg2rad", "rad2deg", "logit", "signbit", "isnan", "isinf", "isfinite",
		"isposinf", "isneginf", "nan_to_num", "angle", "special_entr", "special_expit", "relu6", "hardsigmoid", "hardswish", "mish", "softplus",
		"softshrink", "hardshrink", "celu", "selu", "log_sigmoid", "log_sigmoid_forward", "logical_not", "rrelu") {
		all[name] = func(x t) t { return f(x.Sigmoid()) }
		if !strings.HasPrefix(name, "log") && !strings.HasPrefix(name, "acos") && name != "rsqrt" && name != "asin" {
			all[name+" wide"] = func(x t) t { return f(x.MulScalar(3)) }
		}
	}
	on(func(x t) t { return x.AddScalar(1.1).Abs().AddScalar(1) }, "acosh")
	add("round.decimals", torch.Named{"decimals": 2})
	add("threshold", 0.1, -2)
	add("prelu", v4)
	add("_prelu_kernel", m)
	add("glu", 2)
	all["rrelu_with_noise"] = func(x t) t { return first("aten::rrelu_with_noise", x, x.Neg(), 0.1, 0.3, false) }
	on(func(x t) t { return x.Gt(m) }, "bitwise_not")
	for _, op := range []string{"bitwise_and", "bitwise_or", "bitwise_xor"} {
		on(func(x t) t { return x.Gt(m) }, op+".Tensor", mask)
		on(func(x t) t { return x.Gt(m) }, op+".Scalar", true)
	}
	for _, op := range []string{"ne.Tensor", "logical_xor", "fmax", "fmin", "fmod.Tensor", "remainder.Tensor", "floor_divide", "atan2", "hypot",
		"copysign.Tensor", "heaviside", "ldexp.Tensor", "logaddexp", "logaddexp2"} {
		add(op, m)
	}
	for _, op := range []string{"ne.Scalar", "fmod.Scalar", "remainder.Scalar", "floor_divide.Scalar", "copysign.Scalar"} {
		add(op, -0.7)
	}
	all["remainder.Scalar_Tensor"] = func(x t) t { return first("aten::remainder.Scalar_Tensor", 2, x) }
	all["pow.Scalar"] = func(x t) t { return first("aten::pow.Scalar", 2, x) }
	all["xlogy.Scalar_Self"] = func(x t) t { return first("aten::xlogy.Scalar_Self", 2, x.Abs()) }
	on((*torch.Tensor).Abs, "xlogy.Tensor", target)
	add("xlogy.Scalar_Other", 3)
	add("special_xlog1py", target)
	add("lerp.Tensor", m, target)
	add("lerp.Scalar", m, 0.3)
	add("addcmul", m, target, torch.Named{"value": 2})
	add("addcdiv", m, target.AddScalar(1), torch.Named{"value": 2})
	add("clamp.Tensor", m.SubScalar(1), m)
	add("clamp_min.Tensor", m)
	add("clamp_max.Tensor", m)
	for _, mode := range []string{"trunc", "floor"} {
		all["div mode "+mode] = func(x t) t { return first("aten::div.Tensor_mode", x, m, torch.Named{"rounding_mode": mode}) }
		all["div scalar mode "+mode] = func(x t) t { return first("aten::div.Scalar_mode", x, 0.3, torch.Named{"rounding_mode": mode}) }
	}
	all["where.ScalarSelf"] = func(x t) t { return first("aten::where.ScalarSelf", x.Gt(m), 1.5, x) }
	all["where.ScalarOther"] = func(x t) t { return first("aten::where.ScalarOther", x.Gt(m), x, 1.5) }
	all["where.Scalar"] = func(x t) t { return first("aten::where.Scalar", x.Gt(m), 2.5, 1.5) }
	add("masked_fill.Tensor", mask, torch.FromSlice([]float32{2}).Select(0, 0))

	// Reductions, sorting and sums along a dimension.
	edges := torch.FromSlice([]float32{-1, -0.3, 0, 0.3, 1})
	add("bucketize.Tensor", edges, opts{"right": true})
	all["bucketize below"] = func(x t) t { return first("aten::bucketize.Tensor", x, edges, opts{"out_int32": true}) }
	rows4, _ := ones(1, 4, 5).Sort(-1, false)
	all["searchsorted.Tensor"] = func(x t) t {
		return first("aten::searchsorted.Tensor", rows4.Expand(x.Size(0), 4, 5), x, opts{"side": "right"})
	}
	all["searchsorted one"] = func(x t) t { return first("aten::searchsorted.Tensor", edges, x) }
	all["isin.Tensor_Tensor"] = func(x t) t { return first("aten::isin.Tensor_Tensor", x.Round(), edges.Round(), opts{"invert": true}) }
	on(fixed, "trace")
	add("renorm", 2, 1, 1.5)
	all["renorm inf"] = func(x t) t { return first("aten::renorm", x, math.Inf(1), 2, 0.5) }
	for _, op := range []string{"var", "std"} {
		all[op+" over samples"] = func(x t) t { return first("aten::"+op+".dim", torch.Cat([]t{x, x.Neg()}, 0), []int{0, 1}) }
	}
	for _, op := range []string{"max", "min", "prod", "argmin", "argmax", "any", "all", "count_nonzero", "nansum", "norm.Scalar", "aminmax"} {
		add(op)
	}
	for _, op := range []string{"prod.dim_int", "max.dim", "min.dim", "any.dim", "all.dim", "sort", "argsort", "median.dim", "cumsum", "logcumsumexp",
		"cumprod", "cummax", "cummin"} {
		add(op, 1)
	}
	for _, op := range []string{"max.dim", "min.dim", "sort", "median.dim", "cummax", "cummin"} {
		second(op, 1)
	}
	on(fixed, "median")
	on(fixed, "std")
	on(fixed, "var")
	add("logsumexp", []int{1})
	add("any.dims", []int{1, 2})
	add("all.dims", []int{1, 2})
	add("count_nonzero.dim_IntList", []int{1})
	add("linalg_vector_norm", 3, []int{1, 2})
	add("norm.ScalarOpt_dim", 1, []int{1}, true)
	add("var.dim", []int{1}, false)
	add("std.dim", []int{2})
	add("var.correction", []int{1})
	add("std.correction", []int{1})
	add("var_mean.correction", []int{1})
	add("std_mean.correction", []int{1})
	second("var_mean.correction", []int{1})
	add("sort.stable", torch.Named{"stable": true, "dim": 1, "descending": true})
	add("argsort.stable", torch.Named{"stable": true, "dim": -1})
	add("topk", 3)
	second("topk", 3, -1, false)
	add("kthvalue", 2, 1)

	// Products.
	outer := ones(4, 6)
	all["addr"] = func(x t) t { return first("aten::addr", outer, v4, vector(x), opts{"alpha": 2, "beta": 0.5}) }
	all["addbmm"] = func(x t) t {
		return first("aten::addbmm", ones4, x, x.Transpose(1, 2), opts{"alpha": 0.1, "beta": 0.5})
	}
	all["inner matrix"] = func(x t) t { return first("aten::inner", x, m) }
	for _, op := range []string{"linalg_det", "_linalg_det"} {
		on(func(x t) t { return x.Narrow(2, 0, 4) }, op)
	}
	on(fixed, "dist", m, 3)
	on(fixed, "pdist")
	on(fixed, "_pdist_forward", 1)
	all["dot"] = func(x t) t { return first("aten::dot", x.Select(0, 0).Select(0, 0), v6) }
	all["vdot"] = func(x t) t { return first("aten::vdot", x.Select(0, 0).Select(0, 0), v6) }
	add("inner", v6)
	on(func(x t) t { return x.Select(1, 0).Select(1, 0) }, "outer", v6)
	on(func(x t) t { return x.Select(1, 0).Select(1, 0) }, "ger", v6)
	base := ones(1, 4, 4)
	all["addmv"] = func(x t) t { return first("aten::addmv", v4, fixed(x), v6, torch.Named{"alpha": 2, "beta": 0.5}) }
	all["baddbmm"] = func(x t) t {
		return first("aten::baddbmm", base, x, x.Transpose(1, 2), torch.Named{"alpha": 2})
	}
	all["einsum"] = func(x t) t { return first("aten::einsum", "bij,bkj->bik", []t{x, x}) }
	left, right := ones(5, 6, 6), ones(5)
	all["bilinear"] = func(x t) t { return first("aten::bilinear", x, x.Neg(), left, right) }
	for name, p := range map[string]float64{"": 2, " 1": 1, " 3": 3} {
		all["cdist"+name] = func(x t) t { return first("aten::cdist", x, m, p) }
		all["pairwise_distance"+name] = func(x t) t { return first("aten::pairwise_distance", x, m, p) }
	}
	add("_cdist_forward", m.Unsqueeze(0), 2, nil)
	add("cosine_similarity", m, 2)
	on(func(x t) t { return x.Narrow(2, 0, 3) }, "linalg_cross", m.Narrow(1, 1, 3).Unsqueeze(0))
	on(func(x t) t { return x.Narrow(2, 0, 3) }, "cross", m.Narrow(1, 1, 3).Unsqueeze(0), torch.Named{"dim": -1})
	add("_safe_softmax", -1)
	attention := func(args ...any) forward {
		return func(x t) t {
			return first("aten::scaled_dot_product_attention", append([]any{x, x.MulScalar(2), x.AddScalar(1)}, args...)...)
		}
	}
	square := ones(4, 4)
	all["attention"], all["attention mask"] = attention(), attention(square)
	all["attention bools"] = attention(square.Gt(torch.ZerosLike(square)))
	all["attention causal"] = attention(nil, 0, true, torch.Named{"scale": 0.3})
	all["attention heads"] = func(x t) t {
		return first("aten::_scaled_dot_product_flash_attention_for_cpu", x.Unsqueeze(1), x.Unsqueeze(1), x.Unsqueeze(1))
	}

	all["attention grouped"] = func(x t) t {
		q := torch.Cat([]t{x.Unsqueeze(1), x.Neg().Unsqueeze(1)}, 1)
		return first("aten::scaled_dot_product_attention", q, x.Unsqueeze(1), x.AddScalar(1).Unsqueeze(1), opts{"enable_gqa": true})
	}

	// Convolutions, pools and normalisations.
	on(images, "im2col", []int{2, 3}, []int{1, 1}, []int{1, 0}, []int{1, 2})
	all["im2col dilated"] = func(x t) t {
		return first("aten::im2col", fixed(x).Unsqueeze(0), []int{2, 2}, []int{2, 2}, []int{1, 1}, []int{2, 2})
	}
	on(func(x t) t { return x.Reshape(-1, 4, 6) }, "col2im", []int{3, 4}, []int{2, 2}, []int{1, 1}, []int{0, 0}, []int{1, 1})
	all["col2im strided"] = func(x t) t {
		return first("aten::col2im", fixed(x), []int{4, 6}, []int{2, 2}, []int{1, 2}, []int{0, 1}, []int{2, 2})
	}
	for _, d := range []string{"2d", "3d"} {
		all["max_unpool"+d] = func(x t) t {
			size, of, out := []int{2, 2}, images, []any{[]int{3, 4}}
			if d == "3d" {
				size, of, out = []int{1, 2, 2}, volumes, []any{[]int{2, 3, 4}, []int{1, 2, 2}, []int{0, 0, 0}}
			}
			r := torch.Call("aten::max_pool"+d+"_with_indices", of(x), size)
			return first("aten::max_unpool"+d, append([]any{r.At(0), r.At(1)}, out...)...)
		}
	}
	on(func(x t) t { return x }, "conv1d", ones(3, 4, 3), ones(3), []int{2}, []int{1})
	on(images, "conv2d", ones(4, 1, 2, 2), ones(4), []int{1, 2}, []int{1, 0}, []int{1}, 2)
	on(volumes, "conv3d", ones(2, 1, 1, 2, 2), nil)
	add("conv1d.padding", ones(3, 4, 4), nil, []int{1}, "same")
	on(images, "conv2d.padding", ones(3, 2, 3, 3), ones(3), []int{1}, "same", []int{2, 1})
	on(volumes, "conv3d.padding", ones(2, 1, 1, 2, 2), nil, []int{1}, "valid")
	add("conv_transpose1d", ones(4, 3, 3), ones(3), []int{2}, []int{1}, []int{1})
	on(images, "conv_transpose2d.input", ones(2, 2, 2, 2), ones(4), []int{2}, []int{0}, []int{0}, 2, []int{2})
	on(volumes, "conv_transpose3d.input", ones(1, 2, 1, 2, 2), nil)
	on(images, "convolution", ones(3, 2, 2, 2), ones(3), []int{1, 1}, []int{0, 0}, []int{1, 1}, false, []int{0, 0}, 1)
	sized := []func(t) t{func(x t) t { return x }, images, volumes}
	for n, of := range sized {
		d := string(rune('1'+n)) + "d"
		size := []int{2, 2, 2}[:n+1]
		on(of, "max_pool"+d, size, size, []int{1, 1, 1}[:n+1])
		on(of, "max_pool"+d+"_with_indices", size)
		all["max_pool places "+d] = func(x t) t {
			return torch.Call("aten::max_pool"+d+"_with_indices", of(x), size, []int{1, 1, 1}[:n+1]).At(1).(t)
		}
		on(of, "avg_pool"+d, size, []int{1, 1, 1}[:n+1], []int{1, 1, 1}[:n+1], false, false)
		on(of, "adaptive_avg_pool"+d, []int{2, 3, 3}[:n+1])
		on(of, "adaptive_max_pool"+d, []int{1, 3, 2}[:n+1])
		all["adaptive places "+d] = func(x t) t { return torch.Call("aten::adaptive_max_pool"+d, of(x), []int{2, 2, 3}[:n+1]).At(1).(t) }
		all["adaptive equal "+d] = func(x t) t { return first("aten::adaptive_avg_pool"+d, of(x), []int{1, 1, 1}[:n+1]) }
		pads := []int{1, 1, 1, 1, 1, 1}[:2*n+2]
		on(of, "reflection_pad"+d, pads)
		on(of, "replication_pad"+d, pads)
		sizes := []int{5, 7, 6}[:n+1]
		scales := []float64{2, 3, 2}[:n+1]
		linear := []string{"linear", "bilinear", "trilinear"}[n]
		on(of, "upsample_nearest"+d, sizes)
		on(of, "_upsample_nearest_exact"+d, sizes)
		on(of, "upsample_"+linear+d, sizes, false)
		on(of, "upsample_nearest"+d+".vec", nil, scales)
		on(of, "_upsample_nearest_exact"+d+".vec", nil, scales)
		on(of, "upsample_"+linear+d+".vec", nil, true, scales)
		all["upsample scaled "+d] = func(x t) t { return first("aten::upsample_"+linear+d+".vec", of(x), nil, false, scales) }
	}
	on(images, "_adaptive_avg_pool2d", []int{2, 2})
	on(volumes, "_adaptive_avg_pool3d", []int{2, 2, 2})
	on(images, "upsample_bicubic2d", []int{5, 7}, false)
	on(images, "upsample_bicubic2d.vec", nil, true, []float64{2, 2})
	mean, variance := ones(4), target.Select(1, 0).AddScalar(0.5)
	add("batch_norm", v4, ones(4), mean, variance, false, 0.1, 1e-5, false)
	all["batch_norm plain"] = func(x t) t { return first("aten::batch_norm", x, nil, nil, mean, variance, false, 0.1, 1e-5, false) }
	all["batch_norm of the batch"] = func(x t) t { return first("aten::batch_norm", x, v4, nil, nil, nil, true, 0.1, 1e-5, false) }
	add("native_batch_norm", v4, ones(4), mean, variance, false, 0.1, 1e-5)
	add("_native_batch_norm_legit.no_stats", v4, ones(4), true, 0.1, 1e-5)
	add("_native_batch_norm_legit_no_training", v4, ones(4), mean, variance, 0.1, 1e-5)
	add("instance_norm", v4, ones(4), nil, nil, true, 0.1, 1e-5, false)
	all["instance_norm stats"] = func(x t) t { return first("aten::instance_norm", x, nil, nil, mean, variance, false, 0.1, 1e-5, false) }
	add("group_norm", 2, v4, ones(4))
	all["native_group_norm"] = func(x t) t { return first("aten::native_group_norm", x, v4, nil, x.Size(0), 4, 6, 2, 1e-5) }
	add("native_layer_norm", []int{6}, v6, ones(6), 1e-5)
	add("rms_norm", []int{4, 6}, m)
	all["rms_norm plain"] = func(x t) t { return first("aten::rms_norm", x, []int{6}) }

	// Images and padding.
	for _, kind := range []string{"bilinear", "bicubic"} {
		on(images, "_upsample_"+kind+"2d_aa", []int{2, 3}, false)
		on(images, "_upsample_"+kind+"2d_aa.vec", []int{5, 2}, false, nil)
	}
	for _, mode := range []string{"constant", "reflect", "replicate", "circular"} {
		all["pad "+mode] = func(x t) t { return first("aten::pad", x, []int{1, 2}, mode) }
	}
	all["pad cut"] = func(x t) t { return first("aten::pad", x.Narrow(2, 0, 1), []int{-1, 3}, "replicate") }
	all["pad cut both"] = func(x t) t { return first("aten::pad", x, []int{2, -1}, "reflect") }
	add("constant_pad_nd", []int{1, -1, 0, 2}, 0.5)
	grid := torch.Rand([]int{1, 3, 3, 2}).MulScalar(2.4).SubScalar(1.2)
	for k, mode := range []string{"bilinear", "nearest", "bicubic"} {
		all["grid_sampler "+mode] = func(x t) t {
			return first("aten::grid_sampler", images(x), grid.Expand(x.Size(0), 3, 3, 2), k, k, false)
		}
	}
	all["grid_sampler_2d"] = func(x t) t {
		return first("aten::grid_sampler_2d", images(x), grid.Expand(x.Size(0), 3, 3, 2), 0, 0, true)
	}
	grid3 := torch.Rand([]int{1, 2, 3, 3, 3}).MulScalar(2.4).SubScalar(1.2)
	all["grid_sampler_3d"] = func(x t) t {
		return first("aten::grid_sampler_3d", volumes(x), grid3.Expand(x.Size(0), 2, 3, 3, 3), 0, 0, false)
	}
	on(func(x t) t { return x.Reshape(-1, 4, 2, 3) }, "pixel_shuffle", 2)
	on(func(x t) t { return x.Reshape(-1, 1, 4, 6) }, "pixel_unshuffle", 2)
	on(func(x t) t { return x.Unsqueeze(-1) }, "channel_shuffle", 2)

	// Other names and forms.
	for op, axis := range map[string]int{"hstack": 1, "vstack": 0, "dstack": 2, "column_stack": 1} {
		all[op] = func(x t) t { return call1("aten::"+op, []t{x, m.Expand(x.Size(0), 4, 6), x.Neg()}).Narrow(axis, 1, 1) }
		all[op+" of vectors"] = func(x t) t { return call1("aten::"+op, []t{vector(x), v6}) }
	}
	for _, op := range []string{"mT", "adjoint", "ravel"} {
		add(op)
	}
	on(fixed, "numpy_T")
	add("swapaxes", 1, -1)
	add("swapdims", 1, 2)
	all["tile"] = func(x t) t { return x.Mul(call1("aten::tile", m.Cos().Narrow(1, 0, 3), []int{2})) }
	all["meshgrid plain"] = func(x t) t {
		return torch.Call("aten::meshgrid", []t{vector(x), v4}).Tensors()[1].Add(vector(x).Unsqueeze(1))
	}
	all["unsafe_chunk"] = func(x t) t { return torch.Call("aten::unsafe_chunk", x, 3, 2).Tensors()[1] }
	all["tensor_split.sections"] = func(x t) t { return torch.Call("aten::tensor_split.sections", x, 3, 1).Tensors()[0] }
	all["tensor_split.indices"] = func(x t) t { return torch.Call("aten::tensor_split.indices", x, []int{1, 4}, 2).Tensors()[1] }
	all["take_along_dim"] = func(x t) t {
		return first("aten::take_along_dim", x, places.Narrow(0, 0, 1).Unsqueeze(0), 1)
	}
	all["take_along_dim of all"] = func(x t) t { return first("aten::take_along_dim", x, index) }
	add("diff", 2, 1)
	add("frobenius_norm.dim", []int{1, 2}, true)
	for _, op := range []string{"var_mean", "std_mean"} {
		on(fixed, op, false)
		add(op+".dim", []int{1})
	}
	all["linalg_multi_dot"] = func(x t) t { return call1("aten::linalg_multi_dot", []t{fixed(x), outer.T(), m, v6}) }
	on(func(x t) t { return x.Narrow(2, 0, 4) }, "linalg_matrix_power", 3)
	on(func(x t) t { return x.Matmul(x.Transpose(1, 2)).Add(diagonal) }, "logdet")
	add("tensordot", ones(6, 5, 4), []int{1, 2}, []int{2, 0})
	all["tensordot outer"] = func(x t) t { return first("aten::tensordot", vector(x), v4, []int{}, []int{}) }
	add("isclose", m.Round(), 0.5, 0.1)
	all["float_power.Tensor_Tensor"] = func(x t) t { return first("aten::float_power.Tensor_Tensor", x.Abs(), m).ToDType(torch.Float32) }
	all["float_power.Tensor_Scalar"] = func(x t) t { return first("aten::float_power.Tensor_Scalar", x, 2).ToDType(torch.Float32) }
	all["float_power.Scalar"] = func(x t) t { return first("aten::float_power.Scalar", 1.5, x).ToDType(torch.Float32) }
	add("special_ndtr")

	// Other orders and places.
	for _, op := range []string{"t_copy", "alias_copy", "conj_physical", "_conj_physical", "resolve_conj", "resolve_neg", "real"} {
		all[op] = func(x t) t { return first("aten::"+op, flat(x)).AddScalar(1) }
	}
	for _, op := range []string{"alpha_dropout", "feature_alpha_dropout"} {
		all[op] = func(x t) t { return first("aten::"+op, x, 0.5, false).Neg() }
	}
	all["transpose in place"] = func(x t) t { return first("aten::transpose_", x.Neg(), 1, 2) }
	all["ldexp in place"] = func(x t) t { return first("aten::ldexp_", x.Neg(), m) }
	all["pow in place"] = func(x t) t { return first("aten::pow_.Tensor", x.Abs(), m) }
	all["floor_divide in place"] = func(x t) t { return first("aten::floor_divide_.Tensor", x.Neg(), m) }
	for k := range 4 {
		all["rot90 "+string(rune('0'+k))] = func(x t) t { return first("aten::rot90", x, k, []int{1, -1}).Neg() }
	}
	for suffix, args := range map[string][]any{"": {}, " above": {2, 0, 2}, " below": {-1, -1, 1}} {
		all["diag_embed"+suffix] = func(x t) t { return first("aten::diag_embed", append([]any{flat(x)}, args...)...) }
	}
	all["diag of a vector"] = func(x t) t { return first("aten::diag", vector(x), 1) }
	all["diagonal_scatter"] = func(x t) t {
		return first("aten::diagonal_scatter", x, v4.Expand(x.Size(0), 4), 1, 1, 2)
	}
	all["block_diag"] = func(x t) t { return torch.Call("aten::block_diag", []t{fixed(x), v4, v6.Select(0, 0)}).Tensor() }
	all["masked_scatter"] = func(x t) t { return first("aten::masked_scatter", x, x.Gt(m), x.Neg()) }
	all["put"] = func(x t) t { return first("aten::put", x, index, v4.Narrow(0, 0, 3), true) }
	words := torch.FromSlice([]int64{1, 0, 3, 3, 2, 1})
	whole := torch.FromSlice([]int64{0, 2, 2, 6})
	bags := torch.FromSlice([]int64{0, 2, 2, 5})
	for k, op := range []string{"embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"} {
		all[op] = func(x t) t { return first("aten::"+op, fixed(x), words, bags, false, k) }
	}
	all["embedding_bag.padding_idx"] = func(x t) t {
		return first("aten::embedding_bag.padding_idx", fixed(x), words, whole, false, 1, false, nil, true, 3)
	}
	all["embedding_bag weights"] = func(x t) t { return first("aten::embedding_bag", m, words, bags, false, 0, false, vector(x)) }
	all["arange"] = func(x t) t { return x.AddScalar(0).Add(call1("aten::arange", x.Size(0)).Reshape(-1, 1, 1)) }
	all["arange.start"] = func(x t) t { return x.Add(call1("aten::arange.start", 2, x.Size(0)+2).Reshape(-1, 1, 1)) }
	all["arange.start_step"] = func(x t) t { return x.Add(torch.Arange(0, 3*x.Size(0), 3).Reshape(-1, 1, 1)) }
	all["linspace"] = func(x t) t { return x.Mul(torch.Linspace(-1, 2, x.Size(0)).Reshape(-1, 1, 1)) }
	all["repeat free"] = func(x t) t { return m.Sin().Repeat(x.Size(0), 1, 1).Mul(x) }
	for name, f := range map[string]func(x t) t{
		"median": func(x t) t { return first("aten::median", x) }, "kthvalue": func(x t) t { return first("aten::kthvalue", x, x.Size(0), 0) },
		"median.dim": func(x t) t { return first("aten::median.dim", x, 0, true) }, "unfold": func(x t) t { return first("aten::unfold", x, 0, 3, 2) },
	} {
		all[name+" free"] = func(x t) t { return f(torch.Cat([]t{x, x.Neg(), x}, 0)) }
	}
	all["eye"] = func(x t) t { return call1("aten::eye", x.Size(0)).Matmul(flat(x)) }
	all["eye.m"] = func(x t) t { return torch.Call("aten::eye.m", 5, x.Size(0)).Tensor().Matmul(flat(x)) }
	add("movedim.int", 1, -1)
	add("movedim.intlist", []int{2, 1}, []int{0, 2})
	all["broadcast_to"] = func(x t) t { return x.Add(first("aten::broadcast_to", v6.Sin(), []int{x.Size(0), 4, 6})) }
	all["broadcast_tensors"] = func(x t) t {
		return torch.Call("aten::broadcast_tensors", []t{flat(x).Unsqueeze(1), v4.Unsqueeze(1)}).Tensors()[0]
	}
	for _, indexing := range []string{"ij", "xy"} {
		all["meshgrid "+indexing] = func(x t) t {
			return torch.Call("aten::meshgrid.indexing", []t{flat(x).Select(1, 0), v6}, torch.Named{"indexing": indexing}).Tensors()[0]
		}
	}
	add("roll", []int{1, -2}, []int{1, -1})
	all["roll batch"] = func(x t) t { return first("aten::roll", x, []int{1}, []int{0}) }
	all["roll flat"] = func(x t) t { return first("aten::roll", fixed(x), []int{5}) }
	add("tril", 1)
	add("triu", -1)
	add("diagonal", 1, 1, 2)
	on(fixed, "diag", -1)
	add("unfold", 2, 3, 2)
	on(fixed, "take", index)
	add("repeat_interleave.self_int", 2, 1)
	all["one_hot"] = func(x t) t { return first("aten::one_hot", x.Abs().ToDType(torch.Int64).Clamp(0, 3), 4) }
	add2 := func(op string, args ...any) { on(fixed, op, args...) }
	add2("gather", 0, places)
	add2("scatter.src", 0, places, m)
	add2("scatter.value", 0, places, 2.5)
	add2("scatter.reduce", 0, places, m, torch.Named{"reduce": "multiply"})
	add2("scatter.value_reduce", 0, places, 2.5, torch.Named{"reduce": "add"})
	add2("scatter_add", 0, places, m)
	add2("scatter_reduce.two", 0, places, m, "amax")
	add("index.Tensor", []t{nil, index, index})
	all["index first"] = func(x t) t { return first("aten::index.Tensor", fixed(x), []t{index}) }
	all["index middle"] = func(x t) t { return first("aten::index.Tensor", x, []t{nil, places.Narrow(1, 0, 3)}) }
	add2("index_put", []t{index.Narrow(0, 0, 2)}, ones(2, 6))
	all["index_put crossed"] = func(x t) t {
		return first("aten::index_put", fixed(x), []t{index.Narrow(0, 0, 2).Unsqueeze(1), index.Narrow(0, 0, 2)}, m.Narrow(0, 0, 2).Narrow(1, 0, 2))
	}
	all["index_put add"] = func(x t) t { return first("aten::index_put", fixed(x), []t{index}, v6, true) }
	add("index_add", 1, index, ones(1, 3, 6).Expand(1, 3, 6))
	all["index_add"] = func(x t) t {
		return first("aten::index_add", fixed(x), 0, index, m.Narrow(0, 0, 3), torch.Named{"alpha": 2})
	}
	source := ones(1, 3, 6)
	for suffix, reduce := range map[string]string{"": "prod", " mean": "mean", " amax": "amax"} {
		all["index_reduce"+suffix] = func(x t) t {
			return first("aten::index_reduce", x, 1, index, source.Expand(x.Size(0), 3, 6), reduce, opts{"include_self": reduce != "amax"})
		}
		all["scatter_reduce alone"+suffix] = func(x t) t {
			return first("aten::scatter_reduce.two", fixed(x), 0, places, m, reduce, opts{"include_self": false})
		}
	}
	add2("index_copy", 0, index.Narrow(0, 0, 2), m.Narrow(0, 0, 2))
	add("index_fill.int_Scalar", 1, index, 0.5)
	add("index_fill.int_Tensor", 2, index, torch.FromSlice([]float32{2}).Select(0, 0))
	all["select_scatter"] = func(x t) t { return first("aten::select_scatter", x, flat(x), 1, 2) }
	all["slice_scatter"] = func(x t) t { return first("aten::slice_scatter", x, x.Narrow(1, 0, 2).Neg(), 1, 1, 3) }
	all["unsafe_split.Tensor"] = func(x t) t { return torch.Call("aten::unsafe_split.Tensor", x, 2, 1).Tensors()[1] }
	add("squeeze_copy.dim", 1)
	on(fixed, "squeeze_copy")
	add("unsqueeze_copy", 1)
	add("permute_copy", []int{0, 2, 1})
	add("transpose_copy.int", 1, 2)
	on(func(x t) t { return x.Unsqueeze(1) }, "expand_copy", []int{-1, 3, 4, 6})
	all["view_copy"] = func(x t) t { return first("aten::view_copy", x, []int{x.Size(0), 24}) }
	add("unfold_copy", 2, 3, 2)
	add("diagonal_copy", 0, 1, 2)
	all["split_with_sizes_copy"] = func(x t) t { return torch.Call("aten::split_with_sizes_copy", x, []int{1, 3}, 1).Tensors()[1] }
	all["unbind_copy.int"] = func(x t) t { return torch.Call("aten::unbind_copy.int", x, 1).Tensors()[2] }
	add("narrow_copy", 2, 1, 3)

	// Recurrent layers and cells.
	for op, gates := range map[string]int{"gru": 3, "rnn_tanh": 1, "rnn_relu": 1} {
		var params []t
		for range 2 { // directions
			params = append(params, ones(gates*5, 6), ones(gates*5, 5), ones(gates*5), ones(gates*5))
		}
		state := ones(2, 1, 5)
		all[op] = func(x t) t {
			return first("aten::"+op+".input", x, state.Expand(2, x.Size(0), 5), params, true, 1, 0, false, true, true)
		}
		all[op+" state"] = func(x t) t {
			h := torch.Zeros([]int{2, x.Size(0), 5})
			return torch.Call("aten::"+op+".input", x, h, params, true, 1, 0, false, true, true).At(1).(t)
		}
		all[op+"_cell"] = func(x t) t {
			return first("aten::"+op+"_cell", flat(x), x.Select(1, 1).Narrow(1, 0, 5), params[0], params[1], params[2], params[3])
		}
	}
	w, r := ones(20, 6), ones(20, 5)
	for k := range 2 {
		all["lstm_cell "+string(rune('0'+k))] = func(x t) t {
			h := x.Select(1, 1).Narrow(1, 0, 5)
			return torch.Call("aten::lstm_cell", flat(x), []t{h, h.Neg()}, w, r, nil, nil).At(k).(t)
		}
	}
	maps.Copy(all, lossCases())
	return all
}
