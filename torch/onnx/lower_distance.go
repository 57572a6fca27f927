// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// lowerCdist writes the distances between the rows of two tensors. For p = 2 and more than 25
// rows, libtorch computes √(|x|² - 2·x·y + |y|²) instead, unless compute_mode is 2, and is up
// to 2e-3 from the distance in float64 where rows are nearly equal; this one is 5e-7 from it.
func lowerCdist(c *call) {
	a, b, p := c.tensor("x1"), c.tensor("x2"), c.number("p")
	x := c.unsqueeze(c.in(a), len(a.shape)-1)
	y := c.unsqueeze(c.in(b), len(b.shape)-2)
	c.set(0, c.norm(c.add("Sub", []string{x, y}), c.dtypeOf(0), p, false, -1))
}

// lowerPdist writes the distances between the rows of a matrix, each pair once.
func lowerPdist(c *call) {
	x := c.tensor("self")
	n := c.fixed(x.sizeAt(0), "self")
	var first, second []int
	for i := range n {
		for j := i + 1; j < n; j++ {
			first, second = append(first, i), append(second, j)
		}
	}
	rows := func(at []int) string { return c.gather(c.in(x), c.vector(at...), 0) }
	c.set(0, c.norm(c.add("Sub", []string{rows(first), rows(second)}), x.dtype, c.number("p"), false, -1))
}

// lowerDist writes the distance between all elements of two tensors.
func lowerDist(c *call) {
	d := c.dtypeOf(0)
	c.set(0, c.norm(c.formula(d, "self - other", nil), d, c.number("p"), false))
}

func lowerPairwiseDistance(c *call) {
	difference := c.formula(c.dtypeOf(0), "x1 - x2 + eps", nil)
	c.set(0, c.norm(difference, c.dtypeOf(0), c.number("p"), c.bool("keepdim"), -1))
}

// lowerCosineSimilarity writes x·y / (max(|x|, eps)·max(|y|, eps)).
func lowerCosineSimilarity(c *call) {
	a, b, d := c.tensor("x1"), c.tensor("x2"), c.dtypeOf(0)
	axis := c.int("dim")
	if axis >= 0 {
		axis -= max(len(a.shape), len(b.shape))
	}
	known := map[string]string{"n1": c.norm(c.as(a, d), d, 2, true, axis), "n2": c.norm(c.as(b, d), d, 2, true, axis)}
	product := c.formula(d, "(x1 / Max(n1, eps)) * (x2 / Max(n2, eps))", known)
	c.set(0, c.reduced("ReduceSum", product, false, axis))
}

// norm writes the norm of order p over some axes, or all.
func (c *call) norm(x string, d torch.DType, p float64, keep bool, axes ...int) string {
	known := map[string]string{"x": x}
	switch {
	case p == 1:
		return c.reduced("ReduceL1", x, keep, axes...)
	case p == 2:
		return c.reduced("ReduceL2", x, keep, axes...)
	case p == 0:
		return c.reduced("ReduceSum", c.formula(d, "Where(x == 0, 0, 1)", known), keep, axes...)
	case math.IsInf(p, 1):
		return c.reduced("ReduceMax", c.formula(d, "Abs(x)", known), keep, axes...)
	case math.IsInf(p, -1):
		return c.reduced("ReduceMin", c.formula(d, "Abs(x)", known), keep, axes...)
	}
	known["p"] = c.scalar(p, d)
	known["s"] = c.reduced("ReduceSum", c.formula(d, "Pow(Abs(x), p)", known), keep, axes...)
	return c.formula(d, "Pow(s, 1 / p)", known)
}

func lowerVectorNorm(c *call) {
	x, d := c.tensor("self"), c.dtypeOf(0)
	c.set(0, c.norm(c.as(x, d), d, c.numberOr(c.oneOf("ord", "p"), 2), c.bool("keepdim"), c.overDims(x)...))
}

// lowerRenorm scales the slices along a dimension whose norm is above a bound.
func lowerRenorm(c *call) {
	x, p := c.tensor("self"), c.number("p")
	axis := c.axis("dim", len(x.shape))
	others := slices.Delete(counted(len(x.shape)), axis, axis+1)
	known := map[string]string{"e": c.scalar(1e-7, x.dtype), "n": c.norm(c.in(x), x.dtype, p, true, others...)}
	c.set(0, c.formula(x.dtype, "Where(n > maxnorm, self * (maxnorm / (n + e)), self)", known))
}
