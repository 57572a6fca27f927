// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

func lowerNarrow(c *call) {
	x := c.tensor("self")
	axis, start, n := c.axis("dim", len(x.shape)), c.size("start"), c.size("length")
	if start.constant() && start.fixed < 0 {
		start = x.sizeAt(axis).plus(start.fixed)
	}
	end := c.p.derive("the end of "+c.node.Op, func(x []int) int { return x[0] + x[1] }, start, n)
	c.set(0, c.slice(c.in(x), axis, start, end)).zero = x.zero
}

// lowerSlice writes start:end:step. PyTorch and ONNX count and clip the bounds alike.
func lowerSlice(c *call) {
	x := c.tensor("self")
	in := []string{
		c.in(x), c.sizes(c.sizeOr("start", 0)), c.sizes(c.sizeOr("end", math.MaxInt64)),
		c.vector(c.axis("dim", len(x.shape))), c.vector(c.int("step")),
	}
	c.put("Slice", in).zero = x.zero
}

func lowerSelect(c *call) {
	x := c.tensor("self")
	axis, at := c.axis("dim", len(x.shape)), c.size("index")
	one := c.gather(c.in(x), c.sizes(at), axis)
	c.set(0, c.squeeze(one, axis)).zero = x.zero
}

// lowerSplit takes a dimension apart.
func lowerSplit(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	if len(c.node.Results) == 1 {
		c.alias(0, x)
		return
	}
	parts := collect(counted(len(c.node.Results)), func(i int) size { return c.shapeOf(i)[axis] })
	for i, name := range c.split(c.in(x), axis, parts...) {
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
		one := c.gather(c.in(x), c.vector(i), axis)
		c.set(i, c.squeeze(one, axis))
	}
}

func lowerFlip(c *call) {
	x := c.tensor("self")
	c.set(0, c.flipped(c.in(x), c.ints("dims")...))
}

// lowerRot90 turns two dimensions by quarters of a circle.
func lowerRot90(c *call) {
	x := c.tensor("self")
	rank, dims := len(x.shape), c.axes("dims", len(x.shape))
	turned := func(axis int) {
		c.set(0, c.transpose(c.flipped(c.in(x), axis), swapped(rank, dims[0], dims[1])...))
	}
	switch c.int("k") & 3 {
	case 0:
		c.alias(0, x)
	case 1:
		turned(dims[1])
	case 2:
		c.set(0, c.flipped(c.in(x), dims...))
	case 3:
		turned(dims[0])
	}
}

// flipped reverses dimensions.
func (c *call) flipped(x string, dims ...int) string {
	back := c.vector(repeated(-1, len(dims))...)
	return c.add("Slice", []string{x, back, c.vector(repeated(math.MinInt64, len(dims))...), c.vector(dims...), back})
}

// lowerDiff subtracts from each slice of a dimension the one before it, n times.
func lowerDiff(c *call) {
	x := c.tensor("self")
	axis, y := c.axis("dim", c.rank()), c.in(x)
	if c.has("prepend") || c.has("append") || x.dtype == torch.Bool {
		fail.With("%s: prepend, append and bools cannot be exported; use Cat", c.node.Op)
	}
	for range c.int("n") {
		y = c.add("Sub", []string{c.slice(y, axis, size{fixed: 1}, size{fixed: math.MaxInt64}), c.slice(y, axis, size{}, size{fixed: -1})})
	}
	c.set(0, y)
}

// lowerRoll cuts each axis in two and joins the parts the other way round.
func lowerRoll(c *call) {
	x := c.tensor("self")
	shifts, dims, out := c.ints("shifts"), c.axes("dims", len(x.shape)), c.in(x)
	shape := x.shape
	flat := len(c.ints("dims")) == 0
	if flat {
		n := 1
		for _, s := range shape {
			n *= c.fixed(s, "self")
		}
		shape, dims = []size{{fixed: n}}, []int{0}
		out = c.flat(out)
	}
	for i, axis := range dims {
		n, by := shape[axis], shifts[i]
		if n.constant() {
			by = ((by % n.fixed) + n.fixed) % n.fixed
		}
		if by == 0 {
			continue
		}
		cut := n.plus(-by)
		if by < 0 {
			cut = size{fixed: -by}
		}
		first, second := c.slice(out, axis, size{}, cut), c.slice(out, axis, cut, n)
		out = c.add("Concat", []string{second, first}, attrInt("axis", axis))
	}
	if flat {
		out = c.reshape(out, nil, x.shape)
	}
	c.put("Identity", []string{out})
}

// lowerUnfold cuts a dimension into windows, which become the last dimension.
func lowerUnfold(c *call) {
	x := c.tensor("self")
	rank, step, width := c.rank(), c.int("step"), c.int("size")
	axis := c.axis("dimension", rank)
	starts := c.every(step, x.sizeAt(axis).plus(1-width))
	at := c.add("Add", []string{c.unsqueeze(starts, 1), c.vector(counted(width)...)})
	y := c.gather(c.in(x), at, axis)
	c.set(0, c.moved(y, rank+1, axis+1, 1, rank))
}

// lowerSelectScatter and lowerSliceScatter write src over a part: what stands before it and
// after it is joined to it.
func lowerSelectScatter(c *call) {
	x := c.tensor("self")
	axis, at := c.axis("dim", len(x.shape)), c.size("index")
	if at.constant() && at.fixed < 0 {
		at.fixed += c.fixed(x.sizeAt(axis), "self")
	}
	src := c.unsqueeze(c.in(c.tensor("src")), axis)
	c.replaced(x, src, axis, at, at.plus(1))
}

func lowerSliceScatter(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	n := c.fixed(x.sizeAt(axis), "self")
	bound := func(name string, x int) size {
		if c.has(name) {
			x = c.int(name)
		}
		if x < 0 {
			x += n
		}
		return size{fixed: min(max(x, 0), n)}
	}
	if c.int("step") != 1 {
		fail.With("%s: a step other than 1 cannot be exported", c.node.Op)
	}
	c.replaced(x, c.in(c.tensor("src")), axis, bound("start", 0), bound("end", n))
}

func (c *call) replaced(x *value, src string, axis int, from, to size) {
	var parts []string
	if from != (size{}) {
		parts = append(parts, c.slice(c.in(x), axis, size{}, from))
	}
	parts = append(parts, src)
	if to != x.shape[axis] {
		parts = append(parts, c.slice(c.in(x), axis, to, x.shape[axis]))
	}
	c.put("Concat", parts, attrInt("axis", axis))
}
