// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// value is a tensor of the graph that is being written.
type value struct {
	shape []size
	dtype torch.DType
	name  string // in the file; "" for a constant that is not written yet
	// tensor holds a constant's elements; it is nil for a computed value.
	tensor *torch.Tensor
	// matrix is the constant that this one transposes: Gemm takes it untransposed.
	matrix *value
	zero   bool // every element is 0
	// parts is the tensor of the file that stands for complex numbers, which ONNX does not
	// have: its last dimension has the real and the imaginary part.
	parts string
	label string // a constant's name in the state dict
	// learned says that a constant is of the state dict, or computed from it.
	learned bool
}

func (v *value) constant() bool { return v.tensor != nil || v.matrix != nil }

// emitter writes nodes and initializers into a graph.
type emitter struct {
	p       *program
	opset   int
	graph   *pb.Graph
	taken   map[string]bool
	written map[string]string // constants: parameters by storage, numbers by value
	sizeOf  map[string]string // free sizes and those that are measured, int64 [1], by name
}

// unique returns name, with a number when it is taken.
func (e *emitter) unique(name string) string {
	free := name
	for i := 1; e.taken[free]; i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	e.taken[free] = true
	return free
}

// since has the opsets of operators that the oldest one lacks.
var since = map[string]int{
	"GridSample": 16, "LayerNormalization": 17, "STFT": 17, "BitwiseAnd": 18, "BitwiseOr": 18, "BitwiseXor": 18, "BitwiseNot": 18,
}

// emit adds a node and returns the names of its outputs. An output that keep does not
// want has the name "".
func (e *emitter) emit(label, op string, inputs []string, keep []bool, attributes ...attribute) []string {
	if since[op] > e.opset {
		fail.With("ONNX has %s from opset %d on, and the file has opset %d: set Signature.Opset", op, since[op], e.opset)
	}
	for len(inputs) > 0 && inputs[len(inputs)-1] == "" {
		inputs = inputs[:len(inputs)-1]
	}
	name := op
	if label != "" {
		name = label + "/" + op
	}
	n := &pb.Node{Name: e.unique(name), OpType: op, Inputs: inputs, Attributes: attributes}
	for i, k := range keep {
		out := ""
		switch {
		case k && len(keep) == 1:
			out = e.unique(n.Name + ".out")
		case k:
			out = e.unique(fmt.Sprintf("%s.out%d", n.Name, i))
		}
		n.Outputs = append(n.Outputs, out)
	}
	outputs := n.Outputs
	for len(n.Outputs) > 1 && n.Outputs[len(n.Outputs)-1] == "" {
		n.Outputs = n.Outputs[:len(n.Outputs)-1]
	}
	e.graph.Nodes = append(e.graph.Nodes, n)
	return outputs
}

var oneOutput = []bool{true}

// op adds a node with one output.
func (e *emitter) op(label, op string, inputs []string, attributes ...attribute) string {
	return e.emit(label, op, inputs, oneOutput, attributes...)[0]
}

type attribute = *pb.Attribute

func attrInt(name string, x int) attribute {
	return &pb.Attribute{Name: name, Type: pb.AttrInt, Int: int64(x)}
}

func attrFloat(name string, x float64) attribute {
	return &pb.Attribute{Name: name, Type: pb.AttrFloat, Float: float32(x)}
}

func attrString(name, s string) attribute {
	return &pb.Attribute{Name: name, Type: pb.AttrString, String: []byte(s)}
}

func attrStrings(name string, list ...string) attribute {
	return &pb.Attribute{Name: name, Type: pb.AttrStrings, Strings: collect(list, func(s string) []byte { return []byte(s) })}
}

func attrInts(name string, xs ...int) attribute {
	return &pb.Attribute{Name: name, Type: pb.AttrInts, Ints: integers[int64](xs)}
}

// dataTypes holds the types that ONNX and PyTorch share and that ONNX Runtime computes
// with.
var dataTypes = map[torch.DType]pb.DataType{
	torch.Float32: pb.Float, torch.Float64: pb.Double, torch.Float16: pb.Float16, torch.BFloat16: pb.BFloat16,
	torch.Int64: pb.Int64, torch.Int32: pb.Int32, torch.Int16: pb.Int16, torch.Int8: pb.Int8,
	torch.UInt8: pb.Uint8, torch.Bool: pb.Bool,
	torch.UInt16: pb.Uint16, torch.UInt32: pb.Uint32, torch.UInt64: pb.Uint64,
}

