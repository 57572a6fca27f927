// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// fill returns the lowering to a tensor with x everywhere.
func fill(x float64) lowering { return func(c *call) { c.fill(x) } }

// fillWith returns the lowering to a tensor with the value of an argument everywhere.
func fillWith(argument string) lowering {
	return func(c *call) { c.fill(c.number(argument)) }
}

func (c *call) fill(x float64) { c.alias(0, c.filled(c.shapeOf(0), c.dtypeOf(0), x)) }

// lowerArange counts with numbers that may depend on the batch.
func lowerArange(c *call) {
	bound := func(name string, fallback int) string {
		n := size{fixed: fallback}
		if c.has(name) {
			n = c.size(name)
		}
		return c.add("Squeeze", []string{c.sizes(n), c.vector(0)})
	}
	y := c.add("Range", []string{bound("start", 0), bound("end", 0), bound("step", 1)})
	c.set(0, c.as(&value{name: y, dtype: torch.Int64}, c.dtypeOf(0)))
}

// lowerLinspace writes as many equal steps as a free size has.
func lowerLinspace(c *call) {
	d, n := c.dtypeOf(0), c.shapeOf(0)[0]
	known := map[string]string{"i": c.cast(c.every(1, n), d), "n": c.cast(c.sizes(n), d)}
	c.set(0, c.formula(d, "start + i * ((end - start) / Max(n - 1, 1))", known))
}

// lowerEye writes a diagonal of ones.
func lowerEye(c *call) {
	c.put("EyeLike", []string{c.in(c.filled(c.shapeOf(0), c.dtypeOf(0), 0))})
}

// triangle writes zeros on one side of a diagonal.
func (c *call) triangle(x *value, diagonal, upper int) string {
	if c.opset >= 14 {
		return c.add("Trilu", []string{c.in(x), c.integer(diagonal)}, attrInt("upper", upper))
	}
	places := func(d int) string {
		return c.add("Range", []string{c.integer(0), c.add("Squeeze", []string{c.sizes(x.shape[d]), c.vector(0)}), c.integer(1)})
	}
	rank := len(x.shape)
	known := map[string]string{
		"r": c.add("Unsqueeze", []string{places(rank - 2), c.vector(1)}), "c": places(rank - 1), "d": c.integer(diagonal),
		"x": c.in(x), "none": c.scalar(0, x.dtype),
	}
	side := []string{"c - r <= d", "c - r >= d"}[upper]
	if x.dtype == torch.Bool { // which ONNX Runtime's Where does not take
		return c.formula(x.dtype, "x && "+side, known)
	}
	return c.formula(x.dtype, "Where("+side+", x, none)", known)
}

// same passes its input on, in the result's type.
func same(c *call) {
	x := c.tensor("self")
	if x.dtype == c.dtypeOf(0) {
		c.alias(0, x)
		return
	}
	if x.constant() {
		t := c.elements(x).ToDType(c.dtypeOf(0))
		c.alias(0, &value{shape: x.shape, dtype: t.DType(), tensor: t, zero: x.zero})
		return
	}
	c.put("Cast", []string{c.in(x)}, attrInt("to", int(elementCode(c.dtypeOf(0))))).zero = x.zero
}

func lowerDropout(c *call) {
	if c.bool("train") && c.number("p") != 0 {
		fail.With("%s is in training mode: put the network into evaluation mode (nn.SetTraining reaches layers in its exported fields)", c.node.Op)
	}
	c.alias(0, c.tensor("input"))
}

// lowerCopy writes src over self: the source, in self's shape and type.
func lowerCopy(c *call) {
	src := c.tensor("src")
	c.put("Expand", []string{c.as(src, c.dtypeOf(0)), c.sizes(c.shapeOf(0)...)})
}
