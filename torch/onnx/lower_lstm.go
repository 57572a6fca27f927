// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// gateOrder lists PyTorch's gates (input, forget, cell, output) in ONNX's order
// (input, output, forget, cell).
var gateOrder = [4]int{0, 3, 1, 2}

// lowerLSTM writes one LSTM node a layer. ONNX Runtime wants the sequence
// dimension first, so a batch_first one is transposed around them. A zero initial
// state, which is ONNX's default, is not written, because it depends on the batch.
func lowerLSTM(c *call) {
	x := c.tensor("input")
	layers, bidirectional, batchFirst := c.int("num_layers"), c.bool("bidirectional"), c.bool("batch_first")
	if len(x.shape) != 3 {
		fail.With("%s: an input of %d dimensions; only [sequence, batch, features] can be exported", c.node.Op, len(x.shape))
	}
	if c.bool("train") && c.number("dropout") != 0 && layers > 1 {
		fail.With("%s is in training mode, with dropout between its layers: put the network into evaluation mode", c.node.Op)
	}
	w := c.lstmWeights(layers, bidirectional, c.bool("has_biases"))
	c.label = w.prefix
	state := c.tensors("hx")
	if len(state) != 2 {
		fail.With("%s: an initial state of %d tensors; h0 and c0 are needed", c.node.Op, len(state))
	}

	in := c.in(x)
	if batchFirst {
		in = c.add("Transpose", []string{in}, attrInts("perm", 1, 0, 2))
	}
	direction := "forward"
	if bidirectional {
		direction = "bidirectional"
	}
	keep := []bool{true, c.wanted(1), c.wanted(2)}
	var last [2][]string // of each layer, h and c
	for k := range layers {
		inputs := []string{in, w.write(c, "W", k), w.write(c, "R", k), w.write(c, "B", k), "",
			c.layerState(state[0], k, layers, w.directions), c.layerState(state[1], k, layers, w.directions)}
		out := c.emit(c.label, "LSTM", inputs, keep, attrInt("hidden_size", w.hidden), attrString("direction", direction))
		in = c.joinDirections(out[0], w.directions)
		last[0], last[1] = append(last[0], out[1]), append(last[1], out[2])
	}
	if batchFirst {
		in = c.add("Transpose", []string{in}, attrInts("perm", 1, 0, 2))
	}
	c.set(0, in)
	for i := range 2 {
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
		return c.add("Squeeze", []string{y, c.vector(1)})
	}
	y = c.add("Transpose", []string{y}, attrInts("perm", 0, 2, 1, 3))
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

// lstmWeights are the parameters of an LSTM, for each layer and direction
// weight_ih, weight_hh and with biases bias_ih, bias_hh.
type lstmWeights struct {
	params     []*value
	prefix     string
	layers     int
	directions int
	each       int // parameters of one layer and direction
	hidden     int
}

func (c *call) lstmWeights(layers int, bidirectional, biases bool) *lstmWeights {
	w := &lstmWeights{params: c.tensors("params"), layers: layers, directions: 1, each: 2}
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

// write adds a layer's weights as ONNX has them: W [directions, 4·hidden, in],
// R [directions, 4·hidden, hidden], B [directions, 8·hidden], where B holds
// bias_ih and bias_hh one after the other.
func (w *lstmWeights) write(c *call, kind string, layer int) string {
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
			raw = append(raw, reorderGates(c.elements(p))...)
			key += storageKey(c.elements(p))
			if d == 0 && o == 0 || d == 0 && o == 1 {
				dims = append(dims, 4*w.hidden, p.shape[1].fixed)
			}
		}
	}
	if kind == "B" {
		dims = append(dims, 8*w.hidden)
	}
	if c.written[key] == "" {
		c.written[key] = c.initializer(name, w.params[0].dtype, dims, raw)
	}
	return c.written[key]
}

// reorderGates returns the elements with the four blocks of rows in ONNX's order.
func reorderGates(t *torch.Tensor) []byte {
	raw := t.Bytes()
	n := len(raw) / 4
	out := make([]byte, 0, len(raw))
	for _, g := range gateOrder {
		out = append(out, raw[g*n:(g+1)*n]...)
	}
	return out
}
