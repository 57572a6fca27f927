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
	return attrInt("axis", c.axis("dim", c.rank()))
}

// alongDim writes an operator along a dimension, and the formula where there is none.
func alongDim(op, scalar string) lowering {
	return func(c *call) {
		if len(c.tensor("self").shape) == 0 {
			formula(scalar)(c)
			return
		}
		node(op, "self", dimAsAxis)(c)
	}
}

// rank returns the number of dimensions of self, which must have one.
func (c *call) rank() int {
	n := len(c.tensor("self").shape)
	if n == 0 {
		fail.With("%s: a tensor without dimensions cannot be exported", c.node.Op)
	}
	return n
}

// lowerGelu writes x·Φ(x), or its approximation ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func lowerGelu(c *call) {
	switch a := c.string("approximate"); a {
	case "none":
		formula("self * 0.5 * (Erf(self * 0.7071067811865476) + 1)")(c)
	case "tanh":
		formula("self * 0.5 * (Tanh((self + self * self * self * 0.044715) * 0.7978845608028654) + 1)")(c)
	default:
		fail.With("%s: approximate %q cannot be exported", c.node.Op, a)
	}
}

// lowerPRelu writes a leaky ReLU with one slope, or one for each channel.
func lowerPRelu(c *call) {
	x, w := c.tensor("self"), c.parameter("weight")
	slope := c.in(w)
	if len(x.shape) > 2 && len(w.shape) == 1 {
		slope = c.add("Reshape", []string{slope, c.vector(append([]int{-1}, repeated(1, len(x.shape)-2)...)...)})
	}
	if len(x.shape) == 0 {
		slope = c.add("Reshape", []string{slope, c.vector()})
	}
	c.put("PRelu", []string{c.in(x), slope})
}

// inEvaluation refuses the training mode, in which the operator draws numbers.
func inEvaluation(f lowering) lowering {
	return func(c *call) {
		if c.bool("training") || c.bool("train") {
			fail.With("%s is in training mode: put the network into evaluation mode", c.node.Op)
		}
		f(c)
	}
}

// lowerGlu multiplies one half of a dimension by the sigmoid of the other.
func lowerGlu(c *call) {
	x := c.tensor("self")
	axis := c.axis("dim", len(x.shape))
	half := size{fixed: c.fixed(x.sizeAt(axis), "self") / 2}
	both := c.split(c.in(x), axis, half, half)
	c.set(0, c.formula(x.dtype, "a * Sigmoid(b)", map[string]string{"a": both[0], "b": both[1]}))
}

// lowerClamp bounds values by tensors, either of which may be missing.
func lowerClamp(c *call) {
	text := "self"
	if c.has("min") {
		text = "Max(" + text + ", min)"
	}
	if c.has("max") {
		text = "Min(" + text + ", max)"
	}
	formula(text)(c)
}

// lowerNaNToNum replaces NaN and the infinities, these by the largest numbers of the type
// where no others are given.
func lowerNaNToNum(c *call) {
	d := c.dtypeOf(0)
	largest := 0x1.fffffep127
	if d == torch.Float64 {
		largest = math.MaxFloat64
	}
	known := map[string]string{}
	for name, x := range map[string]float64{"nan": 0, "posinf": largest, "neginf": -largest} {
		known[name] = c.scalar(c.numberOr(name, x), d)
	}
	c.set(0, c.formula(d, "Where(IsNaN(self), nan, Where(self == Inf, posinf, Where(self == -Inf, neginf, self)))", known))
}

const floorDivide = "Where(other == 0, self / other, Round((self - Remainder(self, other)) / other))"

// lowerDivMode divides and rounds towards zero, down, or not at all.
func lowerDivMode(c *call) {
	formula(map[string]string{"": "self / other", "trunc": "Trunc(self / other)", "floor": floorDivide}[c.string("rounding_mode")])(c)
}

// lowerLogit writes log(x / (1 - x)), for an x that is kept within eps and 1 - eps.
func lowerLogit(c *call) {
	x := "self"
	if c.has("eps") {
		x = "Where(self < eps, eps, Where(self > 1 - eps, 1 - eps, self))"
	}
	formula("Log(" + x + " / (1 - " + x + "))")(c)
}

// bitwise writes an operator on bools, which ONNX has in all opsets.
func bitwise(op, arguments string) lowering {
	return func(c *call) {
		if c.dtypeOf(0) != torch.Bool {
			c.needs(18, "bitwise operators on integers")
			node("Bitwise"+op, arguments)(c)
			return
		}
		node(op, arguments)(c)
	}
}
