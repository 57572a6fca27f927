// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// sorted writes the first n values of a sorted dimension and their places.
func (c *call) sorted(x, n string, axis int, descending bool) (values, places string) {
	out := c.emit(c.label, "TopK", []string{x, n}, []bool{true, true}, attrInt("axis", axis), attrInt("largest", flag(descending)))
	return out[0], out[1]
}

// lowerSort sorts a dimension, or gives its first values; argsort has the places only.
func lowerSort(c *call) {
	x, axis := c.tensor("self"), c.axis("dim", c.rank())
	n, descending := x.sizeAt(axis), c.bool("descending")
	if c.has("k") {
		n, descending = c.size("k"), c.bool("largest")
	}
	values, places := c.sorted(c.in(x), c.sizes(n), axis, descending)
	if len(c.node.Results) == 1 {
		c.set(0, places)
		return
	}
	c.set(0, values)
	c.set(1, places)
}

// lowerKth gives the k-th smallest value of a dimension, or the lower median, and its place.
// The median of all elements has no place.
func lowerKth(c *call) {
	x, axis := c.tensor("self"), 0
	in, axes := c.in(x), counted(c.rank())
	if c.has("dim") {
		axis = c.axis("dim", len(x.shape))
		axes = []int{axis}
	} else {
		in = c.flat(in)
	}
	var k string
	if c.has("k") {
		k = c.sizes(c.size("k"))
	} else {
		k = c.add("Div", []string{c.add("Add", []string{c.elementsAlong(x, axes), c.vector(1)}), c.vector(2)})
	}
	last := c.add("Sub", []string{k, c.vector(1)})
	values, places := c.sorted(in, k, axis, false)
	for i, v := range []string{values, places}[:len(c.node.Results)] {
		v = c.gather(v, last, axis)
		if !c.bool("keepdim") {
			v = c.squeeze(v, axis)
		}
		c.set(i, v)
	}
}

// lowerCumsum adds up along a dimension.
func lowerCumsum(c *call) {
	x := c.tensor("self")
	if len(x.shape) == 0 {
		c.alias(0, x)
		return
	}
	c.put("CumSum", []string{c.as(x, c.dtypeOf(0)), c.vector(c.axis("dim", len(x.shape)))})
}

// prefixes reduces all beginnings of a dimension: ONNX can add them up only. It compares
// each place with each other, so it is meant for short dimensions.
func prefixes(before string, rest float64, op, after string) lowering {
	return func(c *call) {
		x, d, rank := c.tensor("self"), c.dtypeOf(0), c.rank()
		axis := c.axis("dim", rank)
		n := x.sizeAt(axis)
		in := c.unsqueeze(c.moved(c.as(x, d), rank, axis, 1, rank-1), rank-1)
		mask := c.triangle(c.filled([]size{n, n}, torch.Float32, 1), 0, 0)
		known := map[string]string{"x": in, "mask": c.cast(mask, torch.Bool), "rest": c.scalar(rest, d)}
		known["x"] = c.formula(d, "Where(mask, x, rest)", known)
		known["m"] = c.reduced("ReduceMax", known["x"], true, rank)
		y := c.reduced(op, c.formula(d, before, known), true, rank)
		known["y"] = y
		back := func(y string) string {
			return c.moved(c.squeeze(y, rank), rank, rank-1, 1, axis)
		}
		c.set(0, back(c.formula(d, after, known)))
		if len(c.node.Results) > 1 && c.wanted(1) {
			place := strings.Replace(op, "Reduce", "Arg", 1)
			c.set(1, back(c.add(place, []string{known["x"]}, attrInt("axis", rank), attrInt("select_last_index", 1))))
		}
	}
}

// lowerSearchsorted counts the boundaries below each value. Boundaries of several dimensions
// stand beside the values of the same place.
func lowerSearchsorted(c *call) {
	x, b := c.tensor("self"), c.tensor(c.oneOf("boundaries", "sorted_sequence"))
	if c.has("sorter") {
		fail.With("%s: sorter cannot be exported; sort the values", c.node.Op)
	}
	d := promoted(x, b)
	known := map[string]string{"b": c.as(b, d), "x": c.unsqueeze(c.as(x, d), len(x.shape))}
	if n := len(b.shape); n > 1 {
		known["b"] = c.unsqueeze(known["b"], n-1)
	}
	text := "b < x"
	if c.bool("right") || c.string("side") == "right" {
		text = "b <= x"
	}
	c.set(0, c.reduced("ReduceSum", c.cast(c.formula(d, text, known), c.dtypeOf(0)), false, -1))
}

// lowerIsin reports which elements are among others.
func lowerIsin(c *call) {
	x, others := c.tensor("elements"), c.tensor("test_elements")
	d := promoted(x, others)
	known := map[string]string{"x": c.unsqueeze(c.as(x, d), len(x.shape)),
		"y": c.flat(c.as(others, d))}
	y := c.reduced("ReduceMax", c.cast(c.formula(d, "x == y", known), torch.Int32), false, -1)
	y = c.cast(y, torch.Bool)
	if c.bool("invert") {
		y = c.add("Not", []string{y})
	}
	c.set(0, y)
}
