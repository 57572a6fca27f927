// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// recurrentKind is a kind of recurrent layer.
type recurrentKind struct {
	op         string
	order      []int // of PyTorch's gates, as ONNX has them
	states     []string
	attributes []attribute
}

// PyTorch's gates are input, forget, cell, output; and reset, update, new.
var (
	lstmKind = recurrentKind{"LSTM", []int{0, 3, 1, 2}, []string{"h0", "c0"}, nil}
	gruKind  = recurrentKind{"GRU", []int{1, 0, 2}, []string{"h0"}, []attribute{attrInt("linear_before_reset", 1)}}
	rnnKind  = recurrentKind{"RNN", []int{0}, []string{"h0"}, nil}
)

// lower writes one node a layer. ONNX Runtime wants the sequence dimension first, so a
// batch_first one is transposed around them. A zero initial state, which is ONNX's default,
// is not written, because it depends on the batch.
func (kind recurrentKind) lower(c *call) {
	x := c.tensor("input")
	layers, bidirectional, batchFirst := c.int("num_layers"), c.bool("bidirectional"), c.bool("batch_first")
	if len(x.shape) != 3 {
		fail.With("%s: an input of %d dimensions; only [sequence, batch, features] can be exported", c.node.Op, len(x.shape))
	}
	if c.bool("train") && c.number("dropout") != 0 && layers > 1 {
		fail.With("%s is in training mode, with dropout between its layers: put the network into evaluation mode", c.node.Op)
	}
	w := c.recurrentWeights(kind.order, layers, bidirectional, c.bool("has_biases"))
	c.label = w.prefix
	state := c.tensors("hx")
	if h := c.optional("hx"); h != nil {
		state = []*value{h}
	}
	if len(state) != len(kind.states) {
		fail.With("%s: an initial state of %d tensors; %s are needed", c.node.Op, len(state), strings.Join(kind.states, " and "))
	}

	in := c.in(x)
	if batchFirst {
		in = c.transpose(in, 1, 0, 2)
	}
	direction := "forward"
	if bidirectional {
		direction = "bidirectional"
	}
	keep := []bool{true}
	for i := range state {
		keep = append(keep, c.wanted(i+1))
	}
	attributes := append([]attribute{attrInt("hidden_size", w.hidden), attrString("direction", direction)}, kind.attributes...)
	if c.node.Op == "aten::rnn_relu" {
		attributes = append(attributes, attrStrings("activations", slices.Repeat([]string{"Relu"}, w.directions)...))
	}
	last := make([][]string, len(state)) // of each layer
	for k := range layers {
		inputs := []string{in, w.write(c, "W", k), w.write(c, "R", k), w.write(c, "B", k), ""}
		for _, s := range state {
			inputs = append(inputs, c.layerState(s, k, layers, w.directions))
		}
		out := c.emit(c.label, kind.op, inputs, keep, attributes...)
		in = c.joinDirections(out[0], w.directions)
		for i := range state {
			last[i] = append(last[i], out[i+1])
		}
	}
	if batchFirst {
		in = c.transpose(in, 1, 0, 2)
	}
	c.set(0, in)
	for i := range state {
		switch {
		case !c.wanted(i + 1):
		case layers == 1:
			c.set(i+1, last[i][0])
		default:
			c.set(i+1, c.add("Concat", last[i], attrInt("axis", 0)))
		}
	}
}

// joinDirections reshapes [sequence, directions, batch, hidden] to
// [sequence, batch, directions·hidden].
func (c *call) joinDirections(y string, directions int) string {
	if directions == 1 {
		return c.squeeze(y, 1)
	}
	y = c.transpose(y, 0, 2, 1, 3)
	return c.add("Reshape", []string{y, c.vector(0, 0, -1)})
}

// layerState returns one layer's part of h0 or c0, "" for zeros.
func (c *call) layerState(v *value, layer, layers, directions int) string {
	switch {
	case v.zero:
		return ""
	case layers == 1:
		return c.in(v)
	}
	return c.add("Slice", []string{
		c.in(v), c.vector(layer * directions), c.vector((layer + 1) * directions), c.vector(0),
	})
}

// recurrentWeights are the parameters of a recurrent layer, for each layer and direction
// weight_ih, weight_hh and with biases bias_ih, bias_hh.
type recurrentWeights struct {
	order      []int
	params     []*value
	prefix     string
	layers     int
	directions int
	each       int // parameters of one layer and direction
	hidden     int
}

