// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// The wrapper of ONNX Runtime cannot carry every tensor: it makes no scalars of
// float16 and bfloat16, and of results it reads neither scalars nor those two
// types. An output may also be a scalar although the model declares another shape.
// So the model that ONNX Runtime gets has more nodes than the file: they cast such an
// input from float32, and turn an output into one row of elements, of float32 instead
// of the two types, and its shape. Each of these steps is exact.

// flatName and shapeName name the two outputs that replace one of the model, and
// wideName names the input that replaces one.
func flatName(name string) string  { return "etude:flat:" + name }
func shapeName(name string) string { return "etude:shape:" + name }
func wideName(name string) string  { return "etude:wide:" + name }

// adapted reports whether nodes are added. Models before opset 5, where operators have
// other forms, are not changed.
func (m *Model) adapted() bool { return m.Opset >= 5 }

func isHalf(v Value) bool {
	return v.DType == torch.Float16.String() || v.DType == torch.BFloat16.String()
}

// widened reports whether an input comes in as float32.
func (m *Model) widened(v Value) bool { return m.adapted() && isHalf(v) && len(v.Shape) == 0 }

// adapt returns the bytes of a model with the nodes that its inputs and outputs
// need, and the names to run it with.
func adapt(data []byte, m *Model) (adapted []byte, inputs, outputs []string) {
	if !m.adapted() {
		return data, names(m.Inputs), names(m.Outputs)
	}
	// Protobuf merges messages that follow each other in a file. So the nodes of first
	// come before those of the file, and the nodes of last after them.
	first, last := &pb.Graph{}, &pb.Graph{}
	node := func(op, input, output string, attributes ...attribute) *pb.Node {
		return &pb.Node{OpType: op, Inputs: []string{input}, Outputs: []string{output}, Attributes: attributes}
	}
	var widened []string
	for _, v := range m.Inputs {
		if !m.widened(v) {
			inputs = append(inputs, v.Name)
			continue
		}
		inputs, widened = append(inputs, wideName(v.Name)), append(widened, v.Name)
		shape := &pb.Shape{}
		if v.AnyShape {
			shape = nil
		}
		first.Inputs = append(first.Inputs, pb.NewValue(wideName(v.Name), pb.Float, shape))
		first.Nodes = append(first.Nodes, node("Cast", wideName(v.Name), v.Name, attrInt("to", int(pb.DataTypeOf(v.DType)))))
	}
	row := &pb.Tensor{DataType: pb.Int64, Dims: []int64{1}, Raw: bytesOf([]int64{-1})}
	last.Nodes = append(last.Nodes, &pb.Node{
		OpType: "Constant", Outputs: []string{flatName("")}, Attributes: []attribute{{Name: "value", Type: pb.AttrTensor, Tensor: row}},
	})
	for _, v := range m.Outputs {
		outputs = append(outputs, flatName(v.Name), shapeName(v.Name))
		from, kind := v.Name, pb.DataTypeOf(v.DType)
		if isHalf(v) {
			from, kind = wideName(":"+v.Name), pb.Float
			last.Nodes = append(last.Nodes, node("Cast", v.Name, from, attrInt("to", int(pb.Float))))
		}
		flat := node("Reshape", from, flatName(v.Name))
		flat.Inputs = append(flat.Inputs, flatName(""))
		last.Nodes = append(last.Nodes, flat, node("Shape", v.Name, shapeName(v.Name)))
		last.Outputs = append(last.Outputs,
			pb.NewValue(flatName(v.Name), kind, &pb.Shape{Dims: []pb.Dim{{}}}),
			pb.NewValue(shapeName(v.Name), pb.Int64, &pb.Shape{Dims: []pb.Dim{{}}}))
	}
	// The declared shapes of outputs go, because ONNX Runtime would trust them.
	pieces := [][]byte{(&pb.Model{Graph: first}).Marshal()}
	pieces = append(pieces, without(data, widened, names(m.Outputs))...)
	return slices.Concat(append(pieces, (&pb.Model{Graph: last}).Marshal())...), inputs, outputs
}

func names(vs []Value) []string { return collect(vs, func(v Value) string { return v.Name }) }

// without returns the pieces of a model's bytes without some inputs and outputs of
// its graph, which becomes several messages. The bytes are well formed, because they
// were decoded before.
func without(data []byte, inputs, outputs []string) (pieces [][]byte) {
	const graphField, inputField, outputField, nameField = 7, 11, 12, 1
	named := func(value []byte, names []string) (found bool) {
		eachField(value, func(field protowire.Number, _, value []byte) {
			found = found || field == nameField && slices.Contains(names, string(value))
		})
		return found
	}
	eachField(data, func(field protowire.Number, whole, graph []byte) {
		if field != graphField {
			pieces = append(pieces, whole)
			return
		}
		kept, at := 0, 0 // where the part that is kept begins, and the field at hand
		keep := func() {
			header := protowire.AppendTag(nil, graphField, protowire.BytesType)
			pieces = append(pieces, protowire.AppendVarint(header, uint64(at-kept)), graph[kept:at])
		}
		eachField(graph, func(field protowire.Number, whole, value []byte) {
			if field == inputField && named(value, inputs) || field == outputField && named(value, outputs) {
				keep()
				kept = at + len(whole)
			}
			at += len(whole)
		})
		keep()
	})
	return pieces
}

// eachField calls f for each field of a message, with its bytes and, where it is a
// string or a message, the value's.
func eachField(message []byte, f func(field protowire.Number, whole, value []byte)) {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeField(message)
		if n < 0 {
			return
		}
		_, _, tag := protowire.ConsumeTag(message)
		var value []byte
		if kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(message[tag:n])
		}
		f(field, message[:n], value)
		message = message[n:]
	}
}
