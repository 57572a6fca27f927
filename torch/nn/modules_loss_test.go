// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var lossModules = moduleTable{
	"MSELoss": func(c moduleCase) any { return nn.MSE{Reduction: c.reduction()} },
	"L1Loss":  func(c moduleCase) any { return nn.L1{Reduction: c.reduction()} },
	"HuberLoss": func(c moduleCase) any {
		return nn.Huber{Reduction: c.reduction(), Delta: c.float(-1, "delta", 1)}
	},
	"SmoothL1Loss": func(c moduleCase) any {
		return nn.SmoothL1{Reduction: c.reduction(), Beta: c.float(-1, "beta", nn.DefaultSmoothL1().Beta)}
	},
	"KLDivLoss": func(c moduleCase) any {
		return nn.KLDiv{Reduction: c.reduction(), BatchMean: c.string(-1, "reduction", "mean") == "batchmean", LogTarget: c.bool(-1, "log_target", false)}
	},
	"BCELoss": func(c moduleCase) any { return nn.BCE{Reduction: c.reduction(), Weight: c.weight(0, "weight")} },
	"BCEWithLogitsLoss": func(c moduleCase) any {
		return nn.BCEWithLogits{Reduction: c.reduction(), Weight: c.weight(0, "weight"), PosWeight: c.weight(-1, "pos_weight")}
	},
	"PoissonNLLLoss": func(c moduleCase) any {
		return nn.PoissonNLL{Reduction: c.reduction(), Rates: !c.bool(0, "log_input", true), Full: c.bool(1, "full", false),
			Eps: c.float(-1, "eps", nn.DefaultPoissonNLL().Eps)}
	},
	"GaussianNLLLoss": func(c moduleCase) any {
		return nn.GaussianNLL{Reduction: c.reduction(), Full: c.bool(-1, "full", false), Eps: c.float(-1, "eps", nn.DefaultGaussianNLL().Eps)}
	},
	"CrossEntropyLoss": func(c moduleCase) any { return crossEntropy(c) },
	"LinearCrossEntropyLoss": func(c moduleCase) any {
		return nn.NewLinearCrossEntropy(c.int(0, "in_features", 0), c.int(1, "num_classes", 0), torch.CPU, nn.LinearCrossEntropyConfig{
			CrossEntropy: crossEntropy(c), OutFeatures: c.ints(-1, "out_features"), Bias: c.bool(-1, "bias", false), DType: c.dtype,
		})
	},
	"NLLLoss": func(c moduleCase) any {
		return nn.NLL{Reduction: c.reduction(), Weight: c.weight(0, "weight"), IgnoreIndex: crossEntropy(c).IgnoreIndex}
	},
	"MultiMarginLoss": func(c moduleCase) any {
		l := nn.DefaultMultiMargin()
		return nn.MultiMargin{Reduction: c.reduction(), P: c.int(0, "p", l.P), Margin: c.float(1, "margin", l.Margin), Weight: c.weight(2, "weight")}
	},
	"MultiLabelMarginLoss": func(c moduleCase) any { return nn.MultiLabelMargin{Reduction: c.reduction()} },
	"MultiLabelSoftMarginLoss": func(c moduleCase) any {
		return nn.MultiLabelSoftMargin{Reduction: c.reduction(), Weight: c.weight(0, "weight")}
	},
	"SoftMarginLoss": func(c moduleCase) any { return nn.SoftMargin{Reduction: c.reduction()} },
	"CosineEmbeddingLoss": func(c moduleCase) any {
		return nn.CosineEmbedding{Reduction: c.reduction(), Margin: c.float(0, "margin", 0)}
	},
	"HingeEmbeddingLoss": func(c moduleCase) any {
		return nn.HingeEmbedding{Reduction: c.reduction(), Margin: c.float(0, "margin", nn.DefaultHingeEmbedding().Margin)}
	},
	"MarginRankingLoss": func(c moduleCase) any {
		return nn.MarginRanking{Reduction: c.reduction(), Margin: c.float(0, "margin", 0)}
	},
	"TripletMarginLoss": func(c moduleCase) any {
		l := nn.DefaultTripletMargin()
		return nn.TripletMargin{Reduction: c.reduction(), Margin: c.float(0, "margin", l.Margin), P: c.float(1, "p", l.P), Eps: c.float(2, "eps", l.Eps),
			Swap: c.bool(3, "swap", false)}
	},
	"TripletMarginWithDistanceLoss": func(c moduleCase) any {
		return nn.TripletMarginWithDistance{Reduction: c.reduction(), Margin: c.float(-1, "margin", 1), Swap: c.bool(-1, "swap", false)}
	},
	"CTCLoss": func(c moduleCase) any {
		l := nn.CTC{Reduction: c.reduction(), Blank: c.int(0, "blank", 0), ZeroInfinity: c.bool(2, "zero_infinity", false)}
		return called{l, func(in arguments) []*torch.Tensor {
			return []*torch.Tensor{l.Loss(in.tensor(0, ""), in.tensor(1, ""), in.lengths(2), in.lengths(3))}
		}}
	},
	"AdaptiveLogSoftmaxWithLoss": func(c moduleCase) any {
		return nn.NewAdaptiveLogSoftmaxWithLoss(c.int(0, "in_features", 0), c.int(1, "n_classes", 0), c.ints(2, "cutoffs"), torch.CPU,
			nn.AdaptiveLogSoftmaxConfig{DivValue: c.float(3, "div_value", 4), HeadBias: c.bool(4, "head_bias", false), DType: c.dtype})
	},
	"CosineSimilarity": func(c moduleCase) any {
		l := nn.DefaultCosineSimilarity()
		return nn.CosineSimilarity{Dim: c.int(0, "dim", l.Dim), Eps: c.float(1, "eps", l.Eps)}
	},
	"PairwiseDistance": func(c moduleCase) any {
		l := nn.DefaultPairwiseDistance()
		return nn.PairwiseDistance{P: c.float(0, "p", l.P), Eps: c.float(1, "eps", l.Eps), Keepdim: c.bool(2, "keepdim", false)}
	},
}

// crossEntropy reads the arguments of a loss of classes.
func crossEntropy(c moduleCase) nn.CrossEntropy {
	l := nn.CrossEntropy{Reduction: c.reduction(), LabelSmoothing: c.float(-1, "label_smoothing", 0)}
	l.Weight = c.weight(-1, "weight")
	if i, ok := c.value(-1, "ignore_index").(int); ok {
		l.IgnoreIndex = &i
	}
	return l
}

// weight returns a copy of a tensor, which becomes a buffer of the loss: the file's own is
// that of other cases, too.
func (c moduleCase) weight(i int, name string) *torch.Tensor {
	if w := c.tensor(i, name); w != nil {
		return w.Clone()
	}
	return nil
}

// lengths returns a list of numbers, which may be given as a tensor.
func (a arguments) lengths(i int) []int {
	if t := a.tensor(i, ""); t != nil {
		var ns []int
		for _, n := range t.Float64s() {
			ns = append(ns, int(n))
		}
		return ns
	}
	return a.ints(i, "")
}
