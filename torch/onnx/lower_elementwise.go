// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// node returns the lowering of an operator that ONNX has too. The inputs of the node are
// the arguments of these names, tensors or numbers, cast to the type of the result, as
// PyTorch promotes them. An optional argument that the call does not have is left out.
func node(op, arguments string, attributes ...func(*call) attribute) lowering {
	return func(c *call) {
		var in []string
		for name := range strings.FieldsSeq(arguments) {
			input := ""
			if c.has(name) {
				input = c.operand(name, c.dtypeOf(0))
			}
			in = append(in, input)
		}
		var as []attribute
		for _, a := range attributes {
			as = append(as, a(c))
		}
		c.put(op, in, as...)
	}
}

// float returns an attribute of [node] that has the value of an argument.
func float(name, argument string) func(*call) attribute {
	return func(c *call) attribute { return attrFloat(name, c.number(argument)) }
}

// dimAsAxis is the attribute axis of [node], with the value of the argument dim.
func dimAsAxis(c *call) attribute {
	return attrInt("axis", c.axis("dim", len(c.tensor("self").shape)))
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
			shape := make([]int, min(len(v.shape), 1)) // a tensor without dimensions yields to one that has some
			return torch.Zeros(shape, torch.Options{DType: v.dtype})
		}
		d = like(a).Mul(like(b)).DType()
	})
	return d
}

func lowerWhere(c *call) {
	d := c.dtypeOf(0)
	c.put("Where", []string{c.as(c.tensor("condition"), torch.Bool), c.operand("self", d), c.operand("other", d)})
}

func lowerMaskedFill(c *call) {
	d := c.dtypeOf(0)
	c.put("Where", []string{c.in(c.tensor("mask")), c.operand("value", d), c.operand("self", d)})
}

func lowerSilu(c *call) {
	x := c.in(c.tensor("self"))
	c.put("Mul", []string{x, c.add("Sigmoid", []string{x})})
}

// lowerGelu writes x·Φ(x), or its approximation by a tanh.
func lowerGelu(c *call) {
	v := c.tensor("self")
	x, d := c.in(v), v.dtype
	half := c.add("Mul", []string{x, c.scalar(0.5, d)})
	var inner string
	switch a := c.string("approximate"); a {
	case "none":
		inner = c.add("Erf", []string{c.add("Mul", []string{x, c.scalar(math.Sqrt2/2, d)})})
	case "tanh":
		// √(2/π)·(x + 0.044715·x³)
		cube := c.add("Mul", []string{c.add("Mul", []string{x, x}), x})
		sum := c.add("Add", []string{x, c.add("Mul", []string{cube, c.scalar(0.044715, d)})})
		inner = c.add("Tanh", []string{c.add("Mul", []string{sum, c.scalar(math.Sqrt(2/math.Pi), d)})})
	default:
		fail.With("%s: approximate %q cannot be exported", c.node.Op, a)
	}
	c.put("Mul", []string{half, c.add("Add", []string{inner, c.scalar(1, d)})})
}

func lowerElu(c *call) {
	if c.number("scale") != 1 || c.number("input_scale") != 1 {
		fail.With("%s: scale and input_scale other than 1 cannot be exported", c.node.Op)
	}
	node("Elu", "self", float("alpha", "alpha"))(c)
}
