// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
)

// checkSizes lists the batch sizes that are compared, besides the example's.
var checkSizes = []int{1, 7, 64}

// Check holds the differences between the results of ONNX Runtime and libtorch. It is
// empty when the check was skipped.
type Check struct {
	// MaxAbsDiff is the largest absolute difference between two elements of an output,
	// by the batch size of a random input, or with [Signature].Inputs by the first free
	// size of random inputs.
	MaxAbsDiff map[int]float64
	// Example is the same for the examples.
	Example float64
	// Tolerance and RelativeTolerance are the differences that were allowed: see
	// [Signature].
	Tolerance, RelativeTolerance float64
	// Saved is how many bytes [Signature].Weights saves.
	Saved int
	// ONNXRuntime and Libtorch are the versions that were compared.
	ONNXRuntime, Libtorch string
}

// Max returns the largest of all differences.
func (c *Check) Max() float64 {
	m := c.Example
	for _, d := range c.MaxAbsDiff {
		m = max(m, d)
	}
	return m
}

func (c *Check) json() string {
	diffs := map[string]float64{"example": c.Example}
	for n, d := range c.MaxAbsDiff {
		diffs[strconv.Itoa(n)] = d
	}
	text, _ := json.Marshal(map[string]any{ // finite numbers and strings only: cannot fail
		"onnxruntime": c.ONNXRuntime, "libtorch": c.Libtorch, "tolerance": c.Tolerance, "relative_tolerance": c.RelativeTolerance,
		"max_abs_diff": diffs,
	})
	return string(text)
}

// checks returns where files are compared: at the usual sizes, in turn for several free
// ones. A batch may have any of them. With other free sizes, those are left out that the
// network refuses or has no numbers for, and the point where the traces were verified is
// the first.
func (e *exporter) checks() (all []point) {
	if !e.plain {
		all = e.points()[len(e.free)+1:]
	}
	for i := range checkSizes {
		p := make(point, len(e.free))
		for k := range p {
			p[k] = checkSizes[(i+k)%len(checkSizes)]
		}
		if len(p) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// compare runs a file's bytes and the network on the same inputs.
func (e *exporter) compare(file []byte) (*Check, error) {
	if e.SkipCheck {
		return &Check{}, nil
	}
	sess, err := open("the exported network", file)
	if err != nil {
		return nil, err
	}
	defer sess.Close()
	c := &Check{MaxAbsDiff: map[int]float64{}, ONNXRuntime: ort.GetVersion(), Libtorch: torch.Version()}
	err = scoped(func() {
		examples := collect(e.Inputs, func(in Input) *torch.Tensor { return in.Example })
		sizes := collect(e.free, func(s symbol) int { return s.example })
		c.Example = fail.Or(c.compared(e, sess, sizes, examples, true))
		for i, p := range e.checks() {
			d, err := c.compared(e, sess, p, e.drawn(p), false)
			if unfit(err) { // the network is not made for such inputs
				d, err = c.compared(e, sess, p, e.at(p), false)
			}
			if unfit(err) && !e.plain && i > 0 {
				continue
			}
			c.MaxAbsDiff[p.first()] = max(c.MaxAbsDiff[p.first()], fail.Or(d, err))
		}
	})
	return c, err
}

// first returns the first free size, 0 where there is none.
func (p point) first() int {
	if len(p) == 0 {
		return 0
	}
	return p[0]
}

// unfit reports whether the network cannot run on some inputs or returns no numbers.
func unfit(err error) bool {
	return errors.Is(err, errNothingCompared) || errors.As(err, new(refusal))
}

// refusal is the error of a network that cannot run on some inputs.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// scoped calls f without gradients, frees its tensors and returns the error that
// ended it.
func scoped(f func()) error {
	return fail.Catch(func() { fail.On(torch.Try(func() { torch.NoGrad(func() { torch.Scope(f) }) })) })
}

// compared returns the largest difference between ONNX Runtime's outputs and libtorch's,
// and an error if one is larger than allowed.
func (c *Check) compared(e *exporter, sess *Session, p point, inputs []*torch.Tensor, example bool) (largest float64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("ONNX Runtime and libtorch with %s: %w", e.text(p), err)
		}
	}()
	var want []*torch.Tensor
	if err := torch.Try(func() { want = e.call(inputs) }); err != nil {
		return 0, refusal{err}
	}
	feeds := Feeds{}
	for i, in := range e.Inputs {
		feeds[in.Name] = inputs[i]
	}
	out, err := sess.Run(context.Background(), feeds)
	if err != nil {
		return 0, err
	}
	for i, name := range e.Outputs {
		d, allowed, err := c.difference(e, out[name], want[i], example)
		if errors.Is(err, errNothingCompared) {
			err = fmt.Errorf("%w: %s", err, cause(e.model, inputs))
		}
		if err == nil && !(d <= allowed) {
			err = fmt.Errorf("differ by %.3g, more than the %.3g allowed", d, allowed)
		}
		if err != nil && !e.plain {
			err = fmt.Errorf("output %q: %w", name, err)
		}
		if err != nil {
			return 0, err
		}
		largest = max(largest, d)
	}
	return largest, nil
}

