// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"maps"
	"math"
	"strings"
)

// table holds the operators that can be exported, by name and overload. The in-place
// forms share the rows of the others. To add an operator, add a row:
//
//   - node("Pow", "self exponent") for an operator that ONNX has too: the arguments that
//     become its inputs, and after them its attributes; see [node] and the functions
//     beside it in lower_elementwise.go;
//   - formula("self * Sigmoid(self)") for one that is computed element by element from a few
//     of ONNX's, see [formula]; loss("Abs(self - target)") for a loss, with its reduction;
//   - a function for any other, in the lower_*.go file of its family.
//
// A new row needs a network in cases (lower_test.go) or operatorCases (cases_test.go).
var table = func() map[string]lowering {
	all := byName(rows)
	for name := range strings.FieldsSeq(namesakes) {
		all["aten::"+name] = node(strings.ToUpper(name[:1])+name[1:], "self")
	}
	for name, f := range maps.Clone(all) {
		base, overload, _ := strings.Cut(name, ".")
		for _, alias := range strings.Fields(aliases[strings.TrimPrefix(base, "aten::")]) {
			all[strings.TrimSuffix("aten::"+alias+"."+overload, ".")] = f
		}
	}
	return all
}()

// operators are those that share a form.
type operators struct {
	names string
	form  lowering
}

func byName(rows []operators) map[string]lowering {
	all := map[string]lowering{}
	for _, r := range rows {
		for name := range strings.FieldsSeq(r.names) {
			all["aten::"+name] = r.form
		}
	}
	return all
}

// aliases are other names of operators, with the same arguments. An overload that PyTorch
// has under one of the names only does no harm here.
var aliases = map[string]string{
	"abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2",
	"atanh": "arctanh", "cat": "concat concatenate", "clamp": "clip", "div": "divide true_divide", "erf": "special_erf", "erfc": "special_erfc",
	"exp2": "special_exp2", "expm1": "special_expm1", "ge": "greater_equal", "gt": "greater", "le": "less_equal",
	"log1p": "special_log1p", "logit": "special_logit", "logsumexp": "special_logsumexp", "lt": "less", "matmul": "linalg_matmul",
	"movedim": "moveaxis", "mul": "multiply", "ne": "not_equal", "neg": "negative", "round": "special_round", "sigmoid": "special_expit",
	"sign": "sgn", "sinc": "special_sinc", "sub": "subtract",
}

// namesakes are the operators of one tensor that ONNX has under the same name, with a capital
// letter: Tanh for tanh.
const namesakes = `acos acosh asin asinh atan atanh ceil cos cosh erf exp floor log neg reciprocal relu round selu sigmoid sign
	sin sinh sqrt tan tanh`

