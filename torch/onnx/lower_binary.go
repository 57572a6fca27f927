// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
)

var binaryOps = map[string]lowering{
	"aten::add.Tensor":         lowerSum("Add"),
	"aten::add.Scalar":         lowerSum("Add"),
	"aten::sub.Tensor":         lowerSum("Sub"),
	"aten::sub.Scalar":         lowerSum("Sub"),
	"aten::rsub.Tensor":        lowerRsub,
	"aten::rsub.Scalar":        lowerRsub,
	"aten::mul.Tensor":         arithmetic("Mul"),
	"aten::mul.Scalar":         arithmetic("Mul"),
	"aten::div.Tensor":         arithmetic("Div"),
	"aten::div.Scalar":         arithmetic("Div"),
	"aten::maximum":            arithmetic("Max"),
	"aten::minimum":            arithmetic("Min"),
	"aten::max.other":          arithmetic("Max"),
	"aten::min.other":          arithmetic("Min"),
	"aten::logical_and":        comparison("And"),
	"aten::logical_or":         comparison("Or"),
	"aten::eq.Tensor":          comparison("Equal"),
	"aten::eq.Scalar":          comparison("Equal"),
	"aten::gt.Tensor":          comparison("Greater"),
	"aten::gt.Scalar":          comparison("Greater"),
	"aten::ge.Tensor":          comparison("GreaterOrEqual"),
	"aten::ge.Scalar":          comparison("GreaterOrEqual"),
	"aten::lt.Tensor":          comparison("Less"),
	"aten::lt.Scalar":          comparison("Less"),
	"aten::le.Tensor":          comparison("LessOrEqual"),
	"aten::le.Scalar":          comparison("LessOrEqual"),
	"aten::pow.Tensor_Tensor":  lowerPow,
	"aten::where.self":         lowerWhere,
	"aten::masked_fill.Scalar": lowerMaskedFill,
}

// operand returns an argument, tensor or number, as type d.
func (c *call) operand(name string, d torch.DType) string {
	if v := c.optional(name); v != nil {
		return c.as(v, d)
	}
	return c.scalar(c.number(name), d)
}

// arithmetic writes an operator of two operands, both cast to the result's type
// as PyTorch promotes them.
func arithmetic(op string) lowering {
	return func(c *call) {
		d := c.dtypeOf(0)
		c.put(op, []string{c.operand("self", d), c.operand("other", d)})
	}
}

// scaled returns an argument multiplied by alpha.
func (c *call) scaled(name string, d torch.DType) string {
	x := c.operand(name, d)
	if alpha := c.number("alpha"); alpha != 1 {
		x = c.add("Mul", []string{x, c.scalar(alpha, d)})
	}
	return x
}

// lowerSum writes self ± alpha·other.
func lowerSum(op string) lowering {
	return func(c *call) {
		d := c.dtypeOf(0)
		c.put(op, []string{c.operand("self", d), c.scaled("other", d)})
	}
}

// lowerRsub writes other - alpha·self.
func lowerRsub(c *call) {
	d := c.dtypeOf(0)
	c.put("Sub", []string{c.operand("other", d), c.scaled("self", d)})
}

// comparison writes an operator whose result is bool; both operands are cast to
// the type that PyTorch compares in.
func comparison(op string) lowering {
	return func(c *call) {
		self := c.tensor("self")
		d := self.dtype
		if other := c.optional("other"); other != nil {
			d = promoted(self, other)
		} else if x := c.number("other"); x != float64(int(x)) && !d.IsFloating() {
			d = torch.Float32
		}
		c.put(op, []string{c.as(self, d), c.operand("other", d)})
	}
}

// promoted returns the type that two tensors are combined in.
func promoted(a, b *value) torch.DType {
	var d torch.DType
	torch.Scope(func() {
		like := func(v *value) *torch.Tensor {
			shape := make([]int, min(len(v.shape), 1)) // what has no dimensions yields to what has some
			return torch.Zeros(shape, torch.Options{DType: v.dtype})
		}
		d = like(a).Mul(like(b)).DType()
	})
	return d
}

func lowerPow(c *call) {
	d := c.dtypeOf(0)
	c.put("Pow", []string{c.operand("self", d), c.operand("exponent", d)})
}

func lowerWhere(c *call) {
	d := c.dtypeOf(0)
	c.put("Where", []string{c.as(c.tensor("condition"), torch.Bool), c.operand("self", d), c.operand("other", d)})
}

func lowerMaskedFill(c *call) {
	d := c.dtypeOf(0)
	c.put("Where", []string{c.in(c.tensor("mask")), c.operand("value", d), c.operand("self", d)})
}