// tolerances returns the tolerances for an output of type d.
func (e *exporter) tolerances(d torch.DType) (absolute, relative float64) {
	switch {
	case !d.IsFloating():
		return 0, 0
	case e.Tolerance != 0 || e.RelativeTolerance != 0:
		return e.Tolerance, e.RelativeTolerance
	// Files of 12 layers differ by up to 2e-3 and 5e-2 of the largest output, and what is
	// far beyond is of no use.
	case e.stored == torch.Float16:
		return 1e-5, 1e-2
	case e.stored == torch.Int8:
		return 1e-5, 1e-1
	case d == torch.Float16:
		return 1e-5, 1e-3
	case d == torch.BFloat16:
		return 1e-5, 1.6e-2
	}
	return 1e-5, 1.3e-6
}

// difference returns the largest absolute difference between two outputs, and the largest
// that is allowed. Two equal infinities do not differ, and neither do two NaN. It is an
// error if no element could be compared, or if any of the example's output is NaN. The
// output for a random input may be NaN in places, because some values may be outside the
// network's domain.
func (c *Check) difference(e *exporter, have, want *torch.Tensor, example bool) (largest, allowed float64, err error) {
	if !slices.Equal(have.Shape(), want.Shape()) || have.DType() != want.DType() {
		return 0, 0, fmt.Errorf("return %s %v and %s %v", have.DType(), have.Shape(), want.DType(), want.Shape())
	}
	absolute, relative := e.tolerances(want.DType())
	c.Tolerance, c.RelativeTolerance = max(c.Tolerance, absolute), max(c.RelativeTolerance, relative)
	if !want.DType().IsFloating() && !bytes.Equal(have.Bytes(), want.To(torch.CPU).Bytes()) {
		largest = 1 // at least: float64 has not all integers
	}
	a, b := have.Float64s(), want.Float64s()
	compared, nans, scale := 0, 0, 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		switch {
		case math.IsNaN(a[i]) && math.IsNaN(b[i]):
			nans++
		case math.IsInf(b[i], 0) && a[i] == b[i]:
		case math.IsNaN(d):
			return math.Inf(1), 0, nil
		default:
			compared++
			largest = max(largest, d)
			scale = max(scale, math.Abs(b[i]))
		}
	}
	if nans > 0 && example || compared == 0 {
		return 0, 0, fmt.Errorf("%w: %s", errNothingCompared, notCompared(nans, b, want.Shape()))
	}
	return largest, absolute + relative*scale, nil
}

var errNothingCompared = errors.New("cannot be compared")

// notCompared returns why no element of an output was compared.
func notCompared(nans int, b []float64, shape []int) string {
	switch {
	case len(b) == 0:
		return fmt.Sprintf("the output %v has no elements", shape)
	case nans > 0:
		return fmt.Sprintf("%d of the output's %d elements are not a number (NaN), the first is element %d of its shape %v",
			nans, len(b), slices.IndexFunc(b, math.IsNaN), shape)
	}
	return fmt.Sprintf("all of the output's %d elements are infinite", len(b))
}

// cause names the weights, or the inputs, that are not finite.
func cause(model any, inputs []*torch.Tensor) string {
	var list []string
	for _, w := range nn.NamedTensors(model) {
		if n := notFinite(w.Tensor); n > 0 {
			list = append(list, fmt.Sprintf("%s (%d of %d elements)", w.Name, n, w.Tensor.Numel()))
		}
	}
	switch more := len(list) - 8; {
	case more > 0:
		return fmt.Sprintf("these weights are not finite: %s and %d more", strings.Join(list[:8], ", "), more)
	case len(list) > 0:
		return "these weights are not finite: " + strings.Join(list, ", ")
	case slices.ContainsFunc(inputs, func(x *torch.Tensor) bool { return notFinite(x) > 0 }):
		return "an input is not finite"
	}
	return "all weights and inputs are finite, so the network computes it from them: an overflow, a division by zero, or the logarithm of a negative number"
}

// drawn returns random inputs of some sizes. Numbers are uniform between the smallest and
// the largest of the example, and floats standard normal where those are equal. Bools, and
// numbers of which some are infinite, are drawn from the example's elements.
func (e *exporter) drawn(p point) []*torch.Tensor {
	rng := rand.New(rand.NewPCG(uint64(p.first()), 0x0e7de))
	xs := e.at(p)
	for k, in := range e.Inputs {
		d, elements := in.Example.DType(), in.Example.Float64s()
		lo, hi := slices.Min(elements), slices.Max(elements)
		data := make([]float64, xs[k].Numel())
		for i := range data {
			switch {
			case d == torch.Bool || math.IsInf(lo, 0) || math.IsInf(hi, 0):
				data[i] = elements[rng.IntN(len(elements))]
			case !d.IsFloating():
				data[i] = lo + math.Floor(min((hi-lo+1)*rng.Float64(), hi-lo))
			case lo < hi:
				data[i] = lo + (hi-lo)*rng.Float64()
			default:
				data[i] = rng.NormFloat64()
			}
		}
		xs[k] = torch.FromSlice(data, xs[k].Shape()...).ToDType(d).To(in.Example.Device())
	}
	return xs
}
