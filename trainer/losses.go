// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
)

// NonFiniteError reports the step at which a loss, a gradient or a parameter is no longer finite.
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
	// rows are float64 [4·size], made by the first Add where the loss is: for each batch
	// the loss, what it was divided by, if not by its samples, and two more numbers (see
	// observe).
	rows     *torch.Tensor
	batches  []batch // of the rows that have not been read
	tolerant bool    // a value that is not finite counts, instead of being an error

	epoch, step int // of the first value that has not been read
	what        string

	sum, weight float64    // of what has been read: Σ loss·weight, Σ weight
	more        [2]float64 // Σ number·factor of the two more numbers
	samples     int
}

// batch holds what the host knows of a row.
type batch struct {
	samples int
	divided bool    // by the number in the row
	factor  float64 // of the two more numbers
}

// NewLosses returns a Losses that holds size values, at least 1, between reads.
func NewLosses(size int) *Losses { return &Losses{size: max(size, 1), what: "the loss"} }

// Begin forgets everything and sets which step comes next, for errors.
func (l *Losses) Begin(epoch, step int) {
	l.batches, l.more = l.batches[:0], [2]float64{}
	l.epoch, l.step, l.sum, l.weight, l.samples = epoch, step, 0, 0, 0
}

// Add stores the mean loss of n samples, a single value. It does not read it.
// When they are [Losses.Full], Read comes first. A loss that was divided by something else
// than n, which [nn.Divisor] knows, counts with the weight of that number, so that the
// mean does not depend on the size of the batches.
func (l *Losses) Add(loss *torch.Tensor, n int) { l.add(loss, n, 0) }

// observe stores the loss of a batch, and what output got right of targets that are
// classes, of [N, C, …] or [C] with classes [N, …] or []: how many, of how many.
// Targets that the loss ignores do not count. For other targets it stores the squared
// and the absolute error if errors is set.
func (l *Losses) observe(output, loss *torch.Tensor, b data.Batch, errors bool) {
	switch {
	case hasClasses(b.Y):
		counts := b.Y.NeScalar(nn.IgnoreIndex(loss))
		right := output.Detach().Argmax(min(1, output.Dim()-1)).Eq(b.Y).Mul(counts)
		l.add(loss, b.Len, 1, right.Sum(), counts.Sum())
	case errors:
		l.add(loss, b.Len, float64(b.Len), nn.MSELoss(output, b.Y), nn.L1Loss(output, b.Y))
	default:
		l.add(loss, b.Len, 0)
	}
}

// hasClasses reports whether targets are classes, of which one is right.
func hasClasses(y *torch.Tensor) bool { return y.DType() == torch.Int64 }

func (l *Losses) add(loss *torch.Tensor, n int, factor float64, more ...*torch.Tensor) {
	if loss.Numel() != 1 {
		panic(&torch.Error{Op: "loss", Shapes: [][]int{loss.Shape()}, Message: "a loss to train by is a single value: take the mean over the batch"})
	}
	if l.rows == nil {
		torch.Unscoped(func() {
			l.rows = torch.Zeros([]int{4 * l.size}, torch.Options{DType: torch.Float64, Device: loss.Device()})
		})
	}
	if loss.Device() != l.rows.Device() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("the loss is on %s now, it was on %s before", loss.Device(), l.rows.Device())})
	}
	if l.Full() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("%d losses have not been read; Read comes before the next Add", len(l.batches))})
	}
	divisor := nn.Divisor(loss)
	for i, x := range append([]*torch.Tensor{loss, divisor}, more...) {
		if x != nil {
			l.rows.Narrow(0, 4*len(l.batches)+i, 1).CopyInPlace(x.Detach())
		}
	}
	l.batches = append(l.batches, batch{n, divisor != nil, factor})
}

// Full reports whether the losses must be read before the next Add.
func (l *Losses) Full() bool { return len(l.batches) >= l.size }

// Read reads the losses added since the last Read, in one copy from the device. The
// first that is not finite is a *NonFiniteError; it and those after it do not count.
// A batch without a sample that counts, whose loss is NaN, is skipped.
func (l *Losses) Read() error {
	if len(l.batches) == 0 {
		return nil
	}
	var values []float64
	torch.Scope(func() { values = l.rows.Narrow(0, 0, 4*len(l.batches)).To(torch.CPU).Float64s() })
	batches := l.batches
	l.batches = l.batches[:0]
	for i, b := range batches {
		row := values[4*i : 4*i+4]
		v, weight := row[0], float64(b.samples)
		if b.divided {
			weight = row[1]
		}
		if b.factor != 0 {
			l.more[0] += row[2] * b.factor
			l.more[1] += row[3] * b.factor
		}
		l.samples += b.samples
		switch {
		case weight == 0:
		case !isFinite(v) && !l.tolerant:
			return &NonFiniteError{Epoch: l.epoch, Step: l.step, What: l.what, Value: v}
		default:
			l.sum += v * weight
			l.weight += weight
		}
		l.step++
	}
	return nil
}

// Mean returns the loss over all samples that have been read, each weighing what the
// loss weighs it; NaN where none counts.
func (l *Losses) Mean() float64 { return l.sum / l.weight }

// accuracy is the share of right classes; NaN where none counts.
func (l *Losses) accuracy() float64 { return l.more[0] / l.more[1] }

// checkWeight refuses a set of which no target counts.
func (l *Losses) checkWeight(set string) error {
	if l.weight == 0 {
		return fmt.Errorf("trainer: %s: the loss ignores every target, or gives it no weight", set)
	}
	return nil
}

// Close frees the memory on the device.
func (l *Losses) Close() {
	if l.rows != nil {
		l.rows.Close()
		l.rows = nil
	}
}
