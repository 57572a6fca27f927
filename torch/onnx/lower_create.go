// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/onnx/internal/pb"
)

var createOps = map[string]lowering{
	"aten::zeros":       fill(func(*call) float64 { return 0 }),
	"aten::zeros_like":  fill(func(*call) float64 { return 0 }),
	"aten::new_zeros":   fill(func(*call) float64 { return 0 }),
	"aten::zero":        fill(func(*call) float64 { return 0 }),
	"aten::ones":        fill(func(*call) float64 { return 1 }),
	"aten::ones_like":   fill(func(*call) float64 { return 1 }),
	"aten::new_ones":    fill(func(*call) float64 { return 1 }),
	"aten::full":        fill(func(c *call) float64 { return c.number("fill_value") }),
	"aten::full_like":   fill(func(c *call) float64 { return c.number("fill_value") }),
	"aten::new_full":    fill(func(c *call) float64 { return c.number("fill_value") }),
	"aten::fill.Scalar": fill(func(c *call) float64 { return c.number("value") }),
	"aten::copy":        lowerCopy,
}

// identityOps keep the elements; some change their type.
var identityOps = map[string]lowering{
	"aten::detach":          same,
	"aten::alias":           same,
	"aten::clone":           same,
	"aten::contiguous":      same,
	"aten::dropout":         lowerDropout,
	"aten::feature_dropout": lowerDropout,
	"aten::to.device":       same,
	"aten::to.dtype":        same,
	"aten::to.dtype_layout": same,
	"aten::to.other":        same,
	"aten::type_as":         same,
	"aten::_to_copy":        same,
}

// fill writes a tensor with one number everywhere.
func fill(number func(*call) float64) lowering {
	return func(c *call) { c.alias(0, c.filled(c.shapeOf(0), c.dtypeOf(0), number(c))) }
}

// filled returns a tensor of that shape with x everywhere.
func (l *lowerer) filled(shape []size, d torch.DType, x float64) *value {
	v := &value{shape: shape, dtype: d, zero: x == 0}
	fixed := make([]int, len(shape))
	constant := true
	for i, s := range shape {
		fixed[i] = s.fixed
		constant = constant && s.constant()
	}
	if constant {
		v.tensor = torch.Full(fixed, x, torch.Options{DType: d})
		return v
	}
	one := torch.Full([]int{1}, x, torch.Options{DType: d})
	element := &pb.Tensor{DataType: elementCode(d), Dims: []int64{1}, Raw: one.Bytes()}
	v.name = l.op("", "ConstantOfShape", []string{l.sizes(shape...)},
		&pb.Attribute{Name: "value", Type: pb.AttrTensor, Tensor: element})
	l.graph.ValueInfo = append(l.graph.ValueInfo, valueInfo(v.name, d, shape))
	return v
}

// same passes its input on, in the result's type.
func same(c *call) {
	x := c.tensor("self")
	if x.dtype == c.dtypeOf(0) {
		c.alias(0, x)
		return
	}
	if x.constant() {
		t := c.elements(x).ToDType(c.dtypeOf(0))
		c.alias(0, &value{shape: x.shape, dtype: t.DType(), tensor: t, zero: x.zero})
		return
	}
	c.put("Cast", []string{c.in(x)}, attrInt("to", int(elementCode(c.dtypeOf(0))))).zero = x.zero
}

func lowerDropout(c *call) {
	if c.bool("train") && c.number("p") != 0 {
		fail.With("%s is in training mode: put the network into evaluation mode (nn.SetTraining reaches layers in its exported fields)", c.node.Op)
	}
	c.alias(0, c.tensor("input"))
}

// lowerCopy writes src over self: the source, in self's shape and type.
func lowerCopy(c *call) {
	src := c.tensor("src")
	c.put("Expand", []string{c.as(src, c.dtypeOf(0)), c.sizes(c.shapeOf(0)...)})
}
