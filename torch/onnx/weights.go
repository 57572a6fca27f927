// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

// weightInputs has the inputs of operators that are weights. Biases and the weights of norms
// are not among them: they are small.
var weightInputs = map[string][]int{
	"Conv": {1}, "ConvTranspose": {1}, "Einsum": {0, 1, 2}, "Gather": {0}, "Gemm": {0, 1}, "GRU": {1, 2}, "LSTM": {1, 2},
	"MatMul": {0, 1}, "RNN": {1, 2},
}

// leastSaved is how many bytes a weight has to save: its nodes and their names take about
// as many.
const leastSaved = 256

// shrink stores the weights of a file as e.Weights.
//
// The nodes that turn them into float32 again are Cast and, for int8, Mul. These do what
// DequantizeLinear does, to the bit, but ONNX Runtime computes them once, when it loads the
// file, and DequantizeLinear at every run: 27 µs instead of 64 for an EmotionRecognizer.
// DynamicQuantizeLinear and MatMulInteger round the inputs of layers as well, by the largest
// one in the batch: the answer to an input then depends on its neighbours, and its error is
// twice as large.
func (e *exporter) shrink(g *pb.Graph) error {
	return scoped(func() {
		nodes := g.Nodes
		g.Nodes = nil
		w := &emitter{opset: e.Opset, graph: g, taken: e.taken}
		wide := map[string]string{} // the float32 values of weights
		for _, t := range slices.Clone(g.Initializers) {
			if leading := e.learned[t.Name]; t.DataType == pb.Float && leading > 0 && isWeight(nodes, t.Name) {
				wide[t.Name] = cmp.Or(w.shrink(t, leading, e.Weights), t.Name)
			}
		}
		if len(g.Nodes) == 0 {
			fail.With("no weight in it is smaller in %s: layers multiply by no float32 tensor of some hundred elements", e.Weights)
		}
		for _, n := range nodes {
			for i, name := range n.Inputs {
				n.Inputs[i] = cmp.Or(wide[name], name)
			}
		}
		g.Nodes = append(g.Nodes, nodes...)
		verify(g)
	})
}

// isWeight reports whether a tensor, transposed or not, is used as a weight only.
func isWeight(nodes []*pb.Node, name string) bool {
	used := false
	for _, n := range nodes {
		for i, input := range n.Inputs {
			switch {
			case input != name:
			case slices.Contains(weightInputs[n.OpType], i), n.OpType == "Transpose" && isWeight(nodes, n.Outputs[0]):
				used = true
			default:
				return false
			}
		}
	}
	return used
}

// shrink stores t as type d, with a scale for each index of the leading dimensions, and
// returns the name of the float32 tensor that stands for it; "" where that saves nothing.
//
// Numbers are rounded to even. The scales of int8 are those of ONNX Runtime's quantize_dynamic
// for symmetric weights (quant_utils.compute_scale_zp): the largest absolute value of a row is
// ±127, and the zero point 0; the integers are QuantizeLinear's. A scale for each row costs
// 1 % of the bytes, and the outputs of the five networks are closer by a third than with one
// for each tensor.
func (e *emitter) shrink(t *pb.Tensor, leading int, d torch.DType) string {
	scales, rows := integers[int](t.Dims), 1
	for i := range scales {
		if i >= leading {
			scales[i] = 1
		}
		rows *= scales[i]
	}
	size := len(t.Raw) / torch.Float32.Size() * d.Size()
	if d == torch.Int8 {
		size += rows * torch.Float32.Size()
	}
	if len(t.Raw)-size < leastSaved {
		return ""
	}
	x := torch.FromBytes(t.Raw, torch.Float32, rows, len(t.Raw)/torch.Float32.Size()/rows)
	largest, limit := x.Abs().Amax([]int{1}, true), map[torch.DType]float64{torch.Float16: 65504, torch.Int8: math.MaxFloat32}[d]
	if m := largest.Max().Item(); !(m <= limit) {
		fail.With("%s has the element %g, and the weights of a file in %s are numbers up to %g: keep float32", t.Name, m, d, limit)
	}
	scale := ""
	if d == torch.Int8 {
		s := largest.DivScalar(127)
		s = s.MaskedFill(s.LtScalar(0x1p-126), 1) // a row of zeros
		x = x.Div(s).Round()
		scale = e.initializer(t.Name+"_scale", torch.Float32, scales, s.Bytes())
	}
	t.DataType, t.Raw = elementCode(d), x.ToDType(d).Bytes()
	wide := e.op(prefix(t.Name), "Cast", []string{t.Name}, attrInt("to", int(pb.Float)))
	if scale != "" {
		wide = e.op(prefix(t.Name), "Mul", []string{wide, scale})
	}
	return wide
}
