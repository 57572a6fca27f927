// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"runtime"
	"sync"
	"weak"

	"github.com/etude-ml/etude/torch"
)

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
