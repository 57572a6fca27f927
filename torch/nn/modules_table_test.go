// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"maps"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// modules makes each module of PyTorch from the arguments of a case.
var modules = together(
	basicModules,
	attentionModules,
	embeddingModules,
	convModules,
	poolModules,
	activationModules,
)

// moduleTable holds the modules of one family.
type moduleTable map[string]func(c moduleCase) any

func together(tables ...moduleTable) moduleTable {
	all := moduleTable{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

var basicModules = moduleTable{
	"Linear": func(c moduleCase) any {
		return nn.NewLinear(c.int(0, "in_features", 0), c.int(1, "out_features", 0), torch.CPU,
			nn.LinearConfig{NoBias: !c.bool(2, "bias", true), DType: c.dtype})
	},
	"LayerNorm": func(c moduleCase) any {
		return nn.NewLayerNorm(c.ints(0, "normalized_shape"), torch.CPU, nn.LayerNormConfig{
			Eps: c.float(1, "eps", 1e-5), NoAffine: !c.bool(2, "elementwise_affine", true), NoBias: !c.bool(3, "bias", true), DType: c.dtype,
		})
	},
	"Dropout": func(c moduleCase) any { return nn.NewDropout(c.float(0, "p", 0.5)) },
	"Tanh":    func(moduleCase) any { return nn.Tanh{} },
	"ReLU":    func(moduleCase) any { return nn.ReLU{} },
	"Sigmoid": func(moduleCase) any { return nn.Sigmoid{} },
	"Softmax": func(c moduleCase) any { return nn.Softmax{Dim: c.int(0, "dim", 0)} },
}

// notWritten are the modules of PyTorch that this package lacks, with the reason.
var notWritten = map[string]string{
	"AdaptiveLogSoftmaxWithLoss":    later,
	"AlphaDropout":                  later,
	"BCELoss":                       later,
	"BCEWithLogitsLoss":             later,
	"BatchNorm1d":                   later,
	"BatchNorm2d":                   later,
	"BatchNorm3d":                   later,
	"CTCLoss":                       later,
	"ChannelShuffle":                later,
	"CircularPad1d":                 later,
	"CircularPad2d":                 later,
	"CircularPad3d":                 later,
	"ConstantPad1d":                 later,
	"ConstantPad2d":                 later,
	"ConstantPad3d":                 later,
	"CosineEmbeddingLoss":           later,
	"CosineSimilarity":              later,
	"CrossEntropyLoss":              later,
	"CrossMapLRN2d":                 later,
	"Dropout1d":                     later,
	"Dropout2d":                     later,
	"Dropout3d":                     later,
	"FeatureAlphaDropout":           later,
	"Flatten":                       later,
	"Fold":                          later,
	"GRU":                           later,
	"GRUCell":                       later,
	"GaussianNLLLoss":               later,
	"GroupNorm":                     later,
	"HingeEmbeddingLoss":            later,
	"HuberLoss":                     later,
	"Identity":                      later,
	"InstanceNorm1d":                later,
	"InstanceNorm2d":                later,
	"InstanceNorm3d":                later,
	"KLDivLoss":                     later,
	"L1Loss":                        later,
	"LSTM":                          later,
	"LSTMCell":                      later,
	"LinearCrossEntropyLoss":        later,
	"LocalResponseNorm":             later,
	"MSELoss":                       later,
	"MarginRankingLoss":             later,
	"MultiLabelMarginLoss":          later,
	"MultiLabelSoftMarginLoss":      later,
	"MultiMarginLoss":               later,
	"NLLLoss":                       later,
	"PairwiseDistance":              later,
	"PixelShuffle":                  later,
	"PixelUnshuffle":                later,
	"PoissonNLLLoss":                later,
	"RMSNorm":                       later,
	"RNN":                           later,
	"RNNCell":                       later,
	"ReflectionPad1d":               later,
	"ReflectionPad2d":               later,
	"ReflectionPad3d":               later,
	"ReplicationPad1d":              later,
	"ReplicationPad2d":              later,
	"ReplicationPad3d":              later,
	"SmoothL1Loss":                  later,
	"SoftMarginLoss":                later,
	"TripletMarginLoss":             later,
	"TripletMarginWithDistanceLoss": later,
	"Unflatten":                     later,
	"Unfold":                        later,
	"Upsample":                      later,
	"UpsamplingBilinear2d":          later,
	"UpsamplingNearest2d":           later,
	"ZeroPad1d":                     later,
	"ZeroPad2d":                     later,
	"ZeroPad3d":                     later,
}

const later = "not written yet"
