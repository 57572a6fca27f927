// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// Signature describes the inputs and outputs of a network, and options of its file.
type Signature struct {
	// Input and Output are the names in the file; "input" and "output" when empty.
	Input, Output string
	// Example is an input of the network, on its device. The file has its shape and
	// type, with any number of samples, so one sample is enough. Its smallest and
	// largest element bound the inputs that the check draws.
	Example *torch.Tensor
	// BatchAxis is the dimension of Example that counts samples. It is called
	// batch_size in the file.
	BatchAxis int
	// Inputs and Outputs, which are names, stand in the place of the fields above for a
	// network with several inputs, outputs or free dimensions.
	Inputs  []Input
	Outputs []string
	// Weights is the type of the weights in the file: Float32, Float16, which halves them, or
	// Int8, a quarter, with a scale for each index of their first dimension. The file is
	// smaller, and no faster: ONNX Runtime makes float32 of the weights when it loads it.
	// Weights are the float32 tensors of the state dict, and what the network computes from
	// these, by which layers multiply: linear, recurrent, convolutional, embedding. Biases,
	// norms and small ones stay float32.
	Weights torch.DType
	// Opset is the version of ONNX's operators, 13 to 21; 0 means 17.
	Opset int
	// Metadata are entries for the file, beside those of the check.
	Metadata map[string]string
	// Tolerance and RelativeTolerance bound the difference between ONNX Runtime and
	// libtorch: no element may differ by more than Tolerance plus RelativeTolerance
	// times the largest absolute value of the output. Where both are 0 they are
	// those of torch.testing.assert_close for float32, 1e-5 and 1.3e-6; the
	// relative one is 1e-3 for float16 and 1.6e-2 for bfloat16. Integers and
	// booleans must be equal. With other Weights than Float32 the network is compared
	// before and after they are rounded; where both are 0, the second comparison has a
	// relative one of 1e-2 for Float16 and 1e-1 for Int8.
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
	maxOpset     = 21
	defaultOpset = 17
)

// irVersion returns the version of the file format that came with an opset.
func irVersion(opset int) int64 {
	switch {
	case opset <= 14:
		return 7
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	}
	return 10
}

// Input is an input of a network.
type Input struct {
	Name string // in the file
	// Example is a value of the input, on the network's device. The file has its type
	// and, but for the dimensions in Axes, its shape. Its smallest and largest element
	// bound the values that the check draws; bools, and numbers where some are infinite,
	// are drawn from its elements.
	Example *torch.Tensor
	// Axes names the dimensions whose size is free, by their number: {0: "batch", 1:
	// "time"}. One name is one size, in all inputs. "8*height" is a size that is a
	// multiple of 8. Besides the example's, larger sizes are tried, up to twice as large
	// or larger by 5.
	Axes map[int]string
}

// exporter is an export in progress.
type exporter struct {
	Signature // with Inputs and Outputs, also where the caller gave one of each
	plain     bool
	model     any
	f         func([]*torch.Tensor) []*torch.Tensor
	axes      []freeAxis
	free      []symbol
	taken     map[string]bool // names in the file
	// learned has the constants that are of the state dict, or computed from it, with
	// the number of leading dimensions that count rows: 2 for gates of several directions.
	learned map[string]int
	stored  torch.DType // of the weights in the file
}

// freeAxis is a dimension of an input, whose size is a multiple of a free one.
type freeAxis struct{ input, axis, times, of int }

// symbol is a free size, with its value in the examples and the values that it is traced at.
type symbol struct {
	name    string
	example int
	traced  [3]int
}

// traceSizes are the sizes of a batch at which a network is traced. None is 1, because
// PyTorch treats dimensions of size 1 differently. See [exporter.points].
var traceSizes = [3]int{3, 5, 8}

// point is a value for each free size.
type point []int

// batchName is the free dimension's name in a file without Inputs.
const batchName = "batch_size"

// axisName matches the name of a free size, and the number that multiplies it.
var axisName = regexp.MustCompile(`^(?:([1-9][0-9]{0,8})\*)?([A-Za-z_][A-Za-z_0-9]*)$`)

