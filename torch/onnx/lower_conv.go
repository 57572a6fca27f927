// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"strings"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// perAxis returns a list of integers with one for each of n axes: one number stands for
// all, and an empty list for the others.
func (c *call) perAxis(name string, n int, empty []int) []int {
	xs := c.ints(name)
	switch len(xs) {
	case n:
		return xs
	case 0:
		return empty
	}
	return repeated(xs[0], n)
}

// lowerConv writes a convolution over any number of dimensions, transposed or not.
func lowerConv(c *call) {
	x, w := c.tensor("input"), c.parameter("weight")
	n := len(w.shape) - 2
	dilation, ones := c.perAxis("dilation", n, repeated(1, n)), repeated(1, n)
	var pads []int
	switch padding := c.string("padding"); padding {
	case "same":
		var ends []int
		for i, d := range dilation {
			total := d * (c.fixed(w.shape[2+i], "weight") - 1)
			pads, ends = append(pads, total/2), append(ends, total-total/2)
		}
		pads = append(pads, ends...)
	case "valid":
		pads = repeated(0, 2*n)
	default:
		pads = c.perAxis("padding", n, repeated(0, n))
		pads = append(pads[:n:n], pads...)
	}
	op, attributes := "Conv", []attribute{
		attrInts("strides", c.perAxis("stride", n, ones)...), attrInts("pads", pads...),
		attrInts("dilations", dilation...), attrInt("group", c.int("groups")),
	}
	if c.bool("transposed") || strings.HasPrefix(c.node.Op, "aten::conv_transpose") {
		op, attributes = "ConvTranspose", append(attributes, attrInts("output_padding", c.perAxis("output_padding", n, repeated(0, n))...))
	}
	c.batched(x, n+2, func(x string) string {
		return c.add(op, []string{x, c.in(w), c.orNone("bias")}, attributes...)
	})
}

// batched writes an operator that takes tensors of a rank only: a first dimension is added
// to an x without one, and taken from the result.
func (c *call) batched(x *value, rank int, write func(x string) string) {
	switch len(x.shape) {
	case rank:
		c.set(0, write(c.in(x)))
	case rank - 1:
		y := write(c.unsqueeze(c.in(x), 0))
		c.set(0, c.squeeze(y, 0))
	default:
		fail.With("%s: an input of %d dimensions cannot be exported", c.node.Op, len(x.shape))
	}
}
