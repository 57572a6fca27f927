// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

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
	if len(inputLengths) != batch || len(targetLengths) != batch {
		throw("nn.CTC", "there are %d input lengths and %d target lengths for a batch of %d", len(inputLengths), len(targetLengths), batch)
	}
	return torch.CTCLoss(output, targets, inputLengths, targetLengths, c.Blank, c.Reduction, c.ZeroInfinity)
}
