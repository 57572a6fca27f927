// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"

	"github.com/etude-ml/etude/torch/internal/fail"
)

var unaryOps = map[string]lowering{
	"aten::tanh":            elementwise("Tanh"),
	"aten::sigmoid":         elementwise("Sigmoid"),
	"aten::relu":            elementwise("Relu"),
	"aten::neg":             elementwise("Neg"),
	"aten::abs":             elementwise("Abs"),
	"aten::exp":             elementwise("Exp"),
	"aten::log":             elementwise("Log"),
	"aten::sqrt":            elementwise("Sqrt"),
	"aten::reciprocal":      elementwise("Reciprocal"),
	"aten::erf":             elementwise("Erf"),
	"aten::sin":             elementwise("Sin"),
	"aten::cos":             elementwise("Cos"),
	"aten::atanh":           elementwise("Atanh"),
	"aten::floor":           elementwise("Floor"),
	"aten::ceil":            elementwise("Ceil"),
	"aten::logical_not":     elementwise("Not"),
	"aten::square":          lowerSquare,
	"aten::silu":            lowerSilu,
	"aten::gelu":            lowerGelu,
	"aten::leaky_relu":      lowerLeakyRelu,
	"aten::elu":             lowerElu,
	"aten::clamp":           lowerClamp,
	"aten::clamp_min":       lowerClamp,
	"aten::clamp_max":       lowerClamp,
	"aten::hardtanh":        lowerHardtanh,
	"aten::softmax.int":     along("Softmax"),
	"aten::log_softmax.int": along("LogSoftmax"),
	"aten::_softmax":        along("Softmax"),
	"aten::_log_softmax":    along("LogSoftmax"),
	"aten::pow.Tensor_Scalar": func(c *call) {
		c.put("Pow", []string{c.as(c.tensor("self"), c.dtypeOf(0)), c.scalar(c.number("exponent"), c.dtypeOf(0))})
	},
}

// elementwise writes an operator that ONNX has too, with a Cast where PyTorch turns
// integers into floats.
func elementwise(op string) lowering {
	return func(c *call) { c.put(op, []string{c.as(c.tensor("self"), c.dtypeOf(0))}) }
}

// along writes an operator along one dimension.
func along(op string) lowering {
	return func(c *call) {
		x := c.tensor("self")
		c.put(op, []string{c.as(x, c.dtypeOf(0))}, attrInt("axis", c.axis("dim", len(x.shape))))
	}
}

func lowerSquare(c *call) {
	x := c.in(c.tensor("self"))
	c.put("Mul", []string{x, x})
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

func lowerLeakyRelu(c *call) {
	c.put("LeakyRelu", []string{c.in(c.tensor("self"))}, attrFloat("alpha", c.number("negative_slope")))
}

func lowerElu(c *call) {
	if c.number("scale") != 1 || c.number("input_scale") != 1 {
		fail.With("%s: scale and input_scale other than 1 cannot be exported", c.node.Op)
	}
	c.put("Elu", []string{c.in(c.tensor("self"))}, attrFloat("alpha", c.number("alpha")))
}

func lowerClamp(c *call) { lowerClip(c, "min", "max") }

func lowerHardtanh(c *call) { lowerClip(c, "min_val", "max_val") }

func lowerClip(c *call, low, high string) {
	in := []string{c.as(c.tensor("self"), c.dtypeOf(0)), "", ""}
	for i, name := range []string{low, high} {
		if c.has(name) {
			in[i+1] = c.scalar(c.number(name), c.dtypeOf(0))
		}
	}
	c.put("Clip", in)
}
