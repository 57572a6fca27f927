// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/trainer/metric"
)

// NonFiniteError reports the step at which a loss, a gradient or a parameter is no longer finite.
type NonFiniteError struct {
	Epoch, Step int     // from 0
	What        string  // "the loss", "the validation loss", "a parameter"
	Value       float64 // NaN or an infinity
	// Where names what is not finite, such as a sample or parameters, or the operator and the
	// layer whose results first were not; "" where it is not known.
	Where string
}

// Error counts epochs and steps from 1: "trainer: epoch 3, step 17: the loss is NaN".
func (e *NonFiniteError) Error() string {
	where := ""
	if e.Where != "" {
		where = ": " + e.Where
	}
	return fmt.Sprintf("trainer: epoch %d, step %d: %s is %v%s; a lower learning rate may help, and inputs that are NaN or very large",
		e.Epoch+1, e.Step+1, e.What, e.Value, where)
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
	// columns are float64 [width, size], made by the first Add where the loss is: for each
	// batch two more numbers (see store), and for the loss and each of its parts the
	// value and what it was divided by, if not by its samples.
	columns  *torch.Tensor
	next     *torch.Tensor // int64 [1]: the next batch, which a step that is replayed has to know
	names    []string      // of the parts, in the order of the columns
	batches  []batch       // those that have not been read
	tolerant bool          // a value that is not finite counts, instead of being an error

	reduce func([]float64) error // adds up over the processes of a group; nil for one process
	meet   func(error) error     // what the sources of all say before a batch; nil for one process

	measured // metrics of outputs and targets

	epoch, step int // of the first value that has not been read
	what        string

	mean               // of what has been read
	parts   []mean     // the same of the parts
	more    [2]float64 // the sums of the two more numbers
	samples int
}

// checkName refuses the name of a part or a metric that stands for something else: for a
// value that every history has, or one of others.
func checkName(name string, others ...metric.Metric) error {
	if slices.Contains(metricNames(others), name) || name == "" || name == "loss" || name == "acc" || strings.HasPrefix(name, "train_") || strings.HasPrefix(name, valPrefix) {
		return fmt.Errorf("%q is empty, taken or a name that every history has: choose another one", name)
	}
	return nil
}

// mean is a mean in the making: Σ value·weight, Σ weight.
type mean struct{ sum, weight float64 }

func (m *mean) add(sum, weight float64) {
	m.sum += sum
	m.weight += weight
}

func (m *mean) value() float64 { return m.sum / m.weight }

// batch holds what the host knows of a batch.
type batch struct {
	samples int
	divided []bool // the loss and each part: by the number stored with it
	more    bool   // the two more numbers are there
}

// width returns how many numbers a batch has.
func (l *Losses) width() int { return 4 + 2*len(l.names) }

// NewLosses returns a Losses that holds size values, at least 1, between reads.
func NewLosses(size int) *Losses { return &Losses{size: max(size, 1), what: "the loss"} }

// Begin forgets everything and sets which step comes next, for errors.
func (l *Losses) Begin(epoch, step int) {
	l.rewind()
	l.more, l.samples = [2]float64{}, 0
	l.epoch, l.step, l.mean, l.parts = epoch, step, mean{}, make([]mean, len(l.names))
	l.forget()
}

// Add stores the mean loss of n samples, a single value. It does not read it.
// When they are [Losses.Full], Read comes first. A loss that was divided by something else
// than n, which [nn.Divisor] knows, counts with the weight of that number, so that the
// mean does not depend on the size of the batches.
func (l *Losses) Add(loss *torch.Tensor, n int) { l.add(Result{Loss: loss}, n) }

// observe stores the losses of a batch of n samples, and what metrics compare.
func (l *Losses) observe(r Result, n int) {
	if n > 0 {
		l.compare(r)
	}
	l.store(r, n)
}

// store stores the losses of a batch of n samples, and what the output got right of
// targets that are classes: how many, of how many. Targets that the loss ignores do not
// count.
func (l *Losses) store(r Result, n int) {
	if !r.classes() {
		l.add(r, n)
		return
	}
	counts := r.Target.NeScalar(nn.IgnoreIndex(r.Loss))
	right := r.Output.Detach().Argmax(r.classDim()).Eq(r.Target).Mul(counts)
	l.add(r, n, right.Sum(), counts.Sum())
}

