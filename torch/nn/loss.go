// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"weak"

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
	return torch.HuberLoss(output, target, c.Reduction, cmp.Or(c.Delta, 1))
}

// SmoothL1Loss is the mean of ½d² where d = |output - target| < 1, and of d - ½ beyond.
// From "Fast R-CNN", Girshick, 2015. Shape: both any, the same.
func SmoothL1Loss(output, target *torch.Tensor) *torch.Tensor {
	return DefaultSmoothL1().Loss(output, target)
}

// SmoothL1 is SmoothL1Loss with settings.
type SmoothL1 struct {
	Reduction torch.Reduction
	// Beta is where the parabola becomes a line: d²/(2·Beta), then d - ½·Beta. With 0
	// there is no parabola: it is the absolute error.
	Beta float64
}

// DefaultSmoothL1 returns PyTorch's defaults: a Beta of 1.
func DefaultSmoothL1() SmoothL1 { return SmoothL1{Beta: 1} }

// Loss returns the smooth absolute error, reduced.
func (c SmoothL1) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.SmoothL1", output, target)
	return torch.SmoothL1Loss(output, target, c.Reduction, c.Beta)
}

// reduce reduces the losses of samples.
func reduce(losses *torch.Tensor, r torch.Reduction) *torch.Tensor {
	switch r {
	case ReduceMean:
		return losses.Mean()
	case ReduceSum:
		return losses.Sum()
	}
	return losses
}

// defaultIgnoreIndex is PyTorch's.
const defaultIgnoreIndex = -100

// weighing holds how a loss was computed from its samples.
type weighing struct {
	divisor func() *torch.Tensor
	ignore  int
}

// weighings holds the weighing of each mean that does not divide by the number of
// its samples, by its tensor, for as long as that is in use.
var weighings sync.Map // weak.Pointer[torch.Tensor] → weighing

func weighed(loss *torch.Tensor, w weighing) *torch.Tensor {
	key := weak.Make(loss)
	weighings.Store(key, w)
	runtime.AddCleanup(loss, func(key weak.Pointer[torch.Tensor]) { weighings.Delete(key) }, key)
	return loss
}

// WithDivisor records that a loss is a sum divided by something else than the number of
// its samples, such as the sum of their weights, and returns the loss. With that
// number, a single value, the losses of several batches make the loss of all their
// samples together; see [Divisor]. The function is called when the number is needed,
// if at all, and before the tensors of the loss are freed. The cross entropy of classes
// records it by itself; a loss that is computed from another one has to record it again.
func WithDivisor(loss *torch.Tensor, divisor func() *torch.Tensor) *torch.Tensor {
	return weighed(loss, weighing{divisor, defaultIgnoreIndex})
}

// Divisor returns the number by which a loss was divided, on the loss's device and
// without gradient, or nil for the number of its samples. It is 0 where no sample
// counts; the loss is NaN then.
func Divisor(loss *torch.Tensor) (d *torch.Tensor) {
	if w, ok := weighings.Load(weak.Make(loss)); ok {
		torch.NoGrad(func() { d = w.(weighing).divisor() })
	}
	return d
}

// IgnoreIndex returns the class of targets that a loss did not count: PyTorch's -100
// unless the loss comes from a [CrossEntropy] with another one.
func IgnoreIndex(loss *torch.Tensor) int {
	if w, ok := weighings.Load(weak.Make(loss)); ok {
		return w.(weighing).ignore
	}
	return defaultIgnoreIndex
}
