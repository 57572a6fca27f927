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
	y := c.add("Range", collect([]size{c.sizeOr("start", 0), c.size("end"), c.sizeOr("step", 1)}, c.scalarSize))
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

// same passes its input on, in the result's type.
func same(c *call) {
	x := c.tensor("self")
	if x.dtype == c.dtypeOf(0) {
		c.alias(0, x)
		return
	}
	if x.constant() {
		t := c.elements(x).ToDType(c.dtypeOf(0))
		c.alias(0, &value{shape: x.shape, dtype: t.DType(), tensor: t, zero: x.zero, learned: x.learned})
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
	c.set(0, c.expand(c.as(src, c.dtypeOf(0)), c.shapeOf(0)...))
}
