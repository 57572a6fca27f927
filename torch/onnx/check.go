// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// checkKey is the metadata entry that holds the check, as JSON:
// {"onnxruntime": "1.32.0", "libtorch": "2.15.0", "tolerance": 1e-05,
// "max_abs_diff": {"1": …, "7": …, "64": …, "example": …}}.
const checkKey = "etude.check"

// checkSizes are the batch sizes that are compared, besides the example's.
var checkSizes = []int{1, 7, 64}

// Check tells how far ONNX Runtime and libtorch were apart. It is empty when the
// check was skipped.
type Check struct {
	// MaxAbsDiff is the largest absolute difference between two elements of the
	// output, by the batch size of a random input.
	MaxAbsDiff map[int]float64
	// Example is the same for Signature.Example.
	Example float64
	// Tolerance is what was allowed.
	Tolerance float64
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
		"onnxruntime": c.ONNXRuntime, "libtorch": c.Libtorch, "tolerance": c.Tolerance, "max_abs_diff": diffs,
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
	c := &Check{MaxAbsDiff: map[int]float64{}, Tolerance: s.Tolerance, ONNXRuntime: ort.GetVersion(), Libtorch: torch.Version()}
	one := func(x *torch.Tensor) (float64, error) {
		n := x.Size(s.BatchAxis)
		d, err := difference(sess, model, s, x)
		if err == nil && !(d <= s.Tolerance) {
			err = fmt.Errorf("differ by %.3g, more than the %.3g allowed", d, s.Tolerance)
		}
		if err != nil {
			return 0, fmt.Errorf("ONNX Runtime and libtorch on a batch of %d: %w", n, err)
		}
		return d, nil
	}
	terr := torch.Try(func() {
		torch.NoGrad(func() {
			torch.Scope(func() {
				if c.Example, err = one(s.Example); err != nil {
					return
				}
				for _, n := range checkSizes {
					if c.MaxAbsDiff[n], err = one(sample(s, n)); err != nil {
						return
					}
				}
			})
		})
	})
	if terr != nil {
		return nil, terr
	}
	return c, err
}

// difference returns the largest absolute difference between the two outputs for
// x. Where both are NaN, or both the same infinity, there is none.
func difference(sess *Session, model nn.Module, s *Signature, x *torch.Tensor) (float64, error) {
	want := model.Forward(x)
	out, err := sess.Run(Feeds{s.Input: x})
	if err != nil {
		return 0, err
	}
	have := out[s.Output]
	if !slices.Equal(have.Shape(), want.Shape()) || have.DType() != want.DType() {
		return 0, fmt.Errorf("return %s %v and %s %v", have.DType(), have.Shape(), want.DType(), want.Shape())
	}
	a, b := have.Float64s(), want.Float64s()
	largest := 0.0
	for i := range a {
		d := math.Abs(a[i] - b[i])
		switch {
		case a[i] == b[i] || math.IsNaN(a[i]) && math.IsNaN(b[i]):
		case math.IsNaN(d):
			return math.Inf(1), nil
		default:
			largest = max(largest, d)
		}
	}
	return largest, nil
}

// sample returns n random samples: floats uniform between the example's smallest
// and largest, standard normal where those are equal; other types, of which only
// some values may be valid, are the example's samples over and over.
func sample(s *Signature, n int) *torch.Tensor {
	x := repeatSamples(s.Example, s.BatchAxis, n)
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
