// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"

	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerNarrow(c *call) {
	x := c.tensor("self")
	axis, start, n := c.axis("dim", len(x.shape)), c.size("start"), c.size("length")
	if start.constant() && start.fixed < 0 {
		start = x.sizeAt(axis).plus(start.fixed)
	}
	end := c.p.derive("the end of "+c.node.Op, func(x []int) int { return x[0] + x[1] }, start, n)
	c.put("Slice", []string{c.in(x), c.sizes(start), c.sizes(end), c.vector(axis)}).zero = x.zero
}

// lowerSlice writes start:end:step. PyTorch and ONNX count and clip the bounds alike.
func lowerSlice(c *call) {
	x := c.tensor("self")
	start, end := size{}, size{fixed: math.MaxInt64}
	if c.has("start") {
		start = c.size("start")
	}
	if c.has("end") {
		end = c.size("end")
	}
	in := []string{
		c.in(x), c.sizes(start), c.sizes(end),
		c.vector(c.axis("dim", len(x.shape))), c.vector(c.int("step")),
	}
	c.put("Slice", in).zero = x.zero
}

func lowerSelect(c *call) {
	x := c.tensor("self")
	axis, at := c.axis("dim", len(x.shape)), c.size("index")
	one := c.add("Gather", []string{c.in(x), c.sizes(at)}, attrInt("axis", axis))
	c.put("Squeeze", []string{one, c.vector(axis)}).zero = x.zero
}

// lowerSplit writes the parts that something uses.
func lowerSplit(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	if len(c.node.Results) == 1 {
		c.alias(0, x)
		return
	}
	parts, keep := make([]size, len(c.node.Results)), make([]bool, len(c.node.Results))
	for i := range parts {
		parts[i] = c.shapeOf(i)[axis]
		keep[i] = true // Split has no optional outputs
	}
	for i, name := range c.emit(c.label, "Split", []string{c.in(x), c.sizes(parts...)}, keep, attrInt("axis", axis)) {
		c.set(i, name).zero = x.zero
	}
}

func lowerUnbind(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	if !x.sizeAt(axis).constant() {
		fail.With("%s: a dimension of a free size cannot be taken apart: the number of results would depend on it", c.node.Op)
	}
	for i := range c.node.Results {
		if !c.wanted(i) {
			continue
		}
		one := c.add("Gather", []string{c.in(x), c.vector(i)}, attrInt("axis", axis))
		c.set(i, c.add("Squeeze", []string{one, c.vector(axis)}))
	}
}

func lowerIndexSelect(c *call) {
	x, index := c.tensor("self"), c.tensor("index")
	if len(x.shape) == 0 {
		c.set(0, c.reshape(c.in(x), x.shape, c.shapeOf(0)))
		return
	}
	c.put("Gather", []string{c.in(x), c.in(index)}, attrInt("axis", c.axis("dim", len(x.shape))))
}

func lowerEmbedding(c *call) {
	w := c.tensor("weight")
	c.label = prefix(w.label)
	c.put("Gather", []string{c.in(w), c.in(c.tensor("indices"))}, attrInt("axis", 0))
}

func lowerFlip(c *call) {
	x := c.tensor("self")
	dims := c.ints("dims")
	starts, ends, steps := make([]int, len(dims)), make([]int, len(dims)), make([]int, len(dims))
	for i, d := range dims {
		starts[i], ends[i], steps[i] = -1, math.MinInt64, -1
		if d < 0 {
			dims[i] += len(x.shape)
		}
	}
	c.put("Slice", []string{c.in(x), c.vector(starts...), c.vector(ends...), c.vector(dims...), c.vector(steps...)})
}
