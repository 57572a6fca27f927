// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// CrossEntropyLoss is the mean of -log softmax(output) at the target's class.
// Shape: output, logits, [N, C, …] or [C]; target [N, …] or [], int64 classes in
// [0, C), or probabilities of output's shape.
func CrossEntropyLoss(output, target *torch.Tensor) *torch.Tensor {
	return CrossEntropy{}.Loss(output, target)
}

// CrossEntropy is CrossEntropyLoss with settings.
type CrossEntropy struct {
	Reduction      torch.Reduction // the mean is weighted by Weight
	Weight         *torch.Tensor   `torch:",buffer"` // [C], of each class; nil for 1
	IgnoreIndex    *int            // a target that does not count; nil for -100
	LabelSmoothing float64         // share of the target spread over all classes, from 0 to 1
}

// Loss returns the cross entropy, reduced. The mean over classes is divided by the
// sum of the weights of the targets that count, which [Divisor] returns.
func (c CrossEntropy) Loss(output, target *torch.Tensor) *torch.Tensor {
	probability("nn.CrossEntropy", "LabelSmoothing", c.LabelSmoothing)
	ignore := given(c.IgnoreIndex, defaultIgnoreIndex)
	if c.Reduction != ReduceMean || target.DType() != torch.Int64 {
		return torch.CrossEntropyLoss(output, target, c.Weight, c.Reduction, ignore, c.LabelSmoothing)
	}
	divisor := func() *torch.Tensor { return totalWeight(output, target, c.Weight, ignore) }
	var loss *torch.Tensor
	if c.Weight != nil && c.LabelSmoothing > 0 {
		// libtorch's mean of these picks the targets that count by a mask, for which
		// the host waits. Both of its parts are sums divided by the same weight.
		loss = torch.CrossEntropyLoss(output, target, c.Weight, ReduceSum, ignore, c.LabelSmoothing).Div(divisor())
	} else {
		loss = torch.CrossEntropyLoss(output, target, c.Weight, c.Reduction, ignore, c.LabelSmoothing)
	}
	return weighed(loss, weighing{divisor, ignore})
}

// totalWeight is the sum of the weights of the targets that count: the likelihood
// loss of logarithms that are all -1. weight is nil for 1 each.
func totalWeight(output, target, weight *torch.Tensor, ignore int) (total *torch.Tensor) {
	torch.NoGrad(func() {
		total = torch.NLLLoss(torch.OnesLike(output).Neg(), target, weight, ReduceSum, ignore)
	})
	return total
}

// NLLLoss is the mean of -output at the target's class, the negative log likelihood.
// Shape: output, log-probabilities, [N, C, …] or [C]; target [N, …] or [], int64 classes
// in [0, C).
func NLLLoss(output, target *torch.Tensor) *torch.Tensor { return NLL{}.Loss(output, target) }

// NLL is NLLLoss with settings.
type NLL struct {
	Reduction   torch.Reduction // the mean is weighted by Weight
	Weight      *torch.Tensor   `torch:",buffer"` // [C], of each class; nil for 1
	IgnoreIndex *int            // a target that does not count; nil for -100
}

// Loss returns the negative log likelihood, reduced. The mean is divided by the sum of the
// weights of the targets that count, which [Divisor] returns.
func (c NLL) Loss(output, target *torch.Tensor) *torch.Tensor {
	ignore := given(c.IgnoreIndex, defaultIgnoreIndex)
	loss := torch.NLLLoss(output, target, c.Weight, c.Reduction, ignore)
	if c.Reduction != ReduceMean {
		return loss
	}
	return weighed(loss, weighing{func() *torch.Tensor { return totalWeight(output, target, c.Weight, ignore) }, ignore})
}

// MultiMarginLoss is the mean over the batch of the sum of max(0, 1 - x[y] + x[j])/C over
// the classes j that are not the target's class y: the hinge loss of several classes.
// Shape: output x [N, C] or [C]; target y [N] or [], int64 classes in [0, C).
func MultiMarginLoss(output, target *torch.Tensor) *torch.Tensor {
	return DefaultMultiMargin().Loss(output, target)
}

// MultiMargin is MultiMarginLoss with settings.
type MultiMargin struct {
	Reduction torch.Reduction
	P         int           // the exponent of each term: 1 or 2
	Margin    float64       // stands for the 1 of max(0, 1 - …)
	Weight    *torch.Tensor `torch:",buffer"` // [C], of each class; nil for 1
}

// DefaultMultiMargin returns PyTorch's defaults: P and Margin are 1.
func DefaultMultiMargin() MultiMargin { return MultiMargin{P: 1, Margin: 1} }