// newExporter checks the signature of a network and sets its defaults.
func newExporter(model any, f func([]*torch.Tensor) []*torch.Tensor, s Signature) (*exporter, error) {
	e := &exporter{Signature: s, plain: len(s.Inputs) == 0 && len(s.Outputs) == 0, model: model, f: f}
	e.Opset = cmp.Or(s.Opset, defaultOpset)
	switch {
	case e.Opset < minOpset || e.Opset > maxOpset:
		return nil, fmt.Errorf("opset %d: %d to %d can be written", e.Opset, minOpset, maxOpset)
	case s.Weights != torch.Float32 && s.Weights != torch.Float16 && s.Weights != torch.Int8:
		return nil, fmt.Errorf("weights in %s: a file has them in float32, float16 or int8", s.Weights)
	case !(s.Tolerance >= 0) || !(s.RelativeTolerance >= 0):
		return nil, fmt.Errorf("a tolerance of %v and a relative one of %v: neither may be negative", s.Tolerance, s.RelativeTolerance)
	case e.plain:
		e.Inputs = []Input{{cmp.Or(s.Input, "input"), s.Example, map[int]string{s.BatchAxis: batchName}}}
		e.Outputs = []string{cmp.Or(s.Output, "output")}
	case len(s.Inputs) == 0 || len(s.Outputs) == 0 || s.Input != "" || s.Output != "" || s.Example != nil || s.BatchAxis != 0:
		return nil, errors.New("Signature needs either Inputs and Outputs, or Example with Input, Output and BatchAxis")
	}
	taken := map[string]bool{}
	for _, name := range e.names() {
		switch {
		case !utf8.ValidString(name) || name == "":
			return nil, fmt.Errorf("the names of inputs and outputs must be UTF-8 and not empty: %q", name)
		case taken[name]:
			return nil, fmt.Errorf("two inputs or outputs are both called %q", name)
		}
		taken[name] = true
	}
	for i, in := range e.Inputs {
		if err := e.addInput(i); err != nil {
			return nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
	}
	for key, value := range s.Metadata {
		switch {
		case key == checkKey || key == weightsKey:
			return nil, fmt.Errorf("metadata %q is written by the exporter; choose another key", key)
		case !utf8.ValidString(key + value):
			return nil, fmt.Errorf("metadata %q must be UTF-8", key)
		}
	}
	return e, nil
}

// names returns the names of the inputs and outputs.
func (e *exporter) names() []string {
	return slices.Concat(collect(e.Inputs, func(in Input) string { return in.Name }), e.Outputs)
}

// addInput checks an input and adds its free dimensions.
func (e *exporter) addInput(i int) error {
	x := e.Inputs[i].Example
	if x == nil {
		return errors.New("Example is missing: an input of the network")
	}
	shape, axes := x.Shape(), e.Inputs[i].Axes
	for _, axis := range slices.Sorted(maps.Keys(axes)) {
		if axis < 0 || axis >= len(shape) {
			what := map[bool]string{true: "BatchAxis", false: "axis"}[e.plain]
			return fmt.Errorf("%s %d: Example has the shape %v, whose dimensions are numbered from 0", what, axis, shape)
		}
		m := axisName.FindStringSubmatch(axes[axis])
		if m == nil {
			return fmt.Errorf("axis %d: the name %q is none of letters, digits and _, perhaps with a number and * in front", axis, axes[axis])
		}
		times, _ := strconv.Atoi(cmp.Or(m[1], "1"))
		if shape[axis]%times != 0 {
			return fmt.Errorf("axis %d is %s, and Example has the size %d", axis, m[0], shape[axis])
		}
		of, err := e.symbol(m[2], shape[axis]/times)
		if err != nil {
			return fmt.Errorf("axis %d: %w", axis, err)
		}
		e.axes = append(e.axes, freeAxis{i, axis, times, of})
	}
	if x.Numel() == 0 {
		return fmt.Errorf("the shape of Example, %v, holds no element", shape)
	}
	bad := notFinite(x)
	if bad > 0 && !e.plain { // a mask may hold infinities, which Clamp takes away
		torch.Scope(func() { bad = notFinite(x.Detach().Clamp(-1, 1)) })
	}
	if bad > 0 {
		return fmt.Errorf("%d of the %d elements of Example are not finite: give an input that the network is meant for", bad, x.Numel())
	}
	return nil
}

// symbol returns the number of a free size, which an example has at n.
func (e *exporter) symbol(name string, n int) (int, error) {
	first := max(n, traceSizes[0])
	if e.plain {
		first = traceSizes[0]
	}
	for k, s := range e.free {
		switch {
		case s.name == name && s.example != n:
			return 0, fmt.Errorf("%s is %d here and %d in another place", name, n, s.example)
		case s.name == name:
			return k, nil
		case s.traced[0] == first:
			first++ // equal sizes could be taken for one
		}
	}
	e.free = append(e.free, symbol{name, n, [3]int{
		first, first + traceSizes[1] - traceSizes[0], max(2*first+1, first+traceSizes[2]-traceSizes[0]),
	}})
	return len(e.free) - 1, nil
}

// checkKey is the metadata entry that holds the check, as JSON:
// {"onnxruntime": "1.32.0", "libtorch": "2.15.0", "tolerance": 1e-05,
// "relative_tolerance": 1.3e-06, "max_abs_diff": {"1": …, "7": …, "64": …, "example": …}}.
const checkKey = "etude.check"

// weightsKey is the metadata entry that holds [Signature].Weights, "float16" or "int8".
const weightsKey = "etude.weights"

// call computes the outputs.
func (e *exporter) call(inputs []*torch.Tensor) []*torch.Tensor {
	out := e.f(inputs)
	if len(out) != len(e.Outputs) || slices.Contains(out, nil) {
		fail.With("the network returns %d tensors, or nil, and Signature names %d outputs", len(out), len(e.Outputs))
	}
	return out
}

// at returns inputs of some sizes, which repeat the elements of the examples.
func (e *exporter) at(p point) []*torch.Tensor {
	xs := collect(e.Inputs, func(in Input) *torch.Tensor { return in.Example.Detach() })
	for _, a := range e.axes {
		x, index := xs[a.input], make([]int64, a.times*p[a.of])
		for i := range index {
			index[i] = int64(i % x.Size(a.axis))
		}
		xs[a.input] = x.IndexSelect(a.axis, torch.FromSlice(index).To(x.Device()))
	}
	return xs
}

// text names the sizes at a point.
func (e *exporter) text(p point) string {
	parts := collect(e.free, func(s symbol) string { return s.name })
	for k := range parts {
		parts[k] += fmt.Sprint(" ", p[k])
	}
	return strings.Join(parts, ", ")
}

// notFinite counts the elements of t that are infinite or not a number.
func notFinite(t *torch.Tensor) int {
	n := 0
	if t.DType().IsFloating() {
		torch.Scope(func() { n = t.Numel() - int(t.Detach().IsFinite().Sum().Item()) })
	}
	return n
}
