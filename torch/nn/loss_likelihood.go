// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// BCELoss is the mean binary cross entropy -t·log(p) - (1-t)·log(1-p) of
// probabilities p, with logarithms clamped at -100. Shape: both any, the same, in
// [0, 1]; outputs that are not panic on the CPU, and end the process's use of a GPU.
// On devices other than the CPU an output of NaN gives a loss of NaN.
func BCELoss(output, target *torch.Tensor) *torch.Tensor { return BCE{}.Loss(output, target) }

// BCE is BCELoss with settings.
type BCE struct {
	Reduction torch.Reduction
	Weight    *torch.Tensor `torch:",buffer"` // of each element, broadcast; nil for 1
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
	shown := output.NanToNum(0.5, 0.5, 0.5)
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
	Weight    *torch.Tensor `torch:",buffer"` // of each element, broadcast; nil for 1
	PosWeight *torch.Tensor `torch:",buffer"` // of the part with log(p), by class, broadcast; nil for 1
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
	loss := torch.KLDivLoss(output, target, ReduceSum, c.LogTarget)
	if shape := output.Shape(); len(shape) > 0 { // else it is its own batch
		loss = loss.DivScalar(float64(shape[0]))
	}
	return loss
}

// PoissonNLLLoss is the mean of exp(output) - target·output: the negative log likelihood
// of counts of a Poisson distribution, without the term that depends on the target alone.
// Shape: output, logarithms of rates, and target any, the same.
func PoissonNLLLoss(output, target *torch.Tensor) *torch.Tensor {
	return DefaultPoissonNLL().Loss(output, target)
}

// PoissonNLL is PoissonNLLLoss with settings.
type PoissonNLL struct {
	Reduction torch.Reduction
	Rates     bool    // output is rates instead of their logarithms: output - target·log(output + Eps)
	Full      bool    // adds Stirling's approximation of log(target!) for targets above 1
	Eps       float64 // keeps the logarithm of a rate finite
}

// DefaultPoissonNLL returns PyTorch's defaults: an Eps of 1e-8.
func DefaultPoissonNLL() PoissonNLL { return PoissonNLL{Eps: 1e-8} }

// Loss returns the negative log likelihood, reduced.
func (c PoissonNLL) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.PoissonNLL", output, target)
	return torch.PoissonNLLLoss(output, target, !c.Rates, c.Full, c.Eps, c.Reduction)
}

// GaussianNLLLoss is the mean of ½(log v + (output - target)²/v), v being the larger one
// of variance and 1e-6: the negative log likelihood of a normal distribution without its
// constant. From "Estimating the mean and variance of the target probability
// distribution", Nix and Weigend, 1994. Shape: output and target any, the same; variance
// as well, or with 1 as one of its sizes, or without the last one. A variance below 0
// panics on the CPU; elsewhere it counts as 0, because nothing waits for the device.
func GaussianNLLLoss(output, target, variance *torch.Tensor) *torch.Tensor {
	return DefaultGaussianNLL().Loss(output, target, variance)
}

// GaussianNLL is GaussianNLLLoss with settings.
type GaussianNLL struct {
	Reduction torch.Reduction
	Full      bool    // adds the constant ½·log(2π)
	Eps       float64 // the smallest variance; it has no gradient through this limit
}

// DefaultGaussianNLL returns PyTorch's defaults: an Eps of 1e-6.
func DefaultGaussianNLL() GaussianNLL { return GaussianNLL{Eps: 1e-6} }

// Loss returns the negative log likelihood, reduced.
func (c GaussianNLL) Loss(output, target, variance *torch.Tensor) *torch.Tensor {
	const op = "nn.GaussianNLL"
	sameShape(op, output, target)
	o, v := output.Shape(), variance.Shape()
	if len(v) == len(o)-1 && slices.Equal(v, o[:len(v)]) {
		variance = variance.Unsqueeze(-1)
	} else if !oneForMost(v, o) {
		panic(&torch.Error{Op: op, Shapes: [][]int{o, v}, Message: "the variance must have the output's shape, with 1 as one of the sizes, or lack the last one"})
	}
	if !torch.Tracing() && variance.Device() == torch.CPU && variance.Numel() > 0 && variance.Detach().Min().Item() < 0 {
		throw(op, "a variance is below 0")
	}
	variance = variance.Clone()
	torch.NoGrad(func() { torch.Call("aten::clamp_min_", variance, c.Eps) })
	loss := variance.Log().Add(output.Sub(target).Square().Div(variance)).MulScalar(0.5)
	if c.Full {
		loss = loss.AddScalar(0.5 * math.Log(2*math.Pi))
	}
	return reduce(loss, c.Reduction)
}

// oneForMost reports whether a shape is another one but for at most one size, which is 1.
func oneForMost(shape, of []int) bool {
	if len(shape) != len(of) {
		return false
	}
	others := 0
	for i, n := range shape {
		if n != of[i] {
			others += n
		}
	}
	return others <= 1
}
