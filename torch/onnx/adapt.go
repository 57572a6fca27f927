// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// The wrapper of ONNX Runtime makes no scalars of float16 and bfloat16, and reads no results
// of these types. So the model that ONNX Runtime gets has more nodes than the file where it
// has such: they cast the input from float32 and the output to it, which is exact.

// wideName names what replaces an input or output.
func wideName(name string) string { return "etude:wide:" + name }

// isHalf reports whether an output is to be float32 instead of one of the two types. Before
// opset 6, Cast has another form, and nothing is added.
func (m *Model) isHalf(v Value) bool {
	return m.Opset >= 6 && (v.DType == torch.Float16.String() || v.DType == torch.BFloat16.String())
}

// widened reports whether an input comes in as float32.
func (m *Model) widened(v Value) bool { return m.isHalf(v) && len(v.Shape) == 0 }

// adapt returns the bytes of a model with the nodes that its inputs and outputs
// need, and the names to run it with.
func adapt(data []byte, m *Model) (adapted []byte, inputs, outputs []string) {
	// Protobuf merges messages that follow each other in a file. So the nodes of first
	// come before those of the file, and the nodes of last after them.
	first, last := &pb.Graph{}, &pb.Graph{}
	cast := func(from, to string, kind pb.DataType) []*pb.Node {
		return []*pb.Node{{OpType: "Cast", Inputs: []string{from}, Outputs: []string{to}, Attributes: []attribute{attrInt("to", int(kind))}}}
	}
	inputs, outputs = names(m.Inputs), names(m.Outputs)
	var in, out []string
	for i, v := range m.Inputs {
		if !m.widened(v) {
			continue
		}
		inputs[i], in = wideName(v.Name), append(in, v.Name)
		shape := &pb.Shape{}
		if v.AnyShape {
			shape = nil
		}
		first.Inputs = append(first.Inputs, pb.NewValue(inputs[i], pb.Float, shape))
		first.Nodes = append(first.Nodes, cast(inputs[i], v.Name, pb.DataTypeOf(v.DType))...)
	}
	for i, v := range m.Outputs {
		if m.isHalf(v) {
			outputs[i], out = wideName(":"+v.Name), append(out, v.Name)
			last.Nodes = append(last.Nodes, cast(v.Name, outputs[i], pb.Float)...)
			last.Outputs = append(last.Outputs, pb.NewValue(outputs[i], pb.Float, nil))
		}
	}
	if len(in)+len(out) == 0 {
		return data, inputs, outputs
	}
	pieces := [][]byte{(&pb.Model{Graph: first}).Marshal()}
	pieces = append(pieces, without(data, in, out)...)
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
