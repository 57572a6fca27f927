// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"

	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerReshape(c *call) {
	x := c.tensor("self")
	c.set(0, c.reshape(c.in(x), x.shape, c.shapeOf(0)))
}

// reshape gives a value another shape. A size that depends on the batch is written as
// 0 where the input has it in the same place, which copies it; once as -1, which
// follows from the other sizes; and is computed otherwise.
func (c *call) reshape(x string, from, to []size) string {
	marks, free := make([]int, len(to)), false
	for i, s := range to {
		switch {
		case s.constant() && s.fixed == 0:
			fail.With("%s: a tensor without elements cannot be exported", c.node.Op)
		case s.constant():
			marks[i] = s.fixed
		case i < len(from) && from[i] == s:
			marks[i] = 0
		case !free:
			marks[i], free = -1, true
		default:
			return c.add("Reshape", []string{x, c.sizes(to...)})
		}
	}
	return c.add("Reshape", []string{x, c.vector(marks...)})
}

func lowerPermute(c *call) {
	x := c.tensor("self")
	c.put("Transpose", []string{c.in(x)}, attrInts("perm", c.axes("dims", len(x.shape))...))
}

// lowerTranspose exchanges two dimensions. A parameter stays as it is, because the
// operator that uses it may take it transposed.
func lowerTranspose(c *call) {
	x := c.tensor("self")
	rank := len(x.shape)
	if rank < 2 {
		c.alias(0, x)
		return
	}
	a, b := 0, 1
	if c.has("dim0") {
		a, b = c.axis("dim0", rank), c.axis("dim1", rank)
	}
	switch {
	case a == b:
		c.alias(0, x)
	case x.matrix != nil:
		c.alias(0, x.matrix)
	case x.constant() && rank == 2:
		c.alias(0, &value{shape: c.shapeOf(0), dtype: x.dtype, matrix: x, zero: x.zero})
	default:
		perm := make([]int, rank)
		for i := range perm {
			perm[i] = i
		}
		perm[a], perm[b] = b, a
		c.put("Transpose", []string{c.in(x)}, attrInts("perm", perm...)).zero = x.zero
	}
}

// lowerSqueeze drops dimensions of size 1. One that depends on the batch would
// be dropped in a batch of one only.
func lowerSqueeze(c *call) {
	x := c.tensor("self")
	named := c.axes
	if c.node.Overload == "dim" {
		named = func(name string, rank int) []int { return []int{c.axis(name, rank)} }
	}
	var axes []int
	for _, d := range named("dim", len(x.shape)) {
		s := x.sizeAt(d)
		if !s.constant() {
			fail.With("%s: dimension %d is the batch, which PyTorch would drop for a batch of one only; name another dimension", c.node.Op, d)
		}
		if s.fixed == 1 {
			axes = append(axes, d)
		}
	}
	if len(axes) == 0 {
		c.alias(0, x)
		return
	}
	c.put("Squeeze", []string{c.in(x), c.vector(axes...)}).zero = x.zero
}

func lowerUnsqueeze(c *call) {
	x := c.tensor("self")
	c.put("Unsqueeze", []string{c.in(x), c.vector(c.axis("dim", len(x.shape)+1))}).zero = x.zero
}

func lowerExpand(c *call) {
	x := c.tensor("self")
	c.put("Expand", []string{c.in(x), c.sizes(c.shapeOf(0)...)}).zero = x.zero
}

func lowerRepeat(c *call) {
	x := c.tensor("self")
	in := c.in(x)
	repeats := c.ints("repeats")
	if extra := len(repeats) - len(x.shape); extra > 0 {
		axes := make([]int, extra)
		for i := range axes {
			axes[i] = i
		}
		in = c.add("Unsqueeze", []string{in, c.vector(axes...)})
	}
	c.put("Tile", []string{in, c.vector(repeats...)})
}

func lowerCat(c *call) {
	var in []string
	for _, v := range c.tensors("tensors") {
		if len(v.shape) == 1 && v.shape[0] == (size{}) {
			continue // PyTorch lets an empty list stand among tensors of any rank
		}
		in = append(in, c.as(v, c.dtypeOf(0)))
	}
	c.put("Concat", in, attrInt("axis", c.axis("dim", len(c.shapeOf(0)))))
}

func lowerStack(c *call) {
	axis := c.axis("dim", len(c.shapeOf(0)))
	var in []string
	for _, v := range c.tensors("tensors") {
		in = append(in, c.add("Unsqueeze", []string{c.as(v, c.dtypeOf(0)), c.vector(axis)}))
	}
	c.put("Concat", slices.Clone(in), attrInt("axis", axis))
}
