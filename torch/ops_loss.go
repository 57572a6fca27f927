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
