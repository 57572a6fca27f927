// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowerBatchNorm normalises each channel with given statistics, or with the batch's own
// where there are no others.
func lowerBatchNorm(c *call) {
	x := c.tensor("input")
	mean, variance, weight := c.optional("running_mean"), c.optional("running_var"), c.parameter("weight")
	training := c.bool("training") || c.bool("use_input_stats")
	if training && mean != nil {
		fail.With("%s is in training mode: put the network into evaluation mode", c.node.Op)
	}
	first := 0
	if c.node.Op == "aten::instance_norm" {
		first = 2
	}
	if training || mean == nil {
		axes := []int{}
		for d := range x.shape {
			if d != 1 && d >= first {
				axes = append(axes, d)
			}
		}
		c.set(0, c.affine(c.normalised(c.in(x), x.dtype, axes...), x, 1))
		return
	}
	filled := func(v *value, x float64) string {
		if v != nil {
			return c.in(v)
		}
		return c.in(c.filled(mean.shape, mean.dtype, x))
	}
	in := []string{c.in(x), filled(weight, 1), filled(c.optional("bias"), 0), c.in(mean), c.in(variance)}
	c.set(0, c.add("BatchNormalization", in, attrFloat("epsilon", c.number("eps"))))
}

// normalised writes (x - mean) / √(variance + eps), over some axes.
func (c *call) normalised(x string, d torch.DType, axes ...int) string {
	centred := c.add("Sub", []string{x, c.reduced("ReduceMean", x, true, axes...)})
	variance := c.reduced("ReduceMean", c.add("Mul", []string{centred, centred}), true, axes...)
	return c.formula(d, "x / Sqrt(v + eps)", map[string]string{"x": centred, "v": variance})
}

// affine multiplies by the weight and adds the bias, whose dimensions begin at one of x.
func (c *call) affine(y string, x *value, axis int) string {
	for _, step := range []struct{ name, op string }{{"weight", "Mul"}, {"bias", "Add"}} {
		if v := c.optional(step.name); v != nil {
			in := c.in(v)
			if rest := len(x.shape) - axis - len(v.shape); rest > 0 {
				in = c.add("Reshape", []string{in, c.vector(append([]int{-1}, repeated(1, rest)...)...)})
			}
			y = c.add(step.op, []string{y, in})
		}
	}
	return y
}

// lowerLayerNorm normalises over the last dimensions.
func lowerLayerNorm(c *call) {
	x, dims := c.tensor("input"), len(c.ints("normalized_shape"))
	first := len(x.shape) - dims
	c.parameter("weight")
	if c.opset < 17 { // which has no operator for it
		c.set(0, c.affine(c.normalised(c.in(x), x.dtype, counted(len(x.shape))[first:]...), x, first))
		return
	}
	scale := c.orNone("weight")
	if scale == "" {
		scale = c.in(c.filled(x.shape[first:], x.dtype, 1))
	}
	c.put("LayerNormalization", []string{c.in(x), scale, c.orNone("bias")}, attrInt("axis", -dims), attrFloat("epsilon", c.number("eps")))
}

// lowerGroupNorm normalises groups of channels.
func lowerGroupNorm(c *call) {
	x := c.tensor("input")
	c.parameter("weight")
	y := c.add("Reshape", []string{c.in(x), c.vector(0, c.int(c.oneOf("num_groups", "group")), -1)})
	y = c.reshape(c.normalised(y, x.dtype, 2), nil, x.shape)
	c.set(0, c.affine(y, x, 1))
}

// lowerRMSNorm divides by the root of the mean square over the last dimensions.
func lowerRMSNorm(c *call) {
	x := c.tensor("input")
	first := len(x.shape) - len(c.ints("normalized_shape"))
	in, eps := c.in(x), 0x1p-23
	if x.dtype == torch.Float64 {
		eps = 0x1p-52
	}
	square := c.reduced("ReduceMean", c.add("Mul", []string{in, in}), true, counted(len(x.shape))[first:]...)
	known := map[string]string{"x": in, "s": square, "e": c.scalar(c.numberOr("eps", eps), x.dtype)}
	c.set(0, c.affine(c.formula(x.dtype, "x / Sqrt(s + e)", known), x, first))
}
