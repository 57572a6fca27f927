// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

// table holds the operators that can be exported, by name and overload. The in-place
// forms share the rows of the others. To add an operator, add a row:
//
//   - node("Pow", "self exponent") for an operator that ONNX has too: the arguments that
//     become its inputs, and after them its attributes; see [node] and the functions
//     beside it in lower_elementwise.go;
//   - a function for any other, in the lower_*.go file of its family.
//
// A new row needs a network in cases (lower_test.go).
var table = map[string]lowering{
	// Functions of one tensor, element by element.
	"aten::tanh":        node("Tanh", "self"),
	"aten::sigmoid":     node("Sigmoid", "self"),
	"aten::relu":        node("Relu", "self"),
	"aten::neg":         node("Neg", "self"),
	"aten::abs":         node("Abs", "self"),
	"aten::exp":         node("Exp", "self"),
	"aten::log":         node("Log", "self"),
	"aten::sqrt":        node("Sqrt", "self"),
	"aten::reciprocal":  node("Reciprocal", "self"),
	"aten::erf":         node("Erf", "self"),
	"aten::sin":         node("Sin", "self"),
	"aten::cos":         node("Cos", "self"),
	"aten::atanh":       node("Atanh", "self"),
	"aten::floor":       node("Floor", "self"),
	"aten::ceil":        node("Ceil", "self"),
	"aten::logical_not": node("Not", "self"),
	"aten::square":      node("Mul", "self self"),
	"aten::silu":        lowerSilu,
	"aten::gelu":        lowerGelu,
	"aten::leaky_relu":  node("LeakyRelu", "self", float("alpha", "negative_slope")),
	"aten::elu":         lowerElu,
	"aten::clamp":       node("Clip", "self min max"),
	"aten::clamp_min":   node("Clip", "self min max"), // it has no max
	"aten::clamp_max":   node("Clip", "self min max"), // it has no min
	"aten::hardtanh":    node("Clip", "self min_val max_val"),

	// Functions of two tensors, or of a tensor and a number.
	"aten::add.Tensor":         lowerSum("Add"),
	"aten::add.Scalar":         lowerSum("Add"),
	"aten::sub.Tensor":         lowerSum("Sub"),
	"aten::sub.Scalar":         lowerSum("Sub"),
	"aten::rsub.Tensor":        lowerRsub,
	"aten::rsub.Scalar":        lowerRsub,
	"aten::mul.Tensor":         node("Mul", "self other"),
	"aten::mul.Scalar":         node("Mul", "self other"),
	"aten::div.Tensor":         node("Div", "self other"),
	"aten::div.Scalar":         node("Div", "self other"),
	"aten::pow.Tensor_Tensor":  node("Pow", "self exponent"),
	"aten::pow.Tensor_Scalar":  node("Pow", "self exponent"),
	"aten::maximum":            node("Max", "self other"),
	"aten::minimum":            node("Min", "self other"),
	"aten::max.other":          node("Max", "self other"),
	"aten::min.other":          node("Min", "self other"),
	"aten::logical_and":        comparison("And"),
	"aten::logical_or":         comparison("Or"),
	"aten::eq.Tensor":          comparison("Equal"),
	"aten::eq.Scalar":          comparison("Equal"),
	"aten::gt.Tensor":          comparison("Greater"),
	"aten::gt.Scalar":          comparison("Greater"),
	"aten::ge.Tensor":          comparison("GreaterOrEqual"),
	"aten::ge.Scalar":          comparison("GreaterOrEqual"),
	"aten::lt.Tensor":          comparison("Less"),
	"aten::lt.Scalar":          comparison("Less"),
	"aten::le.Tensor":          comparison("LessOrEqual"),
	"aten::le.Scalar":          comparison("LessOrEqual"),
	"aten::where.self":         lowerWhere,
	"aten::masked_fill.Scalar": lowerMaskedFill,

	// Functions along one dimension, and reductions.
	"aten::softmax.int":     node("Softmax", "self", dimAsAxis),
	"aten::log_softmax.int": node("LogSoftmax", "self", dimAsAxis),
	"aten::_softmax":        node("Softmax", "self", dimAsAxis),
	"aten::_log_softmax":    node("LogSoftmax", "self", dimAsAxis),
	"aten::mean":            reduce("ReduceMean"),
	"aten::mean.dim":        reduce("ReduceMean"),
	"aten::sum":             reduce("ReduceSum"),
	"aten::sum.dim_IntList": reduce("ReduceSum"),
	"aten::amax":            reduce("ReduceMax"),
	"aten::amin":            reduce("ReduceMin"),
	"aten::argmax":          lowerArgmax,
	"aten::layer_norm":      lowerLayerNorm,

	// Products of matrices, and recurrent layers.
	"aten::linear":     lowerLinear,
	"aten::matmul":     lowerMatmul,
	"aten::mm":         lowerMatmul,
	"aten::bmm":        lowerMatmul,
	"aten::mv":         lowerMatmul,
	"aten::addmm":      lowerAddmm,
	"aten::lstm.input": lowerLSTM,

	// Shapes.
	"aten::reshape":            lowerReshape,
	"aten::view":               lowerReshape,
	"aten::view_as":            lowerReshape,
	"aten::reshape_as":         lowerReshape,
	"aten::_unsafe_view":       lowerReshape,
	"aten::flatten.using_ints": lowerReshape,
	"aten::unflatten.int":      lowerReshape,
	"aten::permute":            lowerPermute,
	"aten::squeeze":            lowerSqueeze,
	"aten::squeeze.dim":        lowerSqueeze,
	"aten::squeeze.dims":       lowerSqueeze,
	"aten::unsqueeze":          lowerUnsqueeze,
	"aten::expand":             lowerExpand,
	"aten::expand_as":          lowerExpand,
	"aten::repeat":             lowerRepeat,
	"aten::cat":                lowerCat,
	"aten::stack":              lowerStack,

	// Parts.
	"aten::narrow":           lowerNarrow,
	"aten::slice.Tensor":     lowerSlice,
	"aten::select.int":       lowerSelect,
	"aten::chunk":            lowerSplit,
	"aten::split.Tensor":     lowerSplit,
	"aten::split.sizes":      lowerSplit,
	"aten::split_with_sizes": lowerSplit,
	"aten::unbind.int":       lowerUnbind,
	"aten::index_select":     lowerIndexSelect,
	"aten::embedding":        lowerEmbedding,
	"aten::flip":             lowerFlip,

	// New tensors.
	"aten::zeros":       fill(0),
	"aten::zeros_like":  fill(0),
	"aten::new_zeros":   fill(0),
	"aten::zero":        fill(0),
	"aten::ones":        fill(1),
	"aten::ones_like":   fill(1),
	"aten::new_ones":    fill(1),
	"aten::full":        fillWith("fill_value"),
	"aten::full_like":   fillWith("fill_value"),
	"aten::new_full":    fillWith("fill_value"),
	"aten::fill.Scalar": fillWith("value"),
	"aten::copy":        lowerCopy,
}

// kept holds the operators that keep the elements, in another type or order perhaps.
// They are lowered even where they could be computed at once, so that a parameter keeps
// its name.
var kept = map[string]lowering{
	"aten::detach":          same,
	"aten::alias":           same,
	"aten::clone":           same,
	"aten::contiguous":      same,
	"aten::dropout":         lowerDropout,
	"aten::feature_dropout": lowerDropout,
	"aten::to.device":       same,
	"aten::to.dtype":        same,
	"aten::to.dtype_layout": same,
	"aten::to.other":        same,
	"aten::type_as":         same,
	"aten::_to_copy":        same,
	"aten::transpose.int":   lowerTranspose,
	"aten::t":               lowerTranspose,
}
