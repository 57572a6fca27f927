// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerReshape(c *call) {
	x := c.tensor("self")
	c.set(0, c.reshape(c.in(x), x.shape, c.shapeOf(0)))
}

// reshape gives a value another shape. A size that depends on free ones is written as
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
	c.set(0, c.transpose(c.in(x), c.axes("dims", len(x.shape))...))
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
	for _, names := range [][]string{{"dim0", "dim1"}, {"axis0", "axis1"}} {
		if c.has(names[0]) {
			a, b = c.axis(names[0], rank), c.axis(names[1], rank)
		}
	}
	switch c.node.Op {
	case "aten::mT", "aten::adjoint":
		a, b = rank-2, rank-1
	case "aten::numpy_T":
		if rank > 2 {
			fail.With("%s: more than 2 dimensions cannot be exported; use Permute", c.node.Op)
		}
	}
	switch {
	case a == b:
		c.alias(0, x)
	case x.matrix != nil:
		c.alias(0, x.matrix)
	case x.constant() && rank == 2:
		c.alias(0, &value{shape: c.shapeOf(0), dtype: x.dtype, matrix: x, zero: x.zero, learned: x.learned})
	default:
		c.set(0, c.transpose(c.in(x), swapped(rank, a, b)...)).zero = x.zero
	}
}

// lowerSqueeze drops dimensions of size 1. One of a free size would be dropped for a size
// of one only.
func lowerSqueeze(c *call) {
	x := c.tensor("self")
	dims := c.dimsOf("dim", len(x.shape))
	if c.node.Overload == "dims" && len(c.ints("dim")) == 0 {
		dims = nil
	}
	var axes []int
	for _, d := range dims {
		if len(x.shape) == 0 {
			break
		}
		s := x.sizeAt(d)
		if !s.constant() {
			fail.With("%s: dimension %d has a free size: PyTorch would drop it for a size of one only; name another dimension", c.node.Op, d)
		}
		if s.fixed == 1 {
			axes = append(axes, d)
		}
	}
	if len(axes) == 0 {
		c.alias(0, x)
		return
	}
	c.set(0, c.squeeze(c.in(x), axes...)).zero = x.zero
}

func lowerUnsqueeze(c *call) {
	x := c.tensor("self")
	c.set(0, c.unsqueeze(c.in(x), c.axis("dim", len(x.shape)+1))).zero = x.zero
}

func lowerExpand(c *call) {
	x := c.tensor("self")
	c.set(0, c.expand(c.in(x), c.shapeOf(0)...)).zero = x.zero
}

func lowerRepeat(c *call) {
	x := c.tensor("self")
	in := c.in(x)
	repeats := c.sizeList(c.oneOf("repeats", "dims")) // of tile
	for len(repeats) < len(x.shape) {
		repeats = append([]size{{fixed: 1}}, repeats...)
	}
	if extra := len(repeats) - len(x.shape); extra > 0 {
		in = c.unsqueeze(in, counted(extra)...)
	}
	c.put("Tile", []string{in, c.sizes(repeats...)})
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

// lowerStacked joins tensors along the dimension that hstack, vstack, dstack or column_stack
// is named after, which vectors get.
func lowerStacked(c *call) {
	op, one := strings.TrimPrefix(c.node.Op, "aten::"), size{fixed: 1}
	axis := map[string]int{"hstack": min(1, len(c.shapeOf(0))-1), "vstack": 0, "dstack": 2, "column_stack": 1}[op]
	var in []string
	for _, v := range c.tensors("tensors") {
		shape := slices.Clone(v.shape)
		for len(shape) < map[string]int{"hstack": 1, "vstack": 2, "dstack": 2}[op] {
			shape = append([]size{one}, shape...)
		}
		for len(shape) <= axis {
			shape = append(shape, one)
		}
		x := c.as(v, c.dtypeOf(0))
		if len(shape) > len(v.shape) {
			x = c.reshape(x, v.shape, shape)
		}
		in = append(in, x)
	}
	c.put("Concat", in, attrInt("axis", axis))
}

func lowerStack(c *call) {
	axis := c.axis("dim", len(c.shapeOf(0)))
	in := collect(c.allAs("tensors", c.dtypeOf(0)), func(x string) string { return c.unsqueeze(x, axis) })
	c.put("Concat", in, attrInt("axis", axis))
}

// lowerMovedim puts dimensions into other places; the rest keeps its order.
func lowerMovedim(c *call) {
	x := c.tensor("self")
	rank := len(x.shape)
	from, to := c.dimsOf("source", rank), c.dimsOf("destination", rank)
	perm := slices.DeleteFunc(counted(rank), func(d int) bool { return slices.Contains(from, d) })
	for d := range rank { // in the order of their new places
		if i := slices.Index(to, d); i >= 0 {
			perm = slices.Insert(perm, d, from[i])
		}
	}
	c.set(0, c.transpose(c.in(x), perm...))
}

// lowerBroadcast gives tensors a common shape.
func lowerBroadcast(c *call) {
	for i, v := range c.tensors("tensors") {
		c.set(i, c.expand(c.in(v), c.shapeOf(i)...))
	}
}

// lowerMeshgrid gives each vector a dimension of its own.
func lowerMeshgrid(c *call) {
	vs := c.tensors("tensors")
	for i, v := range vs {
		at := i
		if c.string("indexing") == "xy" && i < 2 {
			at = 1 - i
		}
		shape := repeated(1, len(vs))
		shape[at] = -1
		column := c.add("Reshape", []string{c.in(v), c.vector(shape...)})
		c.set(i, c.expand(column, c.shapeOf(i)...))
	}
}

// lowerRepeatInterleave repeats each slice of a dimension, or each element.
func lowerRepeatInterleave(c *call) {
	x, n := c.tensor("self"), c.int("repeats")
	in, shape, axis := c.in(x), x.shape, 0
	if c.has("dim") {
		axis = c.axis("dim", len(shape))
	} else {
		in, shape = c.flat(in), c.shapeOf(0)
	}
	tiles := repeated(1, len(shape)+1)
	tiles[axis+1] = n
	in = c.add("Tile", []string{c.unsqueeze(in, axis+1), c.vector(tiles...)})
	c.set(0, c.reshape(in, nil, c.shapeOf(0)))
}

// moved puts n dimensions that begin at from to another place among the others.
func (c *call) moved(x string, rank, from, n, to int) string {
	if from == to || n == 0 {
		return x
	}
	perm := counted(rank)
	return c.transpose(x, slices.Insert(slices.Delete(slices.Clone(perm), from, from+n), to, perm[from:from+n]...)...)
}
