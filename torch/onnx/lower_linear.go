// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowerLinear writes x·Wᵀ + b. Gemm takes the weight as PyTorch has it; it is
// for matrices only, so other ranks multiply by the transposed weight.
func lowerLinear(c *call) {
	x, w := c.tensor("input"), c.parameter("weight")
	if len(w.shape) != 2 {
		fail.With("%s: a weight of shape %v; only matrices can be exported", c.node.Op, w.shape)
	}
	if len(x.shape) == 2 {
		c.put("Gemm", []string{c.in(x), c.in(w), c.orNone("bias")}, attrInt("transB", 1))
		return
	}
	y := c.add("MatMul", []string{c.in(x), c.transpose(c.in(w), 1, 0)})
	if b := c.optional("bias"); b != nil {
		y = c.add("Add", []string{y, c.in(b)})
	}
	c.set(0, y)
}

// lowerMatmul writes a matrix product. Where the second matrix is a transposed
// parameter, Gemm takes the parameter itself.
func lowerMatmul(c *call) {
	a, b := c.tensor("self"), c.tensor(c.oneOf("other", "mat2", "vec"))
	if len(a.shape) == 2 && b.matrix != nil {
		c.label = prefix(b.matrix.label)
		c.put("Gemm", []string{c.in(a), c.in(b.matrix)}, attrInt("transB", 1))
		return
	}
	c.label = prefix(b.label)
	c.put("MatMul", []string{c.in(a), c.in(b)})
}

// lowerAddmm writes beta·self + alpha·mat1·mat2.
func lowerAddmm(c *call) {
	bias, a, b := c.tensor("self"), c.tensor("mat1"), c.tensor("mat2")
	var attributes []attribute
	for _, name := range []string{"alpha", "beta"} {
		if x := c.number(name); x != 1 {
			attributes = append(attributes, attrFloat(name, x))
		}
	}
	if b.matrix != nil {
		b = b.matrix
		attributes = append(attributes, attrInt("transB", 1))
	}
	c.label = prefix(b.label)
	c.put("Gemm", []string{c.in(a), c.in(b), c.in(bias)}, attributes...)
}

// lowerInner sums products over the last dimensions.
func lowerInner(c *call) {
	a, b := c.tensor("self"), c.tensor("other")
	switch {
	case len(b.shape) == 1:
		c.put("MatMul", []string{c.in(a), c.in(b)})
	case len(a.shape) == 1:
		c.put("MatMul", []string{c.in(b), c.in(a)})
	case len(b.shape) == 2:
		c.put("MatMul", []string{c.in(a), c.transpose(c.in(b), 1, 0)})
	default:
		fail.With("%s: only with a vector or a matrix can it be exported; use Matmul", c.node.Op)
	}
}

// lowerOuter multiplies each element of a vector by each of another.
func lowerOuter(c *call) {
	first := c.oneOf("vec1", "self")
	column := c.unsqueeze(c.operand(first, c.dtypeOf(0)), 1)
	row := c.unsqueeze(c.operand("vec2", c.dtypeOf(0)), 0)
	y := c.add("MatMul", []string{column, row}) // the checker of onnx takes vectors for shapes and refuses Mul
	if first == "vec1" {                        // addr
		y = c.formula(c.dtypeOf(0), "beta * self + alpha * y", map[string]string{"y": y})
	}
	c.set(0, y)
}

// lowerAddbmm adds up matrix products.
func lowerAddbmm(c *call) {
	d := c.dtypeOf(0)
	y := c.reduced("ReduceSum", c.formula(d, "MatMul(batch1, batch2)", nil), false, 0)
	c.set(0, c.formula(d, "beta * self + alpha * y", map[string]string{"y": y}))
}

// lowerMultiDot multiplies matrices from the left to the right.
func lowerMultiDot(c *call) {
	in := collect(c.tensors("tensors"), c.in)
	y := in[0]
	for _, x := range in[1:] {
		y = c.add("MatMul", []string{y, x})
	}
	c.set(0, y)
}

// lowerMatrixPower multiplies a matrix by itself.
func lowerMatrixPower(c *call) {
	n, x := c.int("n"), c.in(c.tensor("self"))
	if n < 1 {
		fail.With("%s: n is %d; only a positive one can be exported", c.node.Op, n)
	}
	y := x
	for range n - 1 {
		y = c.add("MatMul", []string{y, x})
	}
	c.put("Identity", []string{y})
}

// lowerTensordot sums products over dimensions of two tensors.
func lowerTensordot(c *call) {
	a, b, d := c.tensor("self"), c.tensor("other"), c.dtypeOf(0)
	letter := func(i int) string { return string(rune('a' + i)) }
	left, right, out := "", make([]string, len(b.shape)), ""
	of, with := c.axes("dims_self", len(a.shape)), c.axes("dims_other", len(b.shape))
	for i := range a.shape {
		left += letter(i)
		if k := slices.Index(of, i); k >= 0 && c.ints("dims_self") != nil {
			right[with[k]] = letter(i)
		} else {
			out += letter(i)
		}
	}
	for i := range right {
		if right[i] == "" {
			right[i] = letter(len(a.shape) + i)
			out += right[i]
		}
	}
	equation := left + "," + strings.Join(right, "") + "->" + out
	c.put("Einsum", []string{c.as(a, d), c.as(b, d)}, attrString("equation", equation))
}

func lowerEinsum(c *call) {
	c.put("Einsum", c.allAs("tensors", c.dtypeOf(0)), attrString("equation", c.string("equation")))
}

// lowerBilinear writes xᵀ·A·y + b for each output feature.
func lowerBilinear(c *call) {
	w := c.parameter("weight")
	y := c.add("Einsum", []string{c.in(c.tensor("input1")), c.in(w), c.in(c.tensor("input2"))}, attrString("equation", "...i,oij,...j->...o"))
	if b := c.optional("bias"); b != nil {
		y = c.add("Add", []string{y, c.in(b)})
	}
	c.set(0, y)
}

// lowerCross writes the cross product along a dimension of size 3.
func lowerCross(c *call) {
	d, rank := c.dtypeOf(0), len(c.shapeOf(0))
	if !c.has("dim") {
		fail.With("%s: dim is needed to export it", c.node.Op)
	}
	axis := attrInt("axis", c.axis("dim", rank)-rank)
	turned := func(name string, order ...int) string {
		return c.add("Gather", []string{c.operand(name, d), c.vector(order...)}, axis)
	}
	c.set(0, c.formula(d, "a * b - c * e", map[string]string{
		"a": turned("self", 1, 2, 0), "b": turned("other", 2, 0, 1), "c": turned("self", 2, 0, 1), "e": turned("other", 1, 2, 0)}))
}
