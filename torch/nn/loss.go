// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Loss compares an output with its target. The functions below take the mean over
// all elements; the types of the same names have settings, and a method Loss of
// this type.
type Loss = func(output, target *torch.Tensor) *torch.Tensor

// Reductions of a loss: its mean, the default, its sum, or each element's own.
const (
	ReduceMean = torch.ReduceMean
	ReduceSum  = torch.ReduceSum
	ReduceNone = torch.ReduceNone
)

// sameShape panics if a loss would have to broadcast. PyTorch does so with a
// warning for some losses; the result is rarely the intended one.
func sameShape(op string, output, target *torch.Tensor) {
	o, t := output.Shape(), target.Shape()
	if !slices.Equal(o, t) {
		panic(&torch.Error{Op: op, Shapes: [][]int{o, t}, Message: "output and target must have the same shape"})
	}
}

// MSELoss is the mean of (output - target)². Shape: both any, the same.
func MSELoss(output, target *torch.Tensor) *torch.Tensor { return MSE{}.Loss(output, target) }

// MSE is MSELoss with settings.
type MSE struct{ Reduction torch.Reduction }

// Loss returns the squared error, reduced.
func (c MSE) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.MSE", output, target)
	return torch.MSELoss(output, target, c.Reduction)
}

// L1Loss is the mean of |output - target|. Shape: both any, the same.
func L1Loss(output, target *torch.Tensor) *torch.Tensor { return L1{}.Loss(output, target) }

// L1 is L1Loss with settings.
type L1 struct{ Reduction torch.Reduction }

// Loss returns the absolute error, reduced.
func (c L1) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.L1", output, target)
	return torch.L1Loss(output, target, c.Reduction)
}

// HuberLoss is the mean of ½d² where d = |output - target| ≤ 1, and of d - ½ beyond.
// From "Robust estimation of a location parameter", Huber, 1964. Shape: both any,
// the same.
func HuberLoss(output, target *torch.Tensor) *torch.Tensor { return Huber{}.Loss(output, target) }

// Huber is HuberLoss with settings.
type Huber struct {
	Reduction torch.Reduction
	// Delta is where the parabola becomes a line: ½d², then Delta·(d - ½·Delta). It
	// must be above 0, so 0 stands for PyTorch's 1.
	Delta float64
}

// Loss returns the Huber loss, reduced.
func (c Huber) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.Huber", output, target)
	if c.Delta == 0 {
		c.Delta = 1
	}
	return torch.HuberLoss(output, target, c.Reduction, c.Delta)
}

// BCELoss is the mean binary cross entropy -t·log(p) - (1-t)·log(1-p) of
// probabilities p, with logarithms clamped at -100. Shape: both any, the same, in
// [0, 1]; outputs that are not panic on the CPU, and end the process's use of a GPU.
// On devices other than the CPU an output of NaN gives a loss of NaN.
func BCELoss(output, target *torch.Tensor) *torch.Tensor { return BCE{}.Loss(output, target) }

// BCE is BCELoss with settings.
type BCE struct {
	Reduction torch.Reduction
	Weight    *torch.Tensor // of each element, broadcast; nil for 1
}

// Loss returns the binary cross entropy, reduced.
func (c BCE) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.BCE", output, target)
	if output.Device() == torch.CPU {
		return torch.BCELoss(output, target, c.Weight, c.Reduction)
	}
	// A GPU's kernel asserts that the output is in [0, 1], and what fails there ends
	// CUDA for the whole process: for all networks that train side by side, because
	// one of them has diverged. So it is shown no NaN, and the loss gets it after.
	shown := torch.Call("aten::nan_to_num", output, 0.5, 0.5, 0.5).Tensor()
	loss := torch.BCELoss(shown, target, c.Weight, c.Reduction)
	trace := output.MulScalar(0)
	if c.Reduction != ReduceNone {
		trace = trace.Sum()
	}
	return loss.Add(trace)
}

// BCEWithLogitsLoss is BCELoss of the sigmoid of output, without loss of precision.
// Shape: both any, the same.
func BCEWithLogitsLoss(output, target *torch.Tensor) *torch.Tensor {
	return BCEWithLogits{}.Loss(output, target)
}

// BCEWithLogits is BCEWithLogitsLoss with settings.
type BCEWithLogits struct {
	Reduction torch.Reduction
	Weight    *torch.Tensor // of each element, broadcast; nil for 1
	PosWeight *torch.Tensor // of the part with log(p), by class, broadcast; nil for 1
}

// Loss returns the binary cross entropy, reduced.
func (c BCEWithLogits) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.BCEWithLogits", output, target)
	return torch.BCEWithLogitsLoss(output, target, c.Weight, c.PosWeight, c.Reduction)
}

// KLDivLoss is the sum of target·(log target - output) divided by the batch:
// the Kullback-Leibler divergence of the distributions target from those whose
// logarithms are output. It is PyTorch's reduction "batchmean", the one that is a
// divergence; PyTorch's default, the mean over all elements, is KLDiv{}. Shape:
// both [batch, …], the same.
func KLDivLoss(output, target *torch.Tensor) *torch.Tensor {
	return KLDiv{BatchMean: true}.Loss(output, target)
}

// KLDiv is KLDivLoss with settings.
type KLDiv struct {
	Reduction torch.Reduction
	BatchMean bool // the sum divided by the size of the first dimension, instead of Reduction
	LogTarget bool // target is logarithms as well
}

// Loss returns the pointwise divergence, reduced.
func (c KLDiv) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.KLDiv", output, target)
	if !c.BatchMean {
		return torch.KLDivLoss(output, target, c.Reduction, c.LogTarget)
	}
	shape := output.Shape()
	if len(shape) == 0 {
		throw("nn.KLDiv", "the output has no dimension to take the batch mean over")
	}
	return torch.KLDivLoss(output, target, ReduceSum, c.LogTarget).DivScalar(float64(shape[0]))
}

// CrossEntropyLoss is the mean of -log softmax(output) at the target's class.
// Shape: output, logits, [N, C, …] or [C]; target [N, …] or [], int64 classes in
// [0, C), or probabilities of output's shape.
func CrossEntropyLoss(output, target *torch.Tensor) *torch.Tensor {
	return CrossEntropy{}.Loss(output, target)
}

// CrossEntropy is CrossEntropyLoss with settings.
type CrossEntropy struct {
	Reduction      torch.Reduction // the mean is weighted by Weight
	Weight         *torch.Tensor   // [C], of each class; nil for 1
	IgnoreIndex    *int            // a target that does not count; nil for -100
	LabelSmoothing float64         // share of the target spread over all classes, from 0 to 1
}

// Loss returns the cross entropy, reduced. The mean over classes is divided by the
// sum of the weights of the targets that count, which [Divisor] returns.
func (c CrossEntropy) Loss(output, target *torch.Tensor) *torch.Tensor {
	probability("nn.CrossEntropy", "LabelSmoothing", c.LabelSmoothing)
	ignore := defaultIgnoreIndex
	if c.IgnoreIndex != nil {
		ignore = *c.IgnoreIndex
	}
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
	const sum = 2 // as libtorch numbers reductions
	torch.NoGrad(func() {
		total = torch.Call("aten::nll_loss_nd", torch.OnesLike(output).Neg(), target, weight, sum, ignore).Tensor()
	})
	return total
}
