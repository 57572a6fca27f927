// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
)

// Signature describes the input and output of a network, and options of its file.
type Signature struct {
	// Input and Output are the names in the file; "input" and "output" when empty.
	Input, Output string
	// Example is an input of the network, on its device. The file has its shape and
	// type, with any number of samples, so one sample is enough. Its smallest and
	// largest element bound the inputs that the check draws.
	Example *torch.Tensor
	// BatchAxis is the dimension of Example that counts samples.
	BatchAxis int
	// Opset is the version of ONNX's operators, 13 to 20; 0 means 17.
	Opset int
	// Metadata are entries for the file, beside those of the check.
	Metadata map[string]string
	// Tolerance and RelativeTolerance bound the difference between ONNX Runtime and
	// libtorch: no element may differ by more than Tolerance plus RelativeTolerance
	// times the largest absolute value of the output. Where both are 0 they are
	// those of torch.testing.assert_close for float32, 1e-5 and 1.3e-6; the
	// relative one is 1e-3 for float16 and 1.6e-2 for bfloat16. Integers and
	// booleans must be equal.
	//
	// The largest value counts, and not each element's own: the terms of a sum
	// are rounded relative to their size, so an element that is small because
	// its terms cancel is as wrong as the large ones.
	Tolerance, RelativeTolerance float64
	// SkipCheck writes the file without running it, where ONNX Runtime is absent.
	SkipCheck bool
}

const (
	minOpset     = 13
	maxOpset     = 20
	defaultOpset = 17
)

// irVersion returns the version of the file format that came with an opset.
func irVersion(opset int) int64 {
	switch {
	case opset <= 14:
		return 7
	case opset <= 18:
		return 8
	}
	return 9
}

// complete checks s and returns it with the defaults set.
func (s Signature) complete() (Signature, error) {
	s.Input, s.Output = cmp.Or(s.Input, "input"), cmp.Or(s.Output, "output")
	s.Opset = cmp.Or(s.Opset, defaultOpset)
	switch {
	case s.Input == s.Output:
		return s, fmt.Errorf("input and output are both called %q", s.Input)
	case s.Opset < minOpset || s.Opset > maxOpset:
		return s, fmt.Errorf("opset %d: %d to %d can be written", s.Opset, minOpset, maxOpset)
	case !(s.Tolerance >= 0) || !(s.RelativeTolerance >= 0):
		return s, fmt.Errorf("a tolerance of %v and a relative one of %v: neither may be negative", s.Tolerance, s.RelativeTolerance)
	case s.Example == nil:
		return s, errors.New("Signature.Example is missing: an input of the network")
	}
	shape := s.Example.Shape()
	if s.BatchAxis < 0 || s.BatchAxis >= len(shape) {
		return s, fmt.Errorf("BatchAxis %d: Example has the shape %v, whose dimensions are numbered from 0", s.BatchAxis, shape)
	}
	if s.Example.Numel() == 0 {
		return s, fmt.Errorf("the shape of Example, %v, holds no element", shape)
	}
	if n := notFinite(s.Example); n > 0 {
		return s, fmt.Errorf("%d of the %d elements of Example are not finite: give an input that the network is meant for", n, s.Example.Numel())
	}
	if !utf8.ValidString(s.Input + s.Output) {
		return s, fmt.Errorf("the names %q and %q must be UTF-8", s.Input, s.Output)
	}
	for key, value := range s.Metadata {
		switch {
		case key == checkKey:
			return s, fmt.Errorf("metadata %q is written by the check; choose another key", key)
		case !utf8.ValidString(key + value):
			return s, fmt.Errorf("metadata %q must be UTF-8", key)
		}
	}
	return s, nil
}

// checkKey is the metadata entry that holds the check, as JSON:
// {"onnxruntime": "1.32.0", "libtorch": "2.15.0", "tolerance": 1e-05,
// "relative_tolerance": 1.3e-06, "max_abs_diff": {"1": …, "7": …, "64": …, "example": …}}.
const checkKey = "etude.check"

// samples returns n samples, which repeat those of the example.
func (s *Signature) samples(n int) *torch.Tensor {
	index := make([]int64, n)
	for i := range index {
		index[i] = int64(i % s.Example.Size(s.BatchAxis))
	}
	return s.Example.IndexSelect(s.BatchAxis, torch.FromSlice(index).To(s.Example.Device()))
}

// notFinite counts the elements of t that are infinite or not a number.
func notFinite(t *torch.Tensor) int {
	n := 0
	if t.DType().IsFloating() {
		torch.Scope(func() { n = t.Numel() - int(t.Detach().IsFinite().Sum().Item()) })
	}
	return n
}