func (l *Losses) add(r Result, n int, more ...*torch.Tensor) {
	names := slices.Sorted(maps.Keys(r.Parts))
	if l.columns == nil {
		l.start(names, r.Loss.Device())
	}
	if !slices.Equal(names, l.names) {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("the parts of the loss are %q now, they were %q before", names, l.names)})
	}
	if l.Full() {
		panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("%d losses have not been read; Read comes before the next Add", len(l.batches))})
	}
	terms := []*torch.Tensor{r.Loss}
	for _, name := range names {
		terms = append(terms, r.Parts[name])
	}
	b := batch{samples: n, more: len(more) > 0}
	set := func(column int, x *torch.Tensor) {
		l.columns.Select(0, column).IndexCopyInPlace(0, l.next, x.Detach().ToDType(torch.Float64).Reshape(1))
	}
	for i, x := range more {
		set(i, x)
	}
	for i, x := range terms {
		if x.Numel() != 1 {
			panic(&torch.Error{Op: "loss", Shapes: [][]int{x.Shape()}, Message: "a loss to train by is a single value: take the mean over the batch"})
		}
		if x.Device() != l.columns.Device() {
			panic(&torch.Error{Op: "loss", Message: fmt.Sprintf("the loss is on %s now, it was on %s before", x.Device(), l.columns.Device())})
		}
		divisor := nn.Divisor(x)
		set(2+2*i, x)
		if divisor != nil {
			set(3+2*i, divisor)
		}
		b.divided = append(b.divided, divisor != nil)
	}
	l.next.AddScalarInPlace(1)
	l.batches = append(l.batches, b)
}

// start makes room for losses with the parts that names lists. Those of a run that is
// continued are known.
func (l *Losses) start(names []string, d torch.Device) {
	for _, name := range names {
		if err := checkName(name, l.metrics...); err != nil {
			panic(&torch.Error{Op: "Result.Parts", Message: err.Error()})
		}
	}
	if l.names == nil {
		l.names, l.parts = names, make([]mean, len(names))
	}
	torch.Unscoped(func() {
		l.columns = torch.Zeros([]int{l.width(), l.size}, torch.Options{DType: torch.Float64, Device: d})
		l.next = torch.Zeros([]int{1}, torch.Options{DType: torch.Int64, Device: d})
	})
}

// rewind lets the next batch have the first place.
func (l *Losses) rewind() {
	if len(l.batches) > 0 {
		l.next.ZeroInPlace()
	}
	l.batches = l.batches[:0]
}

// Full reports whether the losses must be read before the next Add.
func (l *Losses) Full() bool { return l.room() == 0 }

func (l *Losses) room() int { return l.size - len(l.batches) }

// Read reads the losses added since the last Read, in one copy from the device. The
// first that is not finite is a *NonFiniteError; it and those after it do not count.
// A batch without a sample that counts, whose loss is NaN, is skipped.
func (l *Losses) Read() error {
	if len(l.batches) == 0 {
		return nil
	}
	var values []float64
	torch.Scope(func() { values = l.columns.Narrow(1, 0, len(l.batches)).To(torch.CPU).Transpose(0, 1).Float64s() })
	batches := l.batches
	l.rewind()
	for i, b := range batches { // each mean becomes a sum and its weight
		row := values[l.width()*i : l.width()*(i+1)]
		if !b.more || b.samples == 0 {
			row[0], row[1] = 0, 0
		}
		for j, divided := range b.divided {
			sum, weight := &row[2+2*j], &row[3+2*j]
			if !divided || b.samples == 0 {
				*weight = float64(b.samples)
			}
			if *sum *= *weight; *weight == 0 {
				*sum = 0
			}
		}
	}
	if l.reduce != nil {
		if err := l.reduce(values); err != nil {
			return err
		}
	}
	for i, b := range batches {
		row := values[l.width()*i : l.width()*(i+1)]
		l.more[0] += row[0]
		l.more[1] += row[1]
		l.samples += b.samples
		for j := range b.divided {
			switch sum, weight := row[2+2*j], row[3+2*j]; {
			case weight == 0:
			case j > 0:
				l.parts[j-1].add(sum, weight)
			case !isFinite(sum) && !l.tolerant:
				return &NonFiniteError{Epoch: l.epoch, Step: l.step, What: l.what, Value: sum / weight}
			default:
				l.mean.add(sum, weight)
			}
		}
		l.step++
	}
	return nil
}

// Mean returns the loss over all samples that have been read, each weighing what the
// loss weighs it; NaN where none counts.
func (l *Losses) Mean() float64 { return l.value() }

// named returns the means of the parts of the loss, and the metrics, for which the host
// waits, by their names; nil for none. What was counted for metrics, which may fill much of
// a device, is freed.
func (l *Losses) named() map[string]float64 {
	if len(l.names)+len(l.metrics) == 0 {
		return nil
	}
	all := l.values()
	for i, name := range l.names {
		all[name] = l.parts[i].value()
	}
	return all
}

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
	l.forget()
	if l.columns != nil {
		l.columns.Close()
		l.next.Close()
		l.columns, l.next = nil, nil
	}
}