// elementCode returns ONNX's number of a type.
func elementCode(d torch.DType) pb.DataType {
	p, ok := dataTypes[d]
	if !ok {
		fail.With("ONNX has no elements of type %s", d)
	}
	return p
}

// initializer adds a constant under the name, or one like it.
func (e *emitter) initializer(name string, d torch.DType, dims []int, raw []byte) string {
	t := &pb.Tensor{Name: e.unique(name), DataType: elementCode(d), Dims: integers[int64](dims), Raw: raw}
	e.graph.Initializers = append(e.graph.Initializers, t)
	return t.Name
}

// once adds a constant that is named after its value, unless it is there already.
func (e *emitter) once(name string, d torch.DType, dims []int, raw []byte) string {
	if e.written[name] == "" {
		e.written[name] = e.initializer(name, d, dims, raw)
	}
	return e.written[name]
}

// scalar returns a constant without dimensions.
func (e *emitter) scalar(x float64, d torch.DType) string {
	var raw []byte
	torch.Scope(func() { raw = torch.Full(nil, x, torch.Options{DType: d}).Bytes() })
	return e.once(fmt.Sprintf("%s_%v", d, x), d, nil, raw)
}

// vector returns a constant list of int64.
func (e *emitter) vector(xs ...int) string {
	name := "list"
	for _, x := range xs {
		name += fmt.Sprintf("_%d", x)
	}
	return e.once(name, torch.Int64, []int{len(xs)}, bytesOf(integers[int64](xs)))
}

// sizes returns a list of int64 that may depend on free sizes.
func (e *emitter) sizes(xs ...size) string {
	if constant(xs) {
		return e.vector(collect(xs, func(s size) int { return s.fixed })...)
	}
	if len(xs) == 1 {
		return e.oneSize(xs[0])
	}
	return e.op("", "Concat", collect(xs, e.oneSize), attrInt("axis", 0))
}

func (e *emitter) oneSize(s size) string {
	if s.constant() {
		return e.vector(s.fixed)
	}
	x := ""
	for _, t := range e.p.forms[s.free].terms {
		product := ""
		for _, k := range t.sizes {
			if product == "" {
				product = e.freeSize(k)
			} else {
				product = e.op("", "Mul", []string{product, e.freeSize(k)})
			}
		}
		if t.factor != 1 {
			product = e.op("", "Mul", []string{product, e.vector(t.factor)})
		}
		if x == "" {
			x = product
		} else {
			x = e.op("", "Add", []string{x, product})
		}
	}
	if s.measured() {
		x = e.measured(s)
	}
	if s.fixed != 0 {
		x = e.op("", "Add", []string{x, e.vector(s.fixed)})
	}
	return x
}

// freeSize returns a free size as a list of one.
func (e *emitter) freeSize(k int) string {
	name := e.p.free[k].name
	if e.sizeOf[name] == "" {
		from := freeAxis{times: math.MaxInt}
		for _, a := range e.p.axes {
			if a.of == k && a.times < from.times {
				from = a
			}
		}
		label := strings.TrimSuffix(name, "_size")
		x := e.dimension(label, e.p.Inputs[from.input].Name, from.axis)
		if from.times > 1 {
			x = e.op(label, "Div", []string{x, e.vector(from.times)})
		}
		e.sizeOf[name] = x
	}
	return e.sizeOf[name]
}

// dimension returns the size of a tensor's dimension as a list of one.
func (e *emitter) dimension(label, tensor string, axis int) string {
	shape := e.op(label, "Shape", []string{tensor})
	return e.op(label, "Gather", []string{shape, e.vector(axis)}, attrInt("axis", 0))
}

// measure notes that a tensor of the file tells sizes that only a tensor can tell.
func (e *emitter) measure(name string, shape []size) {
	for axis, s := range shape {
		if f := e.p.forms[s.free]; s.measured() && f.tensor == "" {
			f.tensor, f.axis = name, axis
			e.p.forms[s.free] = f
		}
	}
}

