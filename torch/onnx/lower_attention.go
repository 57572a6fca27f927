// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowerScaledDotProductAttention writes softmax(q·kᵀ·scale + mask)·v.
func lowerScaledDotProductAttention(c *call) {
	q, k, v, mask := c.tensor("query"), c.tensor("key"), c.tensor("value"), c.optional("attn_mask")
	if p := c.numberOr("dropout_p", 0); p != 0 {
		fail.With("%s: dropout_p is %v: put the network into evaluation mode", c.node.Op, p)
	}
	d, rank := q.dtype, len(k.shape)
	keys, values := c.in(k), c.in(v)
	if c.bool("enable_gqa") { // several heads of queries share one of keys and values
		keys, values = c.repeatedHeads(k, q), c.repeatedHeads(v, q)
	}
	scale := c.numberOr("scale", 1/math.Sqrt(float64(c.fixed(q.sizeAt(len(q.shape)-1), "query"))))
	known := map[string]string{
		"q": c.in(q), "k": c.transpose(keys, swapped(rank, rank-2, rank-1)...), "s": c.scalar(scale, d),
		"mask": "", "never": c.scalar(math.Inf(-1), d), "none": c.scalar(0, d),
	}
	product := "MatMul(q * s, k)"
	switch {
	case c.bool("is_causal"):
		square := c.filled([]size{q.shape[len(q.shape)-2], k.shape[rank-2]}, torch.Float32, 1)
		known["mask"] = c.cast(c.triangle(square, 0, 0), torch.Bool)
		product = "Where(mask, " + product + ", never)"
	case mask != nil && mask.dtype == torch.Bool:
		known["mask"] = c.in(mask)
		product = "Where(mask, " + product + ", never)"
	case mask != nil:
		known["mask"] = c.as(mask, d)
		product += " + mask"
	}
	weights := c.add("Softmax", []string{c.formula(d, product, known)}, attrInt("axis", -1))
	if mask != nil { // where nothing may be seen, PyTorch's weights are 0
		weights = c.formula(d, "Where(IsNaN(w), none, w)", map[string]string{"w": weights, "none": known["none"]})
	}
	c.put("MatMul", []string{weights, values})
}

// repeatedHeads repeats each head of v, [..., heads, places, features], as often as q has it.
func (c *call) repeatedHeads(v, q *value) string {
	axis := len(v.shape) - 3
	n := c.fixed(q.sizeAt(axis), "query") / c.fixed(v.sizeAt(axis), "key")
	tiles, shape := repeated(1, len(v.shape)+1), slices.Clone(v.shape)
	tiles[axis+1] = n
	shape[axis] = q.shape[axis]
	y := c.unsqueeze(c.in(v), axis+1)
	return c.reshape(c.add("Tile", []string{y, c.vector(tiles...)}), nil, shape)
}
