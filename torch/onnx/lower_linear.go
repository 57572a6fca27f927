// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import "github.com/etude-ml/etude/torch/internal/fail"

// lowerLinear writes x·Wᵀ + b. Gemm takes the weight as PyTorch has it; it is
// for matrices only, so other ranks multiply by the transposed weight.
func lowerLinear(c *call) {
	x, w, b := c.tensor("input"), c.tensor("weight"), c.optional("bias")
	c.label = prefix(w.label)
	if len(w.shape) != 2 {
		fail.With("%s: a weight of shape %v; only matrices can be exported", c.node.Op, w.shape)
	}
	if len(x.shape) == 2 {
		in := []string{c.in(x), c.in(w)}
		if b != nil {
			in = append(in, c.in(b))
		}
		c.put("Gemm", in, attrInt("transB", 1))
		return
	}
	product := []string{c.in(x), c.add("Transpose", []string{c.in(w)}, attrInts("perm", 1, 0))}
	if b == nil {
		c.put("MatMul", product)
		return
	}
	c.put("Add", []string{c.add("MatMul", product), c.in(b)})
}

// lowerMatmul writes a matrix product. Where the second matrix is a transposed
// parameter, Gemm takes the parameter itself.
func lowerMatmul(c *call) {
	a := c.tensor("self")
	second := "other"
	for _, name := range []string{"mat2", "vec"} {
		if c.has(name) {
			second = name
		}
	}
	b := c.tensor(second)
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
	attributes := []attribute{}
	if x := c.number("alpha"); x != 1 {
		attributes = append(attributes, attrFloat("alpha", x))
	}
	if x := c.number("beta"); x != 1 {
		attributes = append(attributes, attrFloat("beta", x))
	}
	if b.matrix != nil {
		b = b.matrix
		attributes = append(attributes, attrInt("transB", 1))
	}
	c.label = prefix(b.label)
	c.put("Gemm", []string{c.in(a), c.in(b), c.in(bias)}, attributes...)
}
