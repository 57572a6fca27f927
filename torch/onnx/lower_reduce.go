// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// reduce writes a reduction over the named dimensions, or over all. ReduceSum
// takes them as an input from opset 13 on, the others from 18 on.
func reduce(op string) lowering {
	return func(c *call) {
		x := c.tensor("self")
		axes := c.axes("dim", len(x.shape))
		in := []string{c.as(x, c.dtypeOf(0))}
		attributes := []attribute{c.keepdims()}
		if c.opset >= 18 || op == "ReduceSum" {
			in = append(in, c.vector(axes...))
		} else {
			attributes = append(attributes, attrInts("axes", axes...))
		}
		c.put(op, in, attributes...)
	}
}

func lowerArgmax(c *call) {
	x := c.tensor("self")
	if !c.has("dim") {
		fail.With("%s: without a dimension it cannot be exported; name one", c.node.Op)
	}
	c.put("ArgMax", []string{c.in(x)}, attrInt("axis", c.axis("dim", len(x.shape))), c.keepdims())
}

func (c *call) keepdims() attribute {
	keep, _ := number(c.bool("keepdim"))
	return attrInt("keepdims", int(keep))
}

// lowerLayerNorm normalises over the last dimensions.
func lowerLayerNorm(c *call) {
	if c.opset < 17 {
		fail.With("%s: opset %d has no layer normalisation; 17 and later have", c.node.Op, c.opset)
	}
	x, weight, bias := c.tensor("input"), c.optional("weight"), c.optional("bias")
	shape := c.ints("normalized_shape")
	var scale string
	if weight != nil {
		c.label = prefix(weight.label)
		scale = c.in(weight)
	} else {
		ones := torch.Ones(shape, torch.Options{DType: x.dtype})
		scale = c.in(&value{shape: x.shape[len(x.shape)-len(shape):], dtype: x.dtype, tensor: ones})
	}
	in := []string{c.in(x), scale}
	if bias != nil {
		in = append(in, c.in(bias))
	}
	c.put("LayerNormalization", in, attrInt("axis", -len(shape)), attrFloat("epsilon", c.number("eps")))
}
