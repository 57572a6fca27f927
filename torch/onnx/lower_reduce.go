// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"strings"

	"github.com/etude-ml/etude/torch"
)

// reduce writes a reduction over the named dimensions, or over all.
func reduce(op string) lowering {
	return func(c *call) {
		x := c.tensor("self")
		c.set(0, c.reduced(op, c.as(x, c.dtypeOf(0)), c.bool("keepdim"), c.overDims(x)...))
	}
}

// reduced writes a reduction over some axes, or all. ReduceSum takes them as an input
// from opset 13 on, the others from 18 on.
func (c *call) reduced(op, x string, keep bool, axes ...int) string {
	in, attributes := []string{x}, []attribute{attrInt("keepdims", flag(keep))}
	switch {
	case len(axes) == 0:
	case c.opset >= 18 || op == "ReduceSum":
		in = append(in, c.vector(axes...))
	default:
		attributes = append(attributes, attrInts("axes", axes...))
	}
	return c.add(op, in, attributes...)
}

// place writes the place of the largest or smallest value, of all elements or along a
// dimension.
func place(op string) lowering {
	return func(c *call) {
		x := c.tensor("self")
		if !c.has("dim") || len(x.shape) == 0 {
			flat := c.flat(c.in(x))
			y := c.add(op, []string{flat}, attrInt("axis", 0), attrInt("keepdims", 0))
			if shape := c.shapeOf(0); len(shape) > 0 {
				y = c.add("Reshape", []string{y, c.sizes(shape...)})
			}
			c.set(0, y)
			return
		}
		c.put(op, []string{c.in(x)}, attrInt("axis", c.axis("dim", len(x.shape))), c.keepdims())
	}
}

func (c *call) keepdims() attribute { return attrInt("keepdims", flag(c.bool("keepdim"))) }

// best writes the largest or smallest value and, where it is wanted, its place.
func best(value, place string) lowering {
	return func(c *call) {
		x, axis := c.tensor("self"), c.axis("dim", c.rank())
		c.set(0, c.reduced(value, c.in(x), c.bool("keepdim"), axis))
		if c.wanted(1) {
			c.set(1, c.add(place, []string{c.in(x)}, attrInt("axis", axis), c.keepdims()))
		}
	}
}

// lowerAminmax writes the smallest and the largest value.
func lowerAminmax(c *call) {
	x := c.tensor("self")
	for i, op := range []string{"ReduceMin", "ReduceMax"} {
		c.set(i, c.reduced(op, c.in(x), c.bool("keepdim"), c.overDims(x)...))
	}
}

// overDims returns the axes of a reduction: one dimension, several, or none for all.
func (c *call) overDims(x *value) []int {
	switch {
	case !c.has("dim") || len(x.shape) == 0:
		return nil
	case len(c.dimsOf("dim", len(x.shape))) == len(x.shape):
		return nil
	}
	return c.dimsOf("dim", len(x.shape))
}

// reduceFormula writes a reduction of the formula before, which has the values as self.
func reduceFormula(before, op string) lowering {
	return func(c *call) {
		x, d := c.tensor("self"), c.dtypeOf(0)
		if d == torch.Bool || d == torch.Int64 && before != "self" {
			d = torch.Float32
		}
		y := c.formula(d, before, map[string]string{"self": c.as(x, d)})
		y = c.reduced(op, y, c.bool("keepdim"), c.overDims(x)...)
		if r := c.dtypeOf(0); r != d {
			y = c.cast(y, r)
		}
		c.set(0, y)
	}
}

// anyOf and allOf find values other than 0.
var (
	anyOf = reduceFormula("Where(self == 0, 0, 1)", "ReduceMax")
	allOf = reduceFormula("Where(self == 0, 0, 1)", "ReduceMin")
)

// elementsAlong returns how many elements there are in some dimensions, int64 [1].
func (c *call) elementsAlong(x *value, axes []int) string {
	fixed, free := 1, []size{}
	for _, axis := range axes {
		if s := x.sizeAt(axis); s.constant() {
			fixed *= s.fixed
		} else {
			free = append(free, s)
		}
	}
	n := c.vector(fixed)
	for _, s := range free {
		n = c.add("Mul", []string{n, c.sizes(s)})
	}
	return n
}

// freedom returns how many elements there are in some dimensions, less the correction.
func (c *call) freedom(x *value, axes []int, correction float64, d torch.DType) string {
	n, constant := 1, true
	for _, axis := range axes {
		n, constant = n*x.sizeAt(axis).fixed, constant && x.sizeAt(axis).constant()
	}
	if constant {
		return c.scalar(max(float64(n)-correction, 0), d)
	}
	count := c.squeeze(c.elementsAlong(x, axes), 0)
	return c.formula(d, "Max(Number(n) - k, 0)", map[string]string{"n": count, "k": c.scalar(correction, d)})
}

// lowerVariance writes the variance or its root and, as a second result, the mean.
func lowerVariance(c *call) {
	x, d := c.tensor("self"), c.dtypeOf(0)
	axes := c.overDims(x)
	correction, keep := c.numberOr("correction", c.numberOr("unbiased", 1)), c.bool("keepdim")
	in := c.as(x, d)
	centred := c.add("Sub", []string{in, c.reduced("ReduceMean", in, true, axes...)})
	y := c.reduced("ReduceSum", c.add("Mul", []string{centred, centred}), keep, axes...)
	y = c.add("Div", []string{y, c.freedom(x, c.axes("dim", len(x.shape)), correction, d)})
	if strings.HasPrefix(c.node.Op, "aten::std") {
		y = c.add("Sqrt", []string{y})
	}
	c.set(0, y)
	if len(c.node.Results) > 1 {
		c.set(1, c.reduced("ReduceMean", in, keep, axes...))
	}
}