// rows are those of [table]. Some overloads, pow.Tensor for example, exist in place only.
var rows = []operators{
	// Functions of one tensor, element by element.
	{"abs", lowerAbs},
	{"logical_not", formula("self == 0")},
	{"square", node("Mul", "self self")},
	{"silu", formula("self * Sigmoid(self)")},
	{"gelu", lowerGelu},
	{"leaky_relu", node("LeakyRelu", "self", float("alpha", "negative_slope"))},
	{"elu", formula("scale * Where(self > 0, self, alpha * (Exp(Min(self, 0) * input_scale) - 1))")},
	{"clamp clamp_min clamp_max", node("Clip", "self min max")},
	{"hardtanh", node("Clip", "self min_val max_val")},
	{"round.decimals", formula("Round(self * Pow(10, decimals)) / Pow(10, decimals)")},
	{"trunc fix", formula("Trunc(self)")},
	{"frac", formula("self - Trunc(self)")},
	{"positive", same},
	{"log1p", formula("Log(1 + self)")},
	{"log2", formula("Log(self) / Ln2")},
	{"log10", formula("Log(self) / Ln10")},
	{"exp2", formula("Pow(2, self)")},
	{"expm1", formula("Where(self > 20, Exp(self), Tanh(self / 2) * (Exp(Min(self, 20)) + 1))")},
	{"rsqrt", formula("Reciprocal(Sqrt(self))")},
	{"erfc", formula("1 - Erf(self)")},
	{"sinc", formula("Where(self == 0, 1, Sin(Pi * self) / (Pi * self))")},
	{"deg2rad", formula("self * (Pi / 180)")},
	{"rad2deg", formula("self * (180 / Pi)")},
	{"logit", lowerLogit},
	{"signbit", formula("self < 0 || 1 / self < 0")},
	{"isnan", formula("IsNaN(self)")},
	{"isinf", formula("IsInf(self)")},
	{"isfinite", formula("!(IsInf(self) || IsNaN(self))")},
	{"isposinf", formula("self == Inf")},
	{"isneginf", formula("self == -Inf")},
	{"nan_to_num", lowerNaNToNum},
	{"angle", formula("Where(self < 0, Pi, self * 0)")},
	{"special_entr", formula("Where(self > 0, -self * Log(self), Where(self == 0, 0, -Inf))")},
	{"bitwise_not", bitwise("Not", "self")},

	// Activations.
	{"relu6", formula("Clip(self, 0, 6)")},
	{"hardsigmoid", formula("Clip(self / 6 + 0.5, 0, 1)")},
	{"hardswish", formula("self * Clip(self / 6 + 0.5, 0, 1)")},
	{"mish", formula("self * Tanh(Softplus(self))")},
	{"softplus", formula("Where(self * beta > threshold, self, Softplus(self * beta) / beta)")},
	{"softshrink", formula("Where(self > lambd, self - lambd, Where(self < -lambd, self + lambd, self * 0))")},
	{"hardshrink", formula("Where(self >= -lambd && self <= lambd, self * 0, self)")},
	{"threshold", formula("Where(self <= threshold, value, self)")},
	{"celu", formula("Max(self, 0) + Min(alpha * (Exp(Min(self / alpha, 0)) - 1), 0)")},
	{"log_sigmoid log_sigmoid_forward", formula("-Softplus(-self)")},
	{"prelu", lowerPRelu},
	{"_prelu_kernel", formula("Where(self > 0, self, weight * self)")},
	{"glu", lowerGlu},
	{"rrelu rrelu_with_noise", inEvaluation(formula("Where(self >= 0, self, self * ((lower + upper) / 2))"))},

	// Functions of two tensors or more, or of tensors and numbers.
	{"add.Tensor add.Scalar", formula("self + other * alpha")},
	{"sub.Tensor sub.Scalar", formula("self - other * alpha")},
	{"rsub.Tensor rsub.Scalar", formula("other - self * alpha")},
	{"mul.Tensor mul.Scalar", node("Mul", "self other")},
	{"div.Tensor div.Scalar", node("Div", "self other")},
	{`pow.Tensor_Tensor pow.Tensor_Scalar float_power.Tensor_Tensor float_power.Tensor_Scalar float_power.Scalar
		pow.Scalar pow.Tensor`, node("Pow", "self exponent")},
	{"maximum max.other", node("Max", "self other")},
	{"minimum min.other", node("Min", "self other")},
	{"logical_and", formula("self && other")},
	{"logical_or", formula("self || other")},
	{"eq.Tensor eq.Scalar", formula("self == other")},
	{"gt.Tensor gt.Scalar", formula("self > other")},
	{"ge.Tensor ge.Scalar", formula("self >= other")},
	{"lt.Tensor lt.Scalar", formula("self < other")},
	{"le.Tensor le.Scalar", formula("self <= other")},
	{"where.self where.ScalarSelf where.ScalarOther where.Scalar", formula("Where(condition, self, other)")},
	{"masked_fill.Scalar masked_fill.Tensor", formula("Where(mask, value, self)")},
	{"isclose", formula("self == other || Abs(self - other) <= atol + rtol * Abs(other)")},
	{"special_ndtr", formula("(1 + Erf(self * Sqrt(0.5))) / 2")},
	{"ne.Tensor ne.Scalar", formula("!(self == other)")},
	{"logical_xor", formula("(self || other) && !(self && other)")},
	{"bitwise_and.Tensor bitwise_and.Scalar", bitwise("And", "self other")},
	{"bitwise_or.Tensor bitwise_or.Scalar", bitwise("Or", "self other")},
	{"bitwise_xor.Tensor bitwise_xor.Scalar", bitwise("Xor", "self other")},
	{"fmax", formula("Where(IsNaN(self), other, Where(IsNaN(other), self, Max(self, other)))")},
	{"fmin", formula("Where(IsNaN(self), other, Where(IsNaN(other), self, Min(self, other)))")},
	{"fmod.Tensor fmod.Scalar", formula("Fmod(self, other)")},
	{"remainder.Tensor remainder.Scalar remainder.Scalar_Tensor", formula("Remainder(self, other)")},
	{"floor_divide floor_divide.Scalar floor_divide.Tensor", formula(floorDivide)},
	{"div.Tensor_mode div.Scalar_mode", lowerDivMode},
	{"atan2", formula("Where(other > 0, Atan(self / other), Where(other < 0, Atan(self / other) + Where(self < 0, -Pi, Pi), Sign(self) * (Pi / 2)))")},
	{"hypot", formula("Sqrt(self * self + other * other)")},
	{"copysign.Tensor copysign.Scalar", formula("Where(other < 0 || 1 / other < 0, -Abs(self), Abs(self))")},
	{"heaviside", formula("Where(self < 0, 0, Where(self > 0, 1, values))")},
	{"ldexp.Tensor ldexp", formula("self * Pow(2, other)")},
	{"logaddexp", formula("Max(self, other) + Log(1 + Exp(-Abs(self - other)))")},
	{"logaddexp2", formula("Max(self, other) + Log(1 + Pow(2, -Abs(self - other))) / Ln2")},
	{"xlogy.Tensor xlogy.Scalar_Self xlogy.Scalar_Other", formula("Where(self == 0 && !IsNaN(other), 0, self * Log(other))")},
	{"special_xlog1py", formula("Where(self == 0 && !IsNaN(other), 0, self * Log(1 + other))")},
	{"lerp.Tensor lerp.Scalar", formula("self + weight * (end - self)")},
	{"addcmul", formula("self + value * tensor1 * tensor2")},
	{"addcdiv", formula("self + value * tensor1 / tensor2")},
	{"clamp.Tensor clamp_min.Tensor clamp_max.Tensor", lowerClamp},

	// Along one dimension, and reductions.
	{"softmax.int _softmax", alongDim("Softmax", "Exp(self - self)")},
	{"log_softmax.int _log_softmax", alongDim("LogSoftmax", "self - self")},
	{"mean mean.dim", reduce("ReduceMean")},
	{"sum sum.dim_IntList", reduce("ReduceSum")},
	{"amax max", reduce("ReduceMax")},
	{"amin min", reduce("ReduceMin")},
	{"argmax", place("ArgMax")},
	{"layer_norm native_layer_norm", lowerLayerNorm},
	{"prod", reduce("ReduceProd")},
	{"prod.dim_int", reduceFormula("self", "ReduceProd")},
	{"logsumexp", reduceFormula("self", "ReduceLogSumExp")},
	{"argmin", place("ArgMin")},
	{"max.dim", best("ReduceMax", "ArgMax")},
	{"min.dim", best("ReduceMin", "ArgMin")},
	{"aminmax", lowerAminmax},
	{"any any.dim any.dims", anyOf},
	{"all all.dim all.dims", allOf},
	{"count_nonzero count_nonzero.dim_IntList", reduceFormula("Where(self == 0, 0, 1)", "ReduceSum")},
	{"nansum", reduceFormula("Where(IsNaN(self), 0, self)", "ReduceSum")},
	{"linalg_vector_norm norm.Scalar norm.ScalarOpt_dim frobenius_norm.dim", lowerVectorNorm},
	{`var var.dim var.correction std std.dim std.correction var_mean.correction std_mean.correction var_mean
		var_mean.dim std_mean std_mean.dim`, lowerVariance},
	{"cumsum", lowerCumsum},
	{"logcumsumexp", prefixes("Exp(x - m)", math.Inf(-1), "ReduceSum", "m + Log(y)")},
	{"cumprod", prefixes("x", 1, "ReduceProd", "y")},
	{"cummax", prefixes("x", math.Inf(-1), "ReduceMax", "y")},
	{"cummin", prefixes("x", math.Inf(1), "ReduceMin", "y")},
	{"sort sort.stable argsort argsort.stable topk", lowerSort},
	{"kthvalue median median.dim", lowerKth},
	{"renorm", lowerRenorm},
	{"diff", lowerDiff},
	{"trace", lowerTrace},
	{"bucketize.Tensor searchsorted.Tensor", lowerSearchsorted},
	{"isin.Tensor_Tensor", lowerIsin},

	// Spectra.
	{"stft", lowerSTFT},
	{"view_as_real", lowerViewAsReal},
	{"real", part(0)},
	{"imag", part(1)},

	// Products, and recurrent layers.
	{"dot", node("MatMul", "self tensor")},
	{"vdot", node("MatMul", "self other")},
	{"inner", lowerInner},
	{"outer ger addr", lowerOuter},
	{"addbmm", lowerAddbmm},
	{"linalg_multi_dot", lowerMultiDot},
	{"linalg_matrix_power", lowerMatrixPower},
	{"tensordot", lowerTensordot},
	{"logdet", formula("Log(Det(self))")},
	{"linalg_det _linalg_det", node("Det", "A")},
	{"addmv", formula("beta * self + alpha * MatMul(mat, vec)")},
	{"baddbmm", formula("beta * self + alpha * MatMul(batch1, batch2)")},
	{"einsum", lowerEinsum},
	{"bilinear", lowerBilinear},
	{"cdist _cdist_forward", lowerCdist},
	{"dist", lowerDist},
	{"pdist _pdist_forward", lowerPdist},
	{"pairwise_distance", lowerPairwiseDistance},
	{"cosine_similarity", lowerCosineSimilarity},
	{"linalg_cross cross", lowerCross},
	{"scaled_dot_product_attention _scaled_dot_product_flash_attention_for_cpu", lowerScaledDotProductAttention},
	{"_safe_softmax", node("Softmax", "self", dimAsAxis)},
	{"linear", lowerLinear},
	{"matmul mm bmm mv", lowerMatmul},
	{"addmm", lowerAddmm},
	{"lstm.input", lstmKind.lower},
	{"gru.input", gruKind.lower},
	{"rnn_tanh.input rnn_relu.input", rnnKind.lower},
	{"lstm_cell", lowerLSTMCell},
	{"gru_cell", lowerGRUCell},
	{"rnn_tanh_cell", lowerCell("Tanh")},
	{"rnn_relu_cell", lowerCell("Relu")},

	// Convolutions, pools and normalisations.
	{`convolution conv1d conv2d conv3d conv1d.padding conv2d.padding conv3d.padding conv_transpose1d
		conv_transpose2d.input conv_transpose3d.input`, lowerConv},
	{"max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices", pool("MaxPool")},
	{"avg_pool1d avg_pool2d avg_pool3d", pool("AveragePool")},
	{"adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d", adaptivePool("AveragePool")},
	{"adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", adaptivePool("MaxPool")},
	{"max_unpool2d max_unpool3d", lowerUnpool},
	{"im2col", lowerIm2col},
	{"col2im", lowerCol2im},
	{"batch_norm native_batch_norm _native_batch_norm_legit_no_training _native_batch_norm_legit.no_stats instance_norm", lowerBatchNorm},
	{"group_norm native_group_norm", lowerGroupNorm},
	{"rms_norm", lowerRMSNorm},

	// Losses.
	{"mse_loss", loss("(self - target) * (self - target)")},
	{"l1_loss", loss("Abs(self - target)")},
	{"smooth_l1_loss", loss("Where(Abs(self - target) < beta, (self - target) * (self - target) / (2 * beta), Abs(self - target) - beta / 2)")},
	{"huber_loss", loss("Where(Abs(self - target) < delta, (self - target) * (self - target) / 2, delta * (Abs(self - target) - delta / 2))")},
	{"soft_margin_loss", loss("Softplus(-self * target)")},
	{"binary_cross_entropy", weightedLoss("-(target * Max(Log(self), -100) + (1 - target) * Max(Log(1 - self), -100))")},
	{"binary_cross_entropy_with_logits", lowerBCEWithLogits},
	{"kl_div", lowerKLDiv},
	{"cross_entropy_loss", crossEntropy("SoftmaxCrossEntropyLoss")},
	{"nll_loss_nd nll_loss nll_loss2d nll_loss_forward nll_loss2d_forward", crossEntropy("NegativeLogLikelihoodLoss")},
	{"poisson_nll_loss", lowerPoissonNLL},
	{"hinge_embedding_loss", loss("Where(target == 1, 0, Max(margin - self, 0)) + Where(target == -1, 0, self)")},
	{"margin_ranking_loss", loss("Max(margin - target * (input1 - input2), 0)")},
	{"triplet_margin_loss", lowerTripletMargin},
	{"cosine_embedding_loss", lowerCosineEmbedding},
	{"multi_margin_loss", lowerMultiMargin},
	{"multilabel_margin_loss multilabel_margin_loss_forward", lowerMultiLabelMargin},

	// Shapes.
	{"ravel reshape view view_as reshape_as _unsafe_view flatten.using_ints unflatten.int view_copy", lowerReshape},
	{"permute permute_copy", lowerPermute},
	{"squeeze squeeze.dim squeeze.dims squeeze_copy squeeze_copy.dim", lowerSqueeze},
	{"unsqueeze unsqueeze_copy", lowerUnsqueeze},
	{"expand expand_as broadcast_to expand_copy", lowerExpand},
	{"repeat tile", lowerRepeat},
	{"hstack vstack dstack column_stack", lowerStacked},
	{"cat", lowerCat},
	{"stack", lowerStack},

	// Parts.
	{"narrow narrow_copy", lowerNarrow},
	{"slice.Tensor", lowerSlice},
	{"select.int", lowerSelect},
	{`chunk split.Tensor split.sizes split_with_sizes unsafe_chunk tensor_split.sections tensor_split.indices
		unsafe_split.Tensor split_with_sizes_copy`, lowerSplit},
	{"unbind.int unbind_copy.int", lowerUnbind},
	{"index_select", lowerIndexSelect},
	{"embedding", lowerEmbedding},
	{"embedding_bag embedding_bag.padding_idx _embedding_bag _embedding_bag_forward_only", lowerEmbeddingBag},
	{"flip", lowerFlip},

	// Images and padding.
	{"pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d", lowerPad},
	{"upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest3d.vec", upsample("nearest", attrString("nearest_mode", "floor"))},
	{`_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d _upsample_nearest_exact1d.vec
		_upsample_nearest_exact2d.vec _upsample_nearest_exact3d.vec`, upsample("nearest", attrString("nearest_mode", "round_prefer_ceil"))},
	{`upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_linear1d.vec upsample_bilinear2d.vec
		upsample_trilinear3d.vec _upsample_bilinear2d_aa _upsample_bilinear2d_aa.vec`, upsample("linear")},
	{"upsample_bicubic2d upsample_bicubic2d.vec", upsample("cubic")},
	{"_upsample_bicubic2d_aa _upsample_bicubic2d_aa.vec", upsample("cubic", attrFloat("cubic_coeff_a", -0.5))},
	{"grid_sampler grid_sampler_2d grid_sampler_3d", lowerGridSampler},
	{"pixel_shuffle pixel_unshuffle channel_shuffle", lowerShuffle},

	// Other orders and places.
	{"movedim.int movedim.intlist", lowerMovedim},
	{"broadcast_tensors", lowerBroadcast},
	{"meshgrid meshgrid.indexing", lowerMeshgrid},
	{"roll", lowerRoll},
	{"tril", triangle(0)},
	{"triu", triangle(1)},
	{"diagonal diag diagonal_copy", lowerDiagonal},
	{"diag_embed", lowerDiagEmbed},
	{"diagonal_scatter", lowerDiagonalScatter},
	{"block_diag", lowerBlockDiag},
	{"rot90", lowerRot90},
	{"unfold unfold_copy", lowerUnfold},
	{"take", lowerTake},
	{"repeat_interleave.self_int", lowerRepeatInterleave},
	{"one_hot", lowerOneHot},
	{"take_along_dim", lowerTakeAlongDim},
	{"gather", lowerGather},
	{"scatter.src scatter.value", scatter("none")},
	{"scatter.reduce scatter.value_reduce scatter_reduce.two", scatter("")},
	{"scatter_add", scatter("add")},
	{"masked_scatter", lowerMaskedScatter},
	{"put", lowerPut},
	{"index.Tensor", lowerIndex},
	{"index_put", lowerIndexPut},
	{"index_add", alongAxis("add")},
	{"index_copy index_fill.int_Scalar index_fill.int_Tensor", alongAxis("none")},
	{"index_reduce", alongAxis("")},
	{"select_scatter", lowerSelectScatter},
	{"slice_scatter", lowerSliceScatter},
	{"transpose_copy.int", lowerTranspose},

	// New tensors.
	{"zeros zeros_like new_zeros zero", fill(0)},
	{"ones ones_like new_ones", fill(1)},
	{"full full_like new_full", fillWith("fill_value")},
	{"fill.Scalar", fillWith("value")},
	{"copy", lowerCopy},
	{"arange arange.start arange.start_step", lowerArange},
	{"linspace", lowerLinspace},
	{"eye eye.m", lowerEye},
}

// kept holds the operators that keep the elements, in another type or order perhaps.
// They are lowered even where they could be computed at once, so that a parameter keeps
// its name.
var kept = byName([]operators{
	{`detach alias clone contiguous to.device to.dtype to.dtype_layout to.other type_as _to_copy alias_copy
		conj_physical _conj_physical resolve_conj resolve_neg`, same},
	{"dropout feature_dropout alpha_dropout feature_alpha_dropout", lowerDropout},
	{"swapaxes swapdims mT adjoint numpy_T transpose.int t t_copy transpose", lowerTranspose},
})
