// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
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
// they stay on the device and are read together.
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
	size int
	// rows are [size, 2 + others], made by the first Add, where the loss is: the loss,
	// what it was divided by, if not by its samples, and other means.
	rows     *torch.Tensor
	batches  []batch // of the rows that have not been read
	tolerant bool    // what is not finite counts, instead of being an error

	epoch, step int // of the first value that has not been read
	what        string

	sum    float64 // Σ loss·weight of what has been read
	weight float64 // Σ weight
	last   float64

	others  []float64 // Σ mean·samples
	samples int
}

// batch is what the host knows of a row.
type batch struct {
	samples int
	divided bool // by the number in the row
}

// NewLosses returns a Losses that holds size values, at least 1, between reads.
func NewLosses(size int) *Losses {
	return &Losses{size: max(size, 1), what: "the loss", last: math.NaN()}
}

// Begin forgets everything and says which step comes next, for errors.
func (l *Losses) Begin(epoch, step int) {
	l.batches, l.others = l.batches[:0], nil
	l.epoch, l.step, l.sum, l.weight, l.samples, l.last = epoch, step, 0, 0, 0, math.NaN()
}

// Add stores the mean loss of n samples, a single value. It does not read it.
// When they are [Losses.Full], Read comes first. A loss that was divided by something else
// than n, which [nn.Divisor] tells, counts with the weight of that number, so that the
// mean does not depend on the size of the batches.
func (l *Losses) Add(loss *torch.Tensor, n int) { l.add(loss, n) }

// add is Add with other means over the n samples.
func (l *Losses) add(loss *torch.Tensor, n int, others ...*torch.Tensor) {
	mustBeSingle(loss)
	if l.rows == nil {
		l.start(loss, len(others))
	}
	if loss.Device() != l.rows.Device() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("the loss is on %s now, it was on %s before", loss.Device(), l.rows.Device())})
	}
	if l.Full() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("%d losses have not been read; Read comes before the next Add", len(l.batches))})
	}
	divisor := nn.Divisor(loss)
	row := l.rows.Select(0, len(l.batches))
	for i, x := range append([]*torch.Tensor{loss, divisor}, others...) {
		if x != nil {
			row.Narrow(0, i, 1).CopyInPlace(x.Detach())
		}
	}
	l.batches = append(l.batches, batch{n, divisor != nil})
}

func mustBeSingle(loss *torch.Tensor) {
	if loss.Numel() != 1 {
		panic(&torch.Error{Op: "loss", Shapes: [][]int{loss.Shape()}, Message: "a loss to train by is a single value: take the mean over the batch"})
	}
}

func (l *Losses) start(loss *torch.Tensor, others int) {
	dtype := torch.Float32
	if loss.DType() == torch.Float64 {
		dtype = torch.Float64
	}
	torch.Unscoped(func() {
		l.rows = torch.Zeros([]int{l.size, 2 + others}, torch.Options{DType: dtype, Device: loss.Device()})
	})
}

// Full reports whether the losses must be read before the next Add.
func (l *Losses) Full() bool { return len(l.batches) >= l.size }

// Read reads the losses added since the last Read, in one copy from the device. The
// first that is not finite is a *NonFiniteError; it and those after it do not count.
// A batch without a sample that counts, whose loss is NaN, is passed over.
func (l *Losses) Read() error {
	if len(l.batches) == 0 {
		return nil
	}
	var values []float64
	torch.Scope(func() { values = l.rows.Narrow(0, 0, len(l.batches)).To(torch.CPU).Float64s() })
	width := len(values) / len(l.batches)
	if l.others == nil {
		l.others = make([]float64, width-2)
	}
	batches := l.batches
	l.batches = l.batches[:0]
	for i, b := range batches {
		row := values[i*width : (i+1)*width]
		v, weight := row[0], float64(b.samples)
		if b.divided {
			weight = row[1]
		}
		for j, x := range row[2:] {
			l.others[j] += x * float64(b.samples)
		}
		l.samples += b.samples
		switch {
		case weight == 0:
		case !isFinite(v) && !l.tolerant:
			return &NonFiniteError{Epoch: l.epoch, Step: l.step, What: l.what, Value: v}
		default:
			l.sum += v * weight
			l.weight += weight
			l.last = v
		}
		l.step++
	}
	return nil
}

// Mean is the loss over all samples that have been read, each weighing what the loss
// weighs it; NaN where none counts.
func (l *Losses) Mean() float64 { return l.sum / l.weight }

// other is the i-th of the other means over all samples that have been read.
func (l *Losses) other(i int) float64 { return l.others[i] / float64(l.samples) }

// checkWeight refuses a set of which no target counts.
func (l *Losses) checkWeight(set string) error {
	if l.weight == 0 {
		return fmt.Errorf("trainer: %s: the loss ignores every target, or gives it no weight", set)
	}
	return nil
}

// Last is the last loss that has been read; NaN before.
func (l *Losses) Last() float64 { return l.last }

// Close frees what is on the device.
func (l *Losses) Close() {
	if l.rows != nil {
		l.rows.Close()
		l.rows = nil
	}
}

// hits counts right classes on the device. The zero value is ready.
type hits struct {
	total     *torch.Tensor // int64 [2]: right ones, and of how many
	right, of int           // counted before a resume
}

// hasClasses reports whether targets are classes, of which one is right.
func hasClasses(y *torch.Tensor) bool { return y.DType() == torch.Int64 }

// add compares output [N, C, …] or [C] with classes [N, …] or []. Targets that the loss
// ignored do not count.
func (h *hits) add(output, target, loss *torch.Tensor) {
	if h.total == nil {
		torch.Unscoped(func() {
			h.total = torch.Zeros([]int{2}, torch.Options{DType: torch.Int64, Device: output.Device()})
		})
	}
	dim := min(1, output.Dim()-1)
	counts := torch.Call("aten::ne.Scalar", target, nn.IgnoreIndex(loss)).Tensor()
	right := output.Detach().Argmax(dim).Eq(target).Mul(counts)
	h.total.AddInPlace(torch.Stack([]*torch.Tensor{right.Sum(), counts.Sum()}, 0))
}

// count reads how many were right, and of how many.
func (h *hits) count() (right, of int) {
	right, of = h.right, h.of
	if h.total != nil {
		var counted []int64
		torch.Scope(func() { counted = torch.ToSlice[int64](h.total.To(torch.CPU)) })
		right, of = right+int(counted[0]), of+int(counted[1])
	}
	return right, of
}

// share is the accuracy; NaN where nothing counts.
func (h *hits) share() float64 {
	right, of := h.count()
	return float64(right) / float64(of)
}

// begin starts anew from what was counted before.
func (h *hits) begin(right, of int) {
	h.close()
	h.right, h.of = right, of
}

func (h *hits) close() {
	if h.total != nil {
		h.total.Close()
		h.total = nil
	}
}
