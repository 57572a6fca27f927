// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
)

// NonFiniteError says where training left the finite numbers.
type NonFiniteError struct {
	Epoch, Step int     // from 0
	What        string  // "the loss", "the validation loss", "a parameter"
	Value       float64 // NaN or an infinity
}

// Error counts from 1: "trainer: epoch 3, step 17: the loss is NaN".
func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("trainer: epoch %d, step %d: %s is %v; a lower learning rate may help, and inputs that are NaN or very large",
		e.Epoch+1, e.Step+1, e.What, e.Value)
}

// Losses collects the losses of an epoch without making the host wait for each:
// they stay in a vector on the device and are read together.
//
//	losses := trainer.NewLosses(32)
//	defer losses.Close()
//	for batch := range set.Batches(64, order) {
//		…
//		losses.Add(loss, batch.Len)
//		if losses.Full() {
//			err := losses.Read() // names the step that is not finite
//		}
//	}
type Losses struct {
	size   int
	vector *torch.Tensor // of size values; made by the first Add, where the loss is
	counts []int         // samples behind each value that has not been read

	epoch, step int // of the first value that has not been read
	what        string

	sum     float64 // Σ loss·n of what has been read
	samples int     // Σ n
	last    float64
}

// NewLosses returns a Losses that holds size values, at least 1, between reads.
func NewLosses(size int) *Losses {
	return &Losses{size: max(size, 1), what: "the loss", last: math.NaN()}
}

// Begin forgets everything and says which step comes next, for errors.
func (l *Losses) Begin(epoch, step int) {
	l.counts = l.counts[:0]
	l.epoch, l.step, l.sum, l.samples, l.last = epoch, step, 0, 0, math.NaN()
}

// Add stores the mean loss of n samples, a single value. It does not read it.
// When the vector is full, Read comes first.
func (l *Losses) Add(loss *torch.Tensor, n int) {
	if l.vector == nil {
		l.start(loss)
	}
	mustBeSingle(loss)
	if loss.Device() != l.vector.Device() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("the loss is on %s now, it was on %s before", loss.Device(), l.vector.Device())})
	}
	if l.Full() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("%d losses have not been read; Read comes before the next Add", len(l.counts))})
	}
	l.vector.Narrow(0, len(l.counts), 1).CopyInPlace(loss.Detach())
	l.counts = append(l.counts, n)
}

func mustBeSingle(loss *torch.Tensor) {
	if loss.Numel() != 1 {
		panic(&torch.Error{Op: "loss", Shapes: [][]int{loss.Shape()}, Message: "a loss to train by is a single value: take the mean over the batch"})
	}
}

func (l *Losses) start(loss *torch.Tensor) {
	dtype := torch.Float32
	if loss.DType() == torch.Float64 {
		dtype = torch.Float64
	}
	torch.Unscoped(func() {
		l.vector = torch.Zeros([]int{l.size}, torch.Options{DType: dtype, Device: loss.Device()})
	})
}

// Full reports whether the vector must be read before the next Add.
func (l *Losses) Full() bool { return len(l.counts) >= l.size }

// Read reads the losses added since the last Read, in one copy from the device.
// The first that is not finite is a *NonFiniteError; it and those after it do
// not count.
func (l *Losses) Read() error {
	if len(l.counts) == 0 {
		return nil
	}
	var values []float64
	torch.Scope(func() { values = l.vector.Narrow(0, 0, len(l.counts)).To(torch.CPU).Float64s() })
	counts := l.counts
	l.counts = l.counts[:0]
	for i, v := range values {
		if !isFinite(v) {
			return &NonFiniteError{Epoch: l.epoch, Step: l.step, What: l.what, Value: v}
		}
		l.sum += v * float64(counts[i])
		l.samples += counts[i]
		l.last = v
		l.step++
	}
	return nil
}

// Mean is the loss over all samples that have been read, each weighing the same;
// NaN where there are none.
func (l *Losses) Mean() float64 { return l.sum / float64(l.samples) }

// Last is the last loss that has been read; NaN before.
func (l *Losses) Last() float64 { return l.last }

// Close frees the vector.
func (l *Losses) Close() {
	if l.vector != nil {
		l.vector.Close()
		l.vector = nil
	}
}

// hits counts right classes on the device. The zero value is ready.
type hits struct {
	total *torch.Tensor // int64, no dimensions
	base  int           // counted before a resume
	of    int
}

// hasClasses reports whether targets are classes, of which one is right.
func hasClasses(y *torch.Tensor) bool { return y.DType() == torch.Int64 }

// add compares output [N, C, …] or [C] with classes [N, …] or [].
func (h *hits) add(output, target *torch.Tensor) {
	if h.total == nil {
		torch.Unscoped(func() {
			h.total = torch.Zeros(nil, torch.Options{DType: torch.Int64, Device: output.Device()})
		})
	}
	dim := min(1, output.Dim()-1)
	h.total.AddInPlace(output.Detach().Argmax(dim).Eq(target).Sum())
	h.of += target.Numel()
}

// count reads how many were right.
func (h *hits) count() int {
	if h.total == nil {
		return h.base
	}
	return h.base + h.total.ItemInt()
}

// share is the accuracy; NaN where nothing was added.
func (h *hits) share() float64 { return float64(h.count()) / float64(h.of) }

// begin starts anew from what was counted before.
func (h *hits) begin(right, of int) {
	h.close()
	h.base, h.of = right, of
}

func (h *hits) close() {
	if h.total != nil {
		h.total.Close()
		h.total = nil
	}
}
