// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// windows are those of im2col and col2im: kernel, dilation, padding, stride, and how many
// there are along each of the two dimensions of an image.
func (c *call) windows(image []int) (kernel, dilation, padding, stride, count []int) {
	kernel, dilation = c.perAxis("kernel_size", 2, nil), c.perAxis("dilation", 2, nil)
	padding, stride = c.perAxis("padding", 2, nil), c.perAxis("stride", 2, nil)
	for i, n := range image {
		count = append(count, (n+2*padding[i]-dilation[i]*(kernel[i]-1)-1)/stride[i]+1)
	}
	return kernel, dilation, padding, stride, count
}

// lowerIm2col writes the windows of images as columns, picked row by row and then column by
// column.
func lowerIm2col(c *call) {
	x := c.tensor("self")
	rank := len(x.shape)
	image := []int{c.fixed(x.sizeAt(rank-2), "self"), c.fixed(x.sizeAt(rank-1), "self")}
	kernel, dilation, padding, stride, count := c.windows(image)
	c.batched(x, 4, func(y string) string {
		y = c.add("Pad", []string{y, c.vector(0, 0, padding[0], padding[1], 0, 0, padding[0], padding[1])})
		for i, axis := range []int{2, 4} {
			var at []int
			for k := range kernel[i] {
				for n := range count[i] {
					at = append(at, k*dilation[i]+n*stride[i])
				}
			}
			y = c.gather(y, c.matrix(kernel[i], count[i], at), axis)
		}
		y = c.transpose(y, 0, 1, 2, 4, 3, 5) // channels, kernels, places
		channels := c.fixed(x.sizeAt(rank-3), "self")
		return c.add("Reshape", []string{y, c.vector(0, channels*kernel[0]*kernel[1], count[0]*count[1])})
	})
}

// lowerCol2im adds windows up to images: a transposed convolution whose kernels have a single
// one each. ONNX has Col2Im from opset 18 on.
func lowerCol2im(c *call) {
	x := c.tensor("self")
	image := c.ints("output_size")
	kernel, dilation, padding, stride, count := c.windows(image)
	elements := kernel[0] * kernel[1]
	channels := c.fixed(x.sizeAt(len(x.shape)-2), "self") / elements
	ones := make([]float32, channels*elements*elements)
	for i := range channels * elements {
		ones[i*elements+i%elements] = 1
	}
	shape := []int{channels * elements, 1, kernel[0], kernel[1]}
	w := c.once(fmt.Sprint("windows_", shape), torch.Float32, shape, bytesOf(ones))
	if x.dtype != torch.Float32 {
		w = c.cast(w, x.dtype)
	}
	var rest []int
	for i, n := range image {
		rest = append(rest, n+2*padding[i]-(count[i]-1)*stride[i]-dilation[i]*(kernel[i]-1)-1)
	}
	c.batched(x, 3, func(y string) string {
		y = c.add("Reshape", []string{y, c.vector(0, channels*elements, count[0], count[1])})
		return c.add("ConvTranspose", []string{y, w}, attrInts("strides", stride...), attrInts("dilations", dilation...),
			attrInts("pads", padding[0], padding[1], padding[0], padding[1]), attrInts("output_padding", rest...), attrInt("group", channels))
	})
}