func (c *call) recurrentWeights(order []int, layers int, bidirectional, biases bool) *recurrentWeights {
	w := &recurrentWeights{order: order, params: c.tensors("params"), layers: layers, directions: 1, each: 2}
	if bidirectional {
		w.directions = 2
	}
	if biases {
		w.each = 4
	}
	if len(w.params) != layers*w.directions*w.each {
		fail.With("%s: %d parameters where %d were expected; projections cannot be exported", c.node.Op, len(w.params), layers*w.directions*w.each)
	}
	for _, p := range w.params {
		if !p.constant() {
			fail.With("%s: a weight is computed from the input, which cannot be exported", c.node.Op)
		}
	}
	w.prefix = prefix(w.params[0].label)
	w.hidden = w.params[1].shape[1].fixed
	return w
}

// write adds a layer's weights as ONNX has them, for n gates: W [directions, n·hidden, in],
// R [directions, n·hidden, hidden], B [directions, 2·n·hidden], where B holds
// bias_ih and bias_hh one after the other.
func (w *recurrentWeights) write(c *call, kind string, layer int) string {
	offsets := map[string][]int{"W": {0}, "R": {1}, "B": {2, 3}}[kind]
	if kind == "B" && w.each == 2 {
		return ""
	}
	name := kind
	if w.prefix != "" {
		name = w.prefix + "." + kind
	}
	if w.layers > 1 {
		name += fmt.Sprintf("_l%d", layer)
	}
	var raw []byte
	dims := []int{w.directions}
	key := kind // of the weights: a layer that is called twice has them once
	for d := range w.directions {
		for _, o := range offsets {
			p := w.params[(layer*w.directions+d)*w.each+o]
			raw = append(raw, reorderGates(c.elements(p), w.order)...)
			key += storageKey(c.elements(p))
			if d == 0 && o == 0 || d == 0 && o == 1 {
				dims = append(dims, len(w.order)*w.hidden, p.shape[1].fixed)
			}
		}
	}
	if kind == "B" {
		dims = append(dims, 2*len(w.order)*w.hidden)
	}
	if c.written[key] == "" {
		c.written[key] = c.initializer(name, w.params[0].dtype, dims, raw)
		if kind != "B" && w.params[0].learned {
			c.p.learned[c.written[key]] = 2
		}
	}
	return c.written[key]
}

// reorderGates returns the elements with the blocks of rows in ONNX's order.
func reorderGates(t *torch.Tensor, order []int) []byte {
	raw := t.Bytes()
	n := len(raw) / len(order)
	out := make([]byte, 0, len(raw))
	for _, g := range order {
		out = append(out, raw[g*n:(g+1)*n]...)
	}
	return out
}

// gates writes x·Wᵀ + b for an input and a state, and takes both apart into n gates.
func (c *call) gates(state *value, n int) (input, hidden []string) {
	w := c.parameter("w_ih")
	width := size{fixed: c.fixed(w.sizeAt(0), "w_ih") / n}
	apart := func(x *value, weight, bias string) []string {
		y := c.add("MatMul", []string{c.in(x), c.transpose(c.in(c.tensor(weight)), 1, 0)})
		if b := c.optional(bias); b != nil {
			y = c.add("Add", []string{y, c.in(b)})
		}
		if n == 1 {
			return []string{y}
		}
		return c.split(y, len(x.shape)-1, slices.Repeat([]size{width}, n)...)
	}
	return apart(c.tensor("input"), "w_ih", "b_ih"), apart(state, "w_hh", "b_hh")
}

// lowerCell writes one step of an RNN.
func lowerCell(activation string) lowering {
	return func(c *call) {
		i, h := c.gates(c.tensor("hx"), 1)
		c.put(activation, []string{c.add("Add", []string{i[0], h[0]})})
	}
}

func lowerGRUCell(c *call) {
	i, h := c.gates(c.tensor("hx"), 3)
	known := map[string]string{"ir": i[0], "iz": i[1], "in": i[2], "hr": h[0], "hz": h[1], "hn": h[2]}
	d := c.dtypeOf(0)
	known["n"] = c.formula(d, "Tanh(in + Sigmoid(ir + hr) * hn)", known)
	c.set(0, c.formula(d, "n + Sigmoid(iz + hz) * (hx - n)", known))
}

func lowerLSTMCell(c *call) {
	state := c.tensors("hx")
	i, h := c.gates(state[0], 4)
	known := map[string]string{"c": c.in(state[1])}
	for k, name := range []string{"i", "f", "g", "o"} {
		known[name] = c.add("Add", []string{i[k], h[k]})
	}
	d := c.dtypeOf(0)
	known["next"] = c.formula(d, "Sigmoid(f) * c + Sigmoid(i) * Tanh(g)", known)
	c.set(0, c.formula(d, "Sigmoid(o) * Tanh(next)", known))
	c.set(1, known["next"])
}
