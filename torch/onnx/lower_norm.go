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
	mean, variance := c.optional("running_mean"), c.optional("running_var")
	if w := c.optional("weight"); w != nil {
		c.label = prefix(w.label)
	}
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
		if first == 0 {
			axes = append([]int{0}, axes[1:]...)
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
	in := []string{c.in(x), filled(c.optional("weight"), 1), filled(c.optional("bias"), 0), c.in(mean), c.in(variance)}
	c.set(0, c.add("BatchNormalization", in, attrFloat("epsilon", c.number("eps"))))
}

// normalised writes (x - mean) / √(variance + eps), over some axes.
func (c *call) normalised(x string, d torch.DType, axes ...int) string {
	centred := c.add("Sub", []string{x, c.reduced("ReduceMean", x, true, axes...)})
	variance := c.reduced("ReduceMean", c.add("Mul", []string{centred, centred}), true, axes...)
	return c.formula(d, "x / Sqrt(v + eps)", map[string]string{"x": centred, "v": variance})
}

// affine multiplies by the weight and adds the bias, both along one axis of x.
func (c *call) affine(y string, x *value, axis int) string {
	for _, step := range []struct{ name, op string }{{"weight", "Mul"}, {"bias", "Add"}} {
		if v := c.optional(step.name); v != nil {
			shape := repeated(1, len(x.shape)-axis)
			shape[0] = -1
			y = c.add(step.op, []string{y, c.add("Reshape", []string{c.in(v), c.vector(shape...)})})
		}
	}
	return y
}

// lowerLayerNorm normalises over the last dimensions.
func lowerLayerNorm(c *call) {
	x, weight, bias := c.tensor("input"), c.optional("weight"), c.optional("bias")
	shape := c.ints("normalized_shape")
	if weight != nil {
		c.label = prefix(weight.label)
	}
	if c.opset < 17 { // which has no operator for it
		axes := make([]int, len(shape))
		for i := range axes {
			axes[i] = len(x.shape) - len(shape) + i
		}
		y := c.normalised(c.in(x), x.dtype, axes...)
		if weight != nil {
			y = c.add("Mul", []string{y, c.in(weight)})
		}
		if bias != nil {
			y = c.add("Add", []string{y, c.in(bias)})
		}
		c.set(0, y)
		return
	}
	var scale string
	if weight != nil {
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

// lowerGroupNorm normalises groups of channels.
func lowerGroupNorm(c *call) {
	x := c.tensor("input")
	if w := c.optional("weight"); w != nil {
		c.label = prefix(w.label)
	}
	groups := "num_groups"
	if c.has("group") {
		groups = "group"
	}
	y := c.add("Reshape", []string{c.in(x), c.vector(0, c.int(groups), -1)})
	y = c.reshape(c.normalised(y, x.dtype, 2), nil, x.shape)
	c.set(0, c.affine(y, x, 1))
}

// lowerRMSNorm divides by the root of the mean square over the last dimensions.
func lowerRMSNorm(c *call) {
	x := c.tensor("input")
	var axes []int
	for i := range c.ints("normalized_shape") {
		axes = append(axes, len(x.shape)-1-i)
	}
	in, eps := c.in(x), 0x1p-23
	if c.has("eps") {
		eps = c.number("eps")
	} else if x.dtype == torch.Float64 {
		eps = 0x1p-52
	}
	square := c.reduced("ReduceMean", c.add("Mul", []string{in, in}), true, axes...)
	y := c.formula(x.dtype, "x / Sqrt(s + e)", map[string]string{"x": in, "s": square, "e": c.scalar(eps, x.dtype)})
	if w := c.optional("weight"); w != nil {
		y = c.add("Mul", []string{y, c.in(w)})
	}
	c.set(0, y)
}