// Loss returns the hinge loss, reduced.
func (c MultiMargin) Loss(output, target *torch.Tensor) *torch.Tensor {
	must("nn.MultiMargin", c.P == 1 || c.P == 2, "P is %d; it must be 1 or 2", c.P)
	return torch.MultiMarginLoss(output, target, c.P, c.Margin, c.Weight, c.Reduction)
}

// MultiLabelMarginLoss is the mean over the batch of the sum of max(0, 1 - x[i] + x[j])/C
// over the classes i of the target and all others j. Shape: output x [N, C] or [C];
// target the same, int64: the classes of a row, which end before the first -1.
func MultiLabelMarginLoss(output, target *torch.Tensor) *torch.Tensor {
	return MultiLabelMargin{}.Loss(output, target)
}

// MultiLabelMargin is MultiLabelMarginLoss with settings.
type MultiLabelMargin struct{ Reduction torch.Reduction }

// Loss returns the hinge loss, reduced.
func (c MultiLabelMargin) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.MultiLabelMargin", output, target)
	return torch.MultiLabelMarginLoss(output, target, c.Reduction)
}

// MultiLabelSoftMarginLoss is the mean of -t·log σ(x) - (1-t)·log σ(-x). Shape: output x
// and target t, 0 or 1 for each class, [N, C] or [C].
func MultiLabelSoftMarginLoss(output, target *torch.Tensor) *torch.Tensor {
	return MultiLabelSoftMargin{}.Loss(output, target)
}

// MultiLabelSoftMargin is MultiLabelSoftMarginLoss with settings. The loss of a sample is
// the mean over its classes.
type MultiLabelSoftMargin struct {
	Reduction torch.Reduction
	Weight    *torch.Tensor `torch:",buffer"` // [C], of each class; nil for 1
}

// Loss returns the mean over the classes, reduced over the samples.
func (c MultiLabelSoftMargin) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.MultiLabelSoftMargin", output, target)
	off := target.Neg().AddScalar(1)
	losses := target.Mul(output.LogSigmoid()).Add(off.Mul(output.Neg().LogSigmoid())).Neg()
	if c.Weight != nil {
		losses = losses.Mul(c.Weight)
	}
	return reduce(losses.Mean(-1), c.Reduction)
}

// SoftMarginLoss is the mean of log(1 + exp(-target·output)), the logistic loss. Shape:
// both any, the same; targets are 1 or -1.
func SoftMarginLoss(output, target *torch.Tensor) *torch.Tensor {
	return SoftMargin{}.Loss(output, target)
}

// SoftMargin is SoftMarginLoss with settings.
type SoftMargin struct{ Reduction torch.Reduction }

// Loss returns the logistic loss, reduced.
func (c SoftMargin) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.SoftMargin", output, target)
	return torch.SoftMarginLoss(output, target, c.Reduction)
}

// CTCLoss is the connectionist temporal classification: minus the logarithm of the
// probability that a sequence of T steps spells the target, summed over all alignments of
// the two; class 0 is the blank between them. The loss of each sequence is divided by the
// length of its target, then the mean is taken. From "Connectionist temporal
// classification", Graves et al., 2006.
//
// Shape: output, log-probabilities, [T, N, C] or [T, C]; targets, classes of int64 or
// int32, [N, S], of which each row is filled up to its length, or one after the other
// [sum of the lengths]. inputLengths, at most T, and targetLengths have N numbers, or 1.
func CTCLoss(output, targets *torch.Tensor, inputLengths, targetLengths []int) *torch.Tensor {
	return CTC{}.Loss(output, targets, inputLengths, targetLengths)
}

// CTC is CTCLoss with settings.
type CTC struct {
	Reduction    torch.Reduction // sums and single losses are not divided by lengths
	Blank        int             // the class of the blank
	ZeroInfinity bool            // a target that is too long for its input counts 0 instead of +Inf
}

// Loss returns the loss of the sequences, reduced.
func (c CTC) Loss(output, targets *torch.Tensor, inputLengths, targetLengths []int) *torch.Tensor {
	shape := output.Shape()
	batch := 1
	switch len(shape) {
	case 2:
	case 3:
		batch = shape[1]
	default:
		panic(&torch.Error{Op: "nn.CTC", Shapes: [][]int{shape}, Message: "the output must have the shape [steps, batch, classes] or [steps, classes]"})
	}
	must("nn.CTC", len(inputLengths) == batch && len(targetLengths) == batch, "there are %d input lengths and %d target lengths for a batch of %d", len(inputLengths), len(targetLengths), batch)
	return torch.CTCLoss(output, targets, inputLengths, targetLengths, c.Blank, c.Reduction, c.ZeroInfinity)
}
