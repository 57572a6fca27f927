// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
	"github.com/etude-ml/etude/torch/wholefile"
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
	if s.Input == "" {
		s.Input = "input"
	}
	if s.Output == "" {
		s.Output = "output"
	}
	if s.Opset == 0 {
		s.Opset = defaultOpset
	}
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

// Export writes the network as an ONNX file and returns the differences between ONNX
// Runtime and libtorch on it. The network is in evaluation mode meanwhile, so nothing
// else may use it then.
//
// The file gets its name when everything has succeeded, and replaces a file of that
// name. Export fails if the network calls an operator that cannot be lowered, which
// the error names, if a number depends on the batch in a way that a file cannot
// express, and if the difference is above the tolerance.
func Export(path string, model nn.Module, s Signature) (*Check, error) {
	check, err := export(path, model, s)
	if err != nil {
		return nil, fmt.Errorf("onnx: export to %s: %w", path, err)
	}
	return check, nil
}

func export(path string, model nn.Module, s Signature) (*Check, error) {
	if err := torch.Init(); err != nil {
		return nil, err
	}
	if model == nil {
		return nil, errors.New("the network is nil")
	}
	var check *Check
	var err error
	tried := torch.Try(func() {
		if s, err = s.complete(); err == nil {
			nn.Evaluating(model, func() { check, err = s.export(path, model) })
		}
	})
	return check, errors.Join(tried, err)
}

// export writes a network that is in evaluation mode.
func (s Signature) export(path string, model nn.Module) (*Check, error) {
	file, err := build(model, &s)
	if err != nil {
		return nil, err
	}
	check := &Check{}
	if !s.SkipCheck {
		if check, err = compare(file.Marshal(), model, &s); err != nil {
			return nil, err
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.Metadata)) {
		file.Metadata = append(file.Metadata, pb.Entry{Key: k, Value: s.Metadata[k]})
	}
	if !s.SkipCheck {
		file.Metadata = append(file.Metadata, pb.Entry{Key: checkKey, Value: check.json()})
	}
	text := file.Marshal()
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file would have %d bytes; an ONNX file has less than 2 GiB", len(text))
	}
	write := func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
	return check, wholefile.Check(path, write, func(temp string) error {
		if s.SkipCheck {
			return nil
		}
		sess, err := Open(temp)
		if err == nil {
			sess.Close()
		}
		return err
	})
}

// build traces and lowers the network.
func build(model nn.Module, s *Signature) (file *pb.Model, err error) {
	var traces [len(traceSizes)]*torch.Graph
	defer func() {
		for _, g := range traces {
			if g != nil {
				for _, t := range g.Captured {
					t.Close()
				}
			}
		}
	}()
	err = scoped(func() {
		for k, n := range traceSizes {
			if e := torch.Try(func() { traces[k] = trace(model, s, n) }); e != nil {
				fail.With("the network cannot run on a batch of %d: %w", n, e)
			}
		}
		var state []named
		for name, t := range nn.StateDict(model).All() {
			state = append(state, named{fmt.Sprint(name), t.(*torch.Tensor)})
		}
		file = &pb.Model{
			IRVersion: irVersion(s.Opset), ProducerName: "etude", Graph: fail.Or(lower(traces, state, s)),
			OpsetImport: []pb.Opset{{Version: int64(s.Opset)}},
		}
	})
	return file, err
}

// trace runs the network on n samples, taken from the example in turn.
func trace(model nn.Module, s *Signature, n int) *torch.Graph {
	x := repeatSamples(s.Example, s.BatchAxis, n)
	return torch.Trace(func(in []*torch.Tensor) []*torch.Tensor {
		return []*torch.Tensor{model.Forward(in[0])}
	}, x)
}

// repeatSamples returns n samples, which repeat those of x.
func repeatSamples(x *torch.Tensor, axis, n int) *torch.Tensor {
	index := make([]int64, n)
	for i := range index {
		index[i] = int64(i % x.Size(axis))
	}
	return x.IndexSelect(axis, torch.FromSlice(index).To(x.Device()))
}
