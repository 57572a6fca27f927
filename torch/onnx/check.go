// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"bytes"
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
	// MaxAbsDiff is the largest absolute difference between two elements of the
	// output, by the batch size of a random input.
	MaxAbsDiff map[int]float64
	// Example is the same for Signature.Example.
	Example float64
	// Tolerance and RelativeTolerance are the differences that were allowed: see
	// [Signature].
	Tolerance, RelativeTolerance float64
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

// compare runs a file's bytes and the network on the same inputs.
func compare(file []byte, model nn.Module, s *Signature) (*Check, error) {
	sess, err := open("the exported network", file)
	if err != nil {
		return nil, err
	}
	defer sess.Close()
	c := &Check{MaxAbsDiff: map[int]float64{}, ONNXRuntime: ort.GetVersion(), Libtorch: torch.Version()}
	one := func(x *torch.Tensor) (float64, error) {
		d, allowed, err := c.difference(sess, model, s, x)
		if err == nil && !(d <= allowed) {
			err = fmt.Errorf("differ by %.3g, more than the %.3g allowed", d, allowed)
		}
		if err != nil {
			return 0, fmt.Errorf("ONNX Runtime and libtorch on a batch of %d: %w", x.Size(s.BatchAxis), err)
		}
		return d, nil
	}
	err = scoped(func() {
		c.Example = fail.Or(one(s.Example))
		for _, n := range checkSizes {
			d, err := one(sample(s, n))
			if errors.Is(err, errNothingCompared) { // the network is not made for such inputs
				d, err = one(s.samples(n))
			}
			c.MaxAbsDiff[n] = fail.Or(d, err)
		}
	})
	return c, err
}

// scoped calls f without gradients, frees its tensors and returns the error that
// ended it.
func scoped(f func()) error {
	return fail.Catch(func() { fail.On(torch.Try(func() { torch.NoGrad(func() { torch.Scope(f) }) })) })
}

// tolerances sets the tolerances for an output of type d.
func (c *Check) tolerances(s *Signature, d torch.DType) {
	c.Tolerance, c.RelativeTolerance = s.Tolerance, s.RelativeTolerance
	switch {
	case !d.IsFloating():
		c.Tolerance, c.RelativeTolerance = 0, 0
	case c.Tolerance != 0 || c.RelativeTolerance != 0:
	case d == torch.Float16:
		c.Tolerance, c.RelativeTolerance = 1e-5, 1e-3
	case d == torch.BFloat16:
		c.Tolerance, c.RelativeTolerance = 1e-5, 1.6e-2
	default:
		c.Tolerance, c.RelativeTolerance = 1e-5, 1.3e-6
	}
}

// difference returns the largest absolute difference between the two outputs for
// x, and the largest that is allowed. Two equal infinities do not differ, and neither
// do two NaN. It is an error if no element could be compared, or if any of the
// example's output is NaN. The output for a random input may be NaN in places, because
// some values may be outside the network's domain.
func (c *Check) difference(sess *Session, model nn.Module, s *Signature, x *torch.Tensor) (largest, allowed float64, err error) {
	want := model.Forward(x)
	out, err := sess.Run(Feeds{s.Input: x})
	if err != nil {
		return 0, 0, err
	}
	have := out[s.Output]
	if !slices.Equal(have.Shape(), want.Shape()) || have.DType() != want.DType() {
		return 0, 0, fmt.Errorf("return %s %v and %s %v", have.DType(), have.Shape(), want.DType(), want.Shape())
	}
	c.tolerances(s, want.DType())
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
	if nans > 0 && x == s.Example || compared == 0 {
		return 0, 0, fmt.Errorf("%w: %s: %s", errNothingCompared, notCompared(nans, b, want.Shape()), cause(model, x))
	}
	return largest, c.Tolerance + c.RelativeTolerance*scale, nil
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

// cause names the weights, or the input, that are not finite.
func cause(model nn.Module, x *torch.Tensor) string {
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
	case notFinite(x) > 0:
		return "the input is not finite"
	}
	return "all weights and inputs are finite, so the network computes it from them: an overflow, a division by zero, or the logarithm of a negative number"
}

// sample returns n random samples: floats uniform between the example's smallest
// and largest, standard normal where those are equal; other types, of which only
// some values may be valid, repeat the example's samples.
func sample(s *Signature, n int) *torch.Tensor {
	x := s.samples(n)
	if !x.DType().IsFloating() {
		return x
	}
	lo, hi := s.Example.Min().Item(), s.Example.Max().Item()
	rng := rand.New(rand.NewPCG(uint64(n), 0x0e7de))
	data := make([]float64, x.Numel())
	for i := range data {
		if lo < hi {
			data[i] = lo + (hi-lo)*rng.Float64()
		} else {
			data[i] = rng.NormFloat64()
		}
	}
	return torch.FromSlice(data, x.Shape()...).ToDType(x.DType()).To(x.Device())
}
