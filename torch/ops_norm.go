// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// RunningStats are those of BatchNorm and InstanceNorm: nil, or a mean and a variance
// for each channel.
type RunningStats struct{ Mean, Var *Tensor }

// BatchNorm normalises each channel of x [N, C, *] over the batch and the other
// dimensions: with train by its own mean and variance, which also become a share
// momentum of the running ones; otherwise by those. weight and bias [C] may be nil.
func BatchNorm(x, weight, bias *Tensor, s RunningStats, train bool, momentum, eps float64) *Tensor {
	return on("aten::batch_norm", x).normalised(weight, bias, s, train, momentum, eps)
}

// InstanceNorm is BatchNorm for each sample by itself; use says that its own mean and
// variance count, and not the running ones.
func InstanceNorm(x, weight, bias *Tensor, s RunningStats, use bool, momentum, eps float64) *Tensor {
	return on("aten::instance_norm", x).normalised(weight, bias, s, use, momentum, eps)
}

func (a args) normalised(weight, bias *Tensor, s RunningStats, own bool, momentum, eps float64) *Tensor {
	return a.optional(weight).optional(bias).optional(s.Mean).optional(s.Var).bool(own).double(momentum).double(eps).bool(true).one()
}

// GroupNorm normalises each sample of x [N, C, *] over groups of its channels. weight
// and bias [C] may be nil.
func GroupNorm(x *Tensor, groups int, weight, bias *Tensor, eps float64) *Tensor {
	return on("aten::group_norm", x).int(groups).optional(weight).optional(bias).double(eps).bool(true).one()
}

// RMSNorm divides by the root of the mean square over the last dimensions, of sizes
// shape. weight may be nil; a nil eps is the distance from 1 to the next number.
func RMSNorm(x *Tensor, shape []int, weight *Tensor, eps *float64) *Tensor {
	a := on("aten::rms_norm", x).ints(shape...).optional(weight)
	if eps == nil {
		return a.none().one()
	}
	return a.double(*eps).one()
}

// FeatureDropout is Dropout of whole channels: all elements of x [N, C, *] with the same
// first two indices are kept or zeroed together.
func FeatureDropout(x *Tensor, p float64, train bool) *Tensor {
	return on("aten::feature_dropout", x).double(p).bool(train).one()
}

// AlphaDropout sets elements with probability p to the limit of Selu on the left, and
// scales all so that mean and variance stay, when train is set.
func AlphaDropout(x *Tensor, p float64, train bool) *Tensor {
	return on("aten::alpha_dropout", x).double(p).bool(train).one()
}

// FeatureAlphaDropout is AlphaDropout of whole channels, as FeatureDropout.
func FeatureAlphaDropout(x *Tensor, p float64, train bool) *Tensor {
	return on("aten::feature_alpha_dropout", x).double(p).bool(train).one()
}
