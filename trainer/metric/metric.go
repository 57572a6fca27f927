// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package metric measures a network's outputs against targets, over all samples and not
// as a mean of the means of batches. What is counted stays on the device until
// [Accumulator.Value] is called: adding a batch does not make the host wait.
//
//	run := trainer.Run{
//		…
//		Metrics: []metric.Metric{metric.Accuracy(), metric.F1(metric.Macro)},
//	}
//
// A [Metric] is a small value, and a new one takes a line with [Mean], or a few with a
// Metric of your own. In a loop of your own:
//
//	f1 := metric.F1(metric.Macro).New()
//	defer f1.Close()
//	for batch := range val.Batches(64, nil) {
//		f1.Add(model.Forward(batch.X), batch.Y)
//	}
//	fmt.Println(f1.Value())
//
// Values are those of scikit-learn, also where it only warns. Where it refuses data, the
// value is NaN: without any sample that counts, and with outputs that are NaN. Infinite
// outputs count: they score highest or lowest, and their error is infinite. Outputs and
// targets whose shapes or types do not fit panic with a *[torch.Error] when they are added;
// targets that are none of the classes do so in Value, since the host does not see them
// before.
package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Metric says how outputs are measured: what Value needs to know of each batch, and how
// that of several batches is joined.
type Metric struct {
	Name     string // in histories, with "val_" before it for validation; each metric of a run needs another one
	Maximize bool   // whether a higher value is the better one

	// Batch returns what Value needs of a batch, on the device of output. It runs without
	// gradients, in a scope of its own, and should read no value on the host. Value must not
	// depend on which samples share a batch: a trainer.Run joins small ones, one after another
	// along the first dimension.
	Batch func(output, target *torch.Tensor) *torch.Tensor
	// Merge returns what Value needs of several parts, which are stacked along another first
	// dimension; nil adds them. They are of float64, or of int64 if Batch returns integers.
	Merge func(parts *torch.Tensor) *torch.Tensor
	// Keep lets Value have the rows that Batch returns, those of all batches one after
	// another, which fill the device's memory without a limit.
	Keep bool
	// Value returns the metric of all samples. It may read total, which is on the device.
	Value func(total *torch.Tensor) float64
}

// Mean returns the metric that is the mean of all elements that of returns, which may be
// numbers of any type or bools. An output within a tenth of its target counts as right:
//
//	metric.Mean("close", true, func(output, target *torch.Tensor) *torch.Tensor {
//		return output.Sub(target).Abs().LtScalar(0.1)
//	})
func Mean(name string, maximize bool, of func(output, target *torch.Tensor) *torch.Tensor) Metric {
	return Metric{
		Name: name, Maximize: maximize,
		Batch: func(output, target *torch.Tensor) *torch.Tensor {
			x := of(output, target)
			return torch.Stack([]*torch.Tensor{x.ToDType(torch.Float64).Sum(), count(x, x.Numel())}, 0)
		},
		Value: func(total *torch.Tensor) float64 {
			sums := total.Float64s()
			return sums[0] / sums[1]
		},
	}
}

// count returns n as float64 where t is, without a copy from the host.
func count(t *torch.Tensor, n int) *torch.Tensor {
	return torch.Full([]int{}, n, torch.Options{DType: torch.Float64, Device: t.Device()})
}

// Of returns the metric of outputs and targets that are at hand.
func (m Metric) Of(output, target *torch.Tensor) float64 {
	a := m.New()
	defer a.Close()
	a.Add(output, target)
	return a.Value()
}

// Accumulator measures the batches that are added to it.
type Accumulator struct {
	metric Metric
	parts  []*torch.Tensor // one where they are added, all where they are kept, else up to mergeEvery
}

// How many parts are merged at a time, and of how many elements together, 512 kB: two of
// wide outputs.
const (
	mergeEvery    = 32
	mergeElements = 1 << 16
)

// New returns an Accumulator without samples.
func (m Metric) New() *Accumulator { return &Accumulator{metric: m} }

// Add counts the outputs and targets of a batch, on one device. The host does not wait for
// it. Every batch needs the same number of classes or outputs.
func (a *Accumulator) Add(output, target *torch.Tensor) {
	torch.Scope(func() {
		torch.NoGrad(func() {
			batch := a.metric.Batch(output, target)
			switch {
			case a.metric.Keep && batch.Dim() == 0:
				throw(a.metric.Name, "a metric that keeps rows needs a Batch that returns some, not a single value")
			case a.metric.Keep || batch.DType() == torch.Int64:
			case batch.DType().IsFloating():
				batch = batch.ToDType(torch.Float64)
			default:
				batch = batch.ToDType(torch.Int64)
			}
			a.add(batch)
		})
	})
}

func (a *Accumulator) add(batch *torch.Tensor) {
	if len(a.parts) > 0 {
		was, is := a.parts[0].Shape(), batch.Shape()
		if a.metric.Keep { // any number of rows
			was, is = was[1:], is[1:]
		}
		if !slices.Equal(was, is) {
			throw(a.metric.Name, "every batch needs the same number of classes or outputs: what is counted has the shape %v now, it had %v before", is, was)
		}
		switch {
		case a.metric.Keep:
		case a.metric.Merge == nil:
			a.parts[0].AddInPlace(batch)
			return
		case len(a.parts) == mergeEvery, len(a.parts) > 1 && len(a.parts)*batch.Numel() >= mergeElements:
			total := a.total()
			a.Close()
			a.keep(total)
		}
	}
	a.keep(batch)
}

// keep adds copies of parts that belong to no scope.
func (a *Accumulator) keep(parts ...*torch.Tensor) {
	torch.Unscoped(func() {
		for _, t := range parts {
			a.parts = append(a.parts, t.Clone())
		}
	})
}

// total returns what Value needs.
func (a *Accumulator) total() *torch.Tensor {
	switch {
	case a.metric.Keep:
		return torch.Cat(a.parts, 0)
	case a.metric.Merge != nil:
		return a.metric.Merge(torch.Stack(a.parts, 0))
	}
	return a.parts[0]
}

// Value returns the metric of all samples that were added, for which the host waits; NaN
// without any.
func (a *Accumulator) Value() float64 {
	value := math.NaN()
	if len(a.parts) > 0 {
		torch.Scope(func() { value = a.metric.Value(a.total()) })
	}
	return value
}

// State returns what was counted so far, a tensor of the caller's; nil for nothing.
func (a *Accumulator) State() *torch.Tensor {
	switch {
	case len(a.parts) == 0:
		return nil
	case a.metric.Keep:
		return torch.Cat(a.parts, 0)
	}
	return torch.Stack(a.parts, 0) // and not merged, so that sums are rounded as without a break
}

// LoadState continues from the [Accumulator.State] of the same metric, on the device of the
// batches that follow; nil for nothing. It keeps a copy.
func (a *Accumulator) LoadState(state *torch.Tensor) {
	a.Close()
	switch {
	case state == nil:
	case a.metric.Keep:
		a.keep(state)
	default:
		torch.Scope(func() {
			for _, part := range state.Unbind(0) {
				a.add(part)
			}
		})
	}
}

// Close forgets the samples and frees the memory on the device. Others may be added after.
func (a *Accumulator) Close() {
	for _, t := range a.parts {
		t.Close()
	}
	a.parts = nil
}

// throw panics with an error of the metric of that name.
func throw(name, format string, args ...any) {
	panic(&torch.Error{Op: "metric " + name, Message: fmt.Sprintf(format, args...)})
}
