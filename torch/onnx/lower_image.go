// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// lowerPad writes padding. PyTorch's list begins with the last dimension, a pair each.
func lowerPad(c *call) {
	x := c.tensor("self")
	mode := c.string("mode")
	switch {
	case strings.HasPrefix(c.node.Op, "aten::reflection"):
		mode = "reflect"
	case strings.HasPrefix(c.node.Op, "aten::replication"):
		mode = "replicate"
	case mode == "":
		mode = "constant"
	}
	c.set(0, c.padded(x, c.ints(c.oneOf("padding", "pad")), mode))
}

func (c *call) padded(x *value, pairs []int, mode string) string {
	rank, y := len(x.shape), c.in(x)
	pads := make([]int, 2*rank)
	for i := 0; 2*i < len(pairs); i++ {
		pads[rank-1-i], pads[2*rank-1-i] = pairs[2*i], pairs[2*i+1]
	}
	switch mode {
	case "constant":
		in := []string{y, c.vector(pads...)}
		if c.has("value") {
			in = append(in, c.operand("value", x.dtype))
		}
		return c.add("Pad", in, attrString("mode", "constant"))
	case "circular": // ONNX has it from opset 19 on
		for i := range rank {
			n, before, after := x.shape[i], pads[i], pads[rank+i]
			if before < 0 || after < 0 {
				fail.With("%s: circular padding by %d and %d cannot be exported", c.node.Op, before, after)
			}
			parts := []string{y}
			if before > 0 {
				parts = []string{c.slice(y, i, n.plus(-before), n), y}
			}
			if after > 0 {
				parts = append(parts, c.slice(y, i, size{}, size{fixed: after}))
			}
			if len(parts) > 1 {
				y = c.add("Concat", parts, attrInt("axis", i))
			}
		}
		return y
	}
	// What is cut off may be repeated on the other side first, so it is cut last.
	var cut, from, to []int
	for i := range rank {
		if before, after := pads[i], pads[rank+i]; before < 0 || after < 0 {
			cut, from, to = append(cut, i), append(from, max(-before, 0)), append(to, math.MaxInt64)
			if after < 0 {
				to[len(to)-1] = after
			}
			pads[i], pads[rank+i] = max(before, 0), max(after, 0)
		}
	}
	y = c.add("Pad", []string{y, c.vector(pads...)}, attrString("mode", strings.Replace(mode, "replicate", "edge", 1)))
	if cut != nil {
		y = c.add("Slice", []string{y, c.vector(from...), c.vector(to...), c.vector(cut...)})
	}
	return y
}

// upsample writes an interpolation over the last dimensions: "nearest", "linear" or "cubic".
func upsample(mode string, attributes ...attribute) lowering {
	return func(c *call) {
		x := c.tensor(c.oneOf("input", "self"))
		n := len(x.shape) - 2
		in := []string{c.in(x), "", "", ""}
		var scales []float64
		for _, name := range []string{"scales_d", "scales_h", "scales_w", "scales"} {
			if c.has(name) {
				scales = append(scales, c.number(name))
			}
		}
		if list, ok := c.node.Args["scale_factors"].([]float64); ok {
			scales = list
		}
		if len(scales) == n {
			all := append([]float64{1, 1}, scales...)
			data := collect(all, func(x float64) float32 { return float32(x) })
			if constant(c.shapeOf(0)[2:]) && !constant(x.shape[2:]) {
				fail.With("%s: scales and a fixed size for an input of any size cannot be exported", c.node.Op)
			}
			in[2] = c.once(fmt.Sprint("scales_", all), torch.Float32, []int{len(all)}, bytesOf(data))
		} else {
			in[3] = c.sizes(c.shapeOf(0)...)
		}
		coordinates := "asymmetric"
		switch {
		case c.bool("align_corners"):
			coordinates = "align_corners"
		case mode != "nearest", strings.Contains(c.node.Op, "exact"):
			coordinates = "half_pixel" // which is PyTorch's, also for a result of size 1
		}
		list := append([]attribute{attrString("mode", mode), attrString("coordinate_transformation_mode", coordinates)}, attributes...)
		if strings.Contains(c.node.Op, "_aa") {
			c.needs(18, "antialiasing")
			if c.bool("align_corners") {
				fail.With("%s: with align_corners ONNX Runtime takes other windows; leave it out", c.node.Op)
			}
			list = append(list, attrInt("antialias", 1), attrInt("exclude_outside", 1))
		}
		c.put("Resize", in, list...)
	}
}

// lowerGridSampler samples images at places that another tensor has.
func lowerGridSampler(c *call) {
	modes := []string{"bilinear", "nearest", "bicubic"}
	x := c.tensor("input")
	if len(x.shape) > 4 {
		c.needs(20, "an image of three dimensions")
	}
	if c.opset >= 20 {
		modes = []string{"linear", "nearest", "cubic"}
	}
	c.put("GridSample", []string{c.in(x), c.in(c.tensor("grid"))},
		attrString("mode", modes[c.int("interpolation_mode")]), attrInt("align_corners", flag(c.bool("align_corners"))),
		attrString("padding_mode", []string{"zeros", "border", "reflection"}[c.int("padding_mode")]))
}

// lowerShuffle writes pixel_shuffle, pixel_unshuffle and channel_shuffle: dimensions are
// split in two and the parts ordered otherwise.
func lowerShuffle(c *call) {
	x, out := c.tensor("self"), c.shapeOf(0)
	first := len(x.shape) - 3
	var split []size
	var perm []int
	part := func(n int) size { return size{fixed: n} }
	switch c.node.Op {
	case "aten::pixel_shuffle":
		r := part(c.int("upscale_factor"))
		split, perm = []size{out[first], r, r, x.shape[first+1], x.shape[first+2]}, []int{0, 3, 1, 4, 2}
	case "aten::pixel_unshuffle":
		r := part(c.int("downscale_factor"))
		split, perm = []size{x.shape[first], out[first+1], r, out[first+2], r}, []int{0, 2, 4, 1, 3}
	default: // the channels come second
		g := c.int("groups")
		first = 1
		rest := c.p.derive(c.what("self"), func(x []int) int { return x[0] / g }, x.sizeAt(1))
		split, perm = []size{part(g), rest}, []int{1, 0}
		for d := 2; d < len(x.shape); d++ {
			split, perm = append(split, x.shape[d]), append(perm, d)
		}
	}
	for i := range perm {
		perm[i] += first
	}
	split, perm = append(slices.Clone(x.shape[:first]), split...), append(counted(first), perm...)
	y := c.transpose(c.reshape(c.in(x), x.shape, split), perm...)
	c.set(0, c.reshape(y, collect(perm, func(d int) size { return split[d] }), out))
}