func (e *emitter) measured(s size) string {
	f := e.p.forms[s.free]
	if f.tensor == "" {
		fail.With("%s is %s, and no tensor has a dimension of this size, so it cannot be exported. If a size is always a multiple of a number, let Input.Axes say so: \"2*height\"", f.what, e.p.describe(s))
	}
	if e.sizeOf[s.free] == "" {
		e.sizeOf[s.free] = e.dimension("", f.tensor, f.axis)
	}
	return e.sizeOf[s.free]
}

// filled returns a tensor of that shape with x everywhere.
func (e *emitter) filled(shape []size, d torch.DType, x float64) *value {
	v := &value{shape: shape, dtype: d, zero: x == 0}
	if constant(shape) {
		fixed := collect(shape, func(s size) int { return s.fixed })
		v.tensor = torch.Full(fixed, x, torch.Options{DType: d})
		return v
	}
	one := torch.Full([]int{1}, x, torch.Options{DType: d})
	element := &pb.Tensor{DataType: elementCode(d), Dims: []int64{1}, Raw: one.Bytes()}
	v.name = e.op("", "ConstantOfShape", []string{e.sizes(shape...)},
		&pb.Attribute{Name: "value", Type: pb.AttrTensor, Tensor: element})
	e.graph.ValueInfo = append(e.graph.ValueInfo, valueInfo(v.name, d, shape))
	e.measure(v.name, shape)
	return v
}

// in returns the name of a value, writing it first when it is a constant.
func (e *emitter) in(v *value) string {
	if v.name != "" {
		return v.name
	}
	switch {
	case v.matrix != nil:
		v.name = e.op(prefix(v.matrix.label), "Transpose", []string{e.in(v.matrix)}, attrInts("perm", 1, 0))
	case v.tensor != nil:
		v.name = e.constant(v)
	case v.parts != "":
		fail.With("ONNX has no complex numbers: of a spectrum only Real, Imag and Abs can be exported")
	default:
		fail.With("a value has no name: a defect of this exporter")
	}
	return v.name
}

// constant writes the elements of a constant, the same parameter only once.
func (e *emitter) constant(v *value) string {
	name, key := "constant", ""
	if v.label != "" {
		name = v.label
		key = storageKey(v.tensor)
		if have, ok := e.written[key]; ok {
			return have
		}
	}
	dims := v.tensor.Shape()
	have := e.initializer(name, v.dtype, dims, v.tensor.Bytes())
	if v.learned {
		e.p.learned[have] = 1
	}
	if key != "" {
		e.written[key] = have
	}
	return have
}

// storageKey returns a text that is the same for tensors that show the same elements.
func storageKey(t *torch.Tensor) string {
	s := t.Storage()
	return fmt.Sprint(s.ID, s.Offset, t.Shape(), t.Strides(), t.DType())
}

// prefix returns the layer of a parameter: "fc1" of "fc1.weight".
func prefix(label string) string {
	i := strings.LastIndexByte(label, '.')
	return label[:max(i, 0)]
}

// prune removes nodes and initializers that the outputs do not depend on.
func (e *emitter) prune() {
	need := map[string]bool{}
	for _, v := range e.graph.Outputs {
		need[v.Name] = true
	}
	for i := len(e.graph.Nodes) - 1; i >= 0; i-- {
		n := e.graph.Nodes[i]
		if slices.ContainsFunc(n.Outputs, func(s string) bool { return need[s] }) {
			for _, s := range n.Inputs {
				need[s] = true
			}
		}
	}
	unused := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(s string) bool { return s != "" && need[s] })
	}
	e.graph.Nodes = slices.DeleteFunc(e.graph.Nodes, func(n *pb.Node) bool { return unused(n.Outputs...) })
	e.graph.Initializers = slices.DeleteFunc(e.graph.Initializers, func(t *pb.Tensor) bool { return unused(t.Name) })
	e.graph.ValueInfo = slices.DeleteFunc(e.graph.ValueInfo, func(v *pb.ValueInfo) bool { return unused(v.Name) })
}

// valueInfo describes a value of the file.
func valueInfo(name string, d torch.DType, shape []size) *pb.ValueInfo {
	dims := collect(shape, func(s size) pb.Dim {
		switch {
		case s.constant():
			return pb.Dim{Value: new(int64(s.fixed))}
		case s.measured():
			return pb.Dim{}
		}
		return pb.Dim{Param: s.String()}
	})
	return pb.NewValue(name, elementCode(d), &pb.Shape{Dims: dims})
}
