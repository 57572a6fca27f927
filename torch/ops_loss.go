// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Reduction says what a loss does with the losses of the elements.
type Reduction int

// The reductions. The mean, PyTorch's default, is the zero value, so these are not
// libtorch's numbers.
const (
	ReduceMean Reduction = iota
	ReduceSum
	ReduceNone
)

func (a args) reduction(r Reduction) args {
	switch r {
	case ReduceNone:
		return a.int(0)
	case ReduceMean:
		return a.int(1)
	case ReduceSum:
		return a.int(2)
	}
	a.refuse("there is no reduction %d", r)
	return a
}

// MSELoss returns (input - target)², reduced.
func MSELoss(input, target *Tensor, r Reduction) *Tensor {
	return on("aten::mse_loss", input, target).reduction(r).one()
}

// L1Loss returns |input - target|, reduced.
func L1Loss(input, target *Tensor, r Reduction) *Tensor {
	return on("aten::l1_loss", input, target).reduction(r).one()
}

// HuberLoss is quadratic up to delta and linear beyond, reduced.
func HuberLoss(input, target *Tensor, r Reduction, delta float64) *Tensor {
	return on("aten::huber_loss", input, target).reduction(r).double(delta).one()
}

// BCELoss returns the binary cross entropy of probabilities, reduced; logarithms
// are clamped at -100. weight may be nil.
func BCELoss(input, target, weight *Tensor, r Reduction) *Tensor {
	return on("aten::binary_cross_entropy", input, target).optional(weight).reduction(r).one()
}

// BCEWithLogitsLoss is BCELoss of the sigmoid of input. weight and posWeight may be nil.
func BCEWithLogitsLoss(input, target, weight, posWeight *Tensor, r Reduction) *Tensor {
	return on("aten::binary_cross_entropy_with_logits", input, target).optional(weight).optional(posWeight).reduction(r).one()
}

// KLDivLoss returns target·(log target - input), input being log-probabilities,
// reduced over all elements; logTarget says that target is logarithms as well.
func KLDivLoss(input, target *Tensor, r Reduction, logTarget bool) *Tensor {
	return on("aten::kl_div", input, target).reduction(r).bool(logTarget).one()
}

// CrossEntropyLoss takes logits [N, C, …] and classes [N, …] of int64, or
// probabilities of the logits' shape. weight [C] may be nil; targets equal to
// ignoreIndex (PyTorch's default is -100) do not count.
func CrossEntropyLoss(input, target, weight *Tensor, r Reduction, ignoreIndex int, labelSmoothing float64) *Tensor {
	return on("aten::cross_entropy_loss", input, target).optional(weight).reduction(r).int(ignoreIndex).double(labelSmoothing).one()
}

// SmoothL1Loss is d²/(2·beta) where d = |input - target| < beta and d - beta/2 beyond,
// reduced. With a beta of 0 it is L1Loss.
func SmoothL1Loss(input, target *Tensor, r Reduction, beta float64) *Tensor {
	return on("aten::smooth_l1_loss", input, target).reduction(r).double(beta).one()
}

// NLLLoss returns -input at the target's class, times the weight of the class, reduced.
// It takes log-probabilities [N, C, …] or [C] and classes [N, …] or [] of int64. weight
// [C] may be nil; targets equal to ignoreIndex (PyTorch's default is -100) do not count.
func NLLLoss(input, target, weight *Tensor, r Reduction, ignoreIndex int) *Tensor {
	return on("aten::nll_loss_nd", input, target).optional(weight).reduction(r).int(ignoreIndex).one()
}

// PoissonNLLLoss returns exp(input) - target·input if input is the logarithm of a rate
// and input - target·log(input + eps) if it is the rate, reduced. full adds Stirling's
// approximation of log(target!) for targets above 1.
func PoissonNLLLoss(input, target *Tensor, logInput, full bool, eps float64, r Reduction) *Tensor {
	return on("aten::poisson_nll_loss", input, target).bool(logInput).bool(full).double(eps).reduction(r).one()
}

// HingeEmbeddingLoss returns input where target is 1 and max(0, margin - input) where it
// is -1, reduced.
func HingeEmbeddingLoss(input, target *Tensor, margin float64, r Reduction) *Tensor {
	return on("aten::hinge_embedding_loss", input, target).double(margin).reduction(r).one()
}

// CosineEmbeddingLoss takes vectors a and b [N, D] or [D] and targets [N] or [], and
// returns 1 - cos(a, b) where target is 1 and max(0, cos(a, b) - margin) where it is -1,
// reduced.
func CosineEmbeddingLoss(a, b, target *Tensor, margin float64, r Reduction) *Tensor {
	return on("aten::cosine_embedding_loss", a, b, target).double(margin).reduction(r).one()
}

// MarginRankingLoss returns max(0, -target·(a - b) + margin), reduced.
func MarginRankingLoss(a, b, target *Tensor, margin float64, r Reduction) *Tensor {
	return on("aten::margin_ranking_loss", a, b, target).double(margin).reduction(r).one()
}

// MultiLabelMarginLoss takes scores [N, C] or [C] and classes of the same shape, those of
// a row up to the first -1, and returns the sum over the target's classes i and all others
// j of max(0, 1 - (input[i] - input[j]))/C for each row, reduced.
func MultiLabelMarginLoss(input, target *Tensor, r Reduction) *Tensor {
	return on("aten::multilabel_margin_loss", input, target).reduction(r).one()
}

// MultiMarginLoss takes scores [N, C] or [C] and classes [N] or [], and returns the sum
// over the other classes j of weight[y]·max(0, margin - input[y] + input[j])^p/C for each
// row, reduced; p is 1 or 2. weight [C] may be nil.
func MultiMarginLoss(input, target *Tensor, p int, margin float64, weight *Tensor, r Reduction) *Tensor {
	return on("aten::multi_margin_loss", input, target).int(p).double(margin).optional(weight).reduction(r).one()
}

// SoftMarginLoss returns log(1 + exp(-target·input)), reduced.
func SoftMarginLoss(input, target *Tensor, r Reduction) *Tensor {
	return on("aten::soft_margin_loss", input, target).reduction(r).one()
}

// TripletMarginLoss returns max(0, d(anchor, positive) - d(anchor, negative) + margin) for
// vectors [N, D] or [D], reduced, where d is PairwiseDistance of order p. With swap the
// second distance is the smaller one of those from the anchor and from the positive.
func TripletMarginLoss(anchor, positive, negative *Tensor, margin, p, eps float64, swap bool, r Reduction) *Tensor {
	return on("aten::triplet_margin_loss", anchor, positive, negative).double(margin).double(p).double(eps).bool(swap).reduction(r).one()
}

// CTCLoss returns minus the logarithm of the probability of the targets under all
// alignments; see nn.CTC. logProbs are [T, N, C] or [T, C], targets [N, S] or [sum of the
// targets' lengths].
func CTCLoss(logProbs, targets *Tensor, inputLengths, targetLengths []int, blank int, r Reduction, zeroInfinity bool) *Tensor {
	return on("aten::ctc_loss.IntList", logProbs, targets).ints(inputLengths...).ints(targetLengths...).int(blank).reduction(r).bool(zeroInfinity).one()
}
