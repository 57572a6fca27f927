// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// planes returns the number of dimensions that the name of the operator has, 2 for max_pool2d.
func (c *call) planes() int {
	n := 1
	for !strings.Contains(c.node.Op, strconv.Itoa(n)+"d") {
		n++
	}
	return n
}

// pool writes the largest or mean value of windows.
func pool(op string) lowering {
	return func(c *call) {
		x, n := c.tensor("self"), c.planes()
		kernel := c.perAxis("kernel_size", n, nil)
		padding := c.perAxis("padding", n, repeated(0, n))
		ceil := c.bool("ceil_mode")
		attributes := []attribute{
			attrInts("kernel_shape", kernel...), attrInts("strides", c.perAxis("stride", n, kernel)...),
			attrInts("pads", append(padding[:n:n], padding...)...), attrInt("ceil_mode", flag(ceil)),
		}
		if op == "MaxPool" {
			c.maxPool(x, n, append(attributes, attrInts("dilations", c.perAxis("dilation", n, repeated(1, n))...)))
			return
		}
		included, factor := c.bool("count_include_pad"), 1.0
		if c.has("divisor_override") {
			if ceil {
				fail.With("%s: divisor_override and ceil_mode together cannot be exported", c.node.Op)
			}
			included = true
			for _, k := range kernel {
				factor *= float64(k)
			}
			factor /= c.number("divisor_override")
		}
		if ceil && included {
			c.needs(19, "ceil_mode with count_include_pad")
		}
		c.batched(x, n+2, func(x string) string {
			y := c.add("AveragePool", []string{x}, append(attributes, attrInt("count_include_pad", flag(included)))...)
			if factor != 1 {
				y = c.add("Mul", []string{y, c.scalar(factor, c.dtypeOf(0))})
			}
			return y
		})
	}
}

// maxPool writes the largest values and, where they are wanted, their places, which
// PyTorch counts in each plane.
func (c *call) maxPool(x *value, n int, attributes []attribute) {
	places := len(c.node.Results) > 1 && c.wanted(1)
	c.batched(x, n+2, func(in string) string {
		out := c.emit(c.label, "MaxPool", []string{in}, []bool{true, places}, attributes...)
		if places {
			at := out[1] // in all planes, which follow each other
			at = c.add("Mod", []string{at, c.elementsAlong(x, counted(len(x.shape))[len(x.shape)-n:])})
			if len(x.shape) == n+1 {
				at = c.squeeze(at, 0)
			}
			c.set(1, at)
		}
		return out[0]
	})
}

// adaptivePool writes a pool with a given number of windows. Windows of equal size are one
// node; other means are those of slices, dimension by dimension.
func adaptivePool(op string) lowering {
	return func(c *call) {
		x, n := c.tensor("self"), c.planes()
		rank := len(x.shape)
		sizes, kernel, equal := c.perAxis("output_size", n, nil), make([]int, n), true
		free := false
		for i := range kernel {
			if !x.shape[rank-n+i].constant() {
				equal, free = false, true
				continue
			}
			have := x.shape[rank-n+i].fixed
			if sizes[i] < 0 {
				sizes[i] = have
			}
			kernel[i] = have / sizes[i]
			equal = equal && have%sizes[i] == 0
		}
		attributes := []attribute{attrInts("kernel_shape", kernel...), attrInts("strides", kernel...)}
		switch {
		case equal && op == "MaxPool":
			c.maxPool(x, n, attributes)
			return
		case equal:
			c.batched(x, n+2, func(x string) string { return c.add(op, []string{x}, attributes...) })
			return
		case op == "MaxPool" && !free:
			c.unequalMaxPool(x, sizes)
			return
		case len(c.node.Results) > 1 && c.wanted(1):
			fail.With("%s: places of maxima in windows of free sizes cannot be exported", c.node.Op)
		}
		reduce := map[string]string{"MaxPool": "ReduceMax", "AveragePool": "ReduceMean"}[op]
		y := c.in(x)
		for i, out := range sizes {
			axis := rank - n + i
			switch {
			case out < 0:
				continue
			case out == 1: // also of a free size
				y = c.reduced(reduce, y, true, axis)
				continue
			}
			bound := func(windows, up int) string { // (windows·n + up) / out, rounded down
				n := x.shape[axis]
				if n.constant() {
					return c.vector((windows*n.fixed + up) / out)
				}
				y := c.add("Mul", []string{c.sizes(n), c.vector(windows)})
				return c.add("Div", []string{c.add("Add", []string{y, c.vector(up)}), c.vector(out)})
			}
			var parts []string
			for k := range out {
				part := c.add("Slice", []string{y, bound(k, 0), bound(k+1, out-1), c.vector(axis)})
				parts = append(parts, c.reduced(reduce, part, true, axis))
			}
			y = c.add("Concat", parts, attrInt("axis", axis))
		}
		c.set(0, y)
	}
}

// unequalMaxPool writes the maxima and their places in windows of unequal sizes: the elements
// of each plane are picked by window, the first of a window again where it has fewer.
func (c *call) unequalMaxPool(x *value, sizes []int) {
	lead := len(x.shape) - len(sizes)
	windows, plane := [][]int{{0}}, 1
	for i, out := range sizes {
		have := x.shape[lead+i].fixed
		plane *= have
		var finer [][]int
		for _, w := range windows {
			for k := range out {
				var places []int
				for _, at := range w {
					for j := k * have / out; j < ((k+1)*have+out-1)/out; j++ {
						places = append(places, at*have+j)
					}
				}
				finer = append(finer, places)
			}
		}
		windows = finer
	}
	widest := len(slices.MaxFunc(windows, func(a, b []int) int { return len(a) - len(b) }))
	var all []int
	for _, w := range windows {
		all = append(all, w...)
		all = append(all, repeated(w[0], widest-len(w))...)
	}
	from := append(slices.Clone(x.shape[:lead]), size{fixed: plane})
	places := c.matrix(len(windows), widest, all)
	picked := c.gather(c.reshape(c.in(x), x.shape, from), places, lead)
	c.set(0, c.reshape(c.reduced("ReduceMax", picked, false, -1), nil, c.shapeOf(0)))
	if c.wanted(1) {
		best := c.add("ArgMax", []string{picked}, attrInt("axis", -1))
		shape := append(slices.Clone(x.shape[:lead]), size{fixed: len(windows)}, size{fixed: widest})
		at := c.add("GatherElements", []string{c.expand(places, shape...), best}, attrInt("axis", -1))
		c.set(1, c.reshape(at, nil, c.shapeOf(1)))
	}
}

// lowerUnpool writes values to their places in planes, with zeros around them.
func lowerUnpool(c *call) {
	x, out := c.tensor("self"), c.shapeOf(0)
	axis := len(out) - c.planes()
	planes := append(repeated(0, axis), -1) // the first dimensions as they are
	flat := func(x string) string { return c.add("Reshape", []string{x, c.vector(planes...)}) }
	zeros := flat(c.in(c.filled(out, x.dtype, 0)))
	y := c.add("ScatterElements", []string{zeros, flat(c.in(c.tensor("indices"))), flat(c.in(x))}, attrInt("axis", axis))
	c.set(0, c.add("Reshape", []string{y, c.sizes(out...)}))
}
