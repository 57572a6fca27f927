// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "cmp"

// ConvOptions are those of Conv and ConvTranspose. A list has a number for each
// dimension of space, or one for all of them.
type ConvOptions struct {
	Stride   []int // nil for 1
	Padding  []int // zeros before and after each dimension; nil for none
	Dilation []int // distance of the kernel's elements; nil for 1
	Groups   int   // parts of the channels that do not see each other; 0 for 1
	// Same pads Conv so that the size stays as it is, in place of Padding; of an odd
	// number of zeros one more stands at the end.
	Same bool
	// OutputPadding is how much longer the output of ConvTranspose is at the end of each
	// dimension; nil for 0.
	OutputPadding []int
}

// The operators by the number of dimensions.
var (
	convs          = [4]string{1: "aten::conv1d", 2: "aten::conv2d", 3: "aten::conv3d"}
	convsSame      = [4]string{1: "aten::conv1d.padding", 2: "aten::conv2d.padding", 3: "aten::conv3d.padding"}
	convTransposes = [4]string{1: "aten::conv_transpose1d", 2: "aten::conv_transpose2d.input", 3: "aten::conv_transpose3d.input"}
)

// dimensional returns the operator for n dimensions of space.
func dimensional(what string, operators [4]string, n int) string {
	if n < 1 || n > 3 {
		throw(what, "there are 1 to 3 dimensions of space, not %d", n)
	}
	return operators[n]
}

// sizes adds a list of integers, and the operator's own default for nil.
func (a args) sizes(xs []int) args {
	if xs == nil {
		return a.omit()
	}
	return a.ints(xs...)
}

// Conv is the convolution, strictly the cross-correlation, of x [N, C, *] or [C, *] with
// weight [out, C/groups, *], which has the same 1 to 3 dimensions of space *. bias [out]
// may be nil. A dimension of L elements becomes one of
//
//	⌊(L + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1.
func Conv(x, weight, bias *Tensor, o ConvOptions) *Tensor {
	n := weight.Dim() - 2
	if o.Same {
		return on(dimensional("conv", convsSame, n), x, weight).optional(bias).sizes(o.Stride).string("same").sizes(o.Dilation).int(cmp.Or(o.Groups, 1)).one()
	}
	return on(dimensional("conv", convs, n), x, weight).optional(bias).sizes(o.Stride).sizes(o.Padding).sizes(o.Dilation).int(cmp.Or(o.Groups, 1)).one()
}

// ConvTranspose is the transposed convolution of x [N, C, *] or [C, *] with weight
// [C, out/groups, *]: the gradient of Conv with respect to its input. A dimension of L
// elements becomes one of
//
//	(L - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1.
func ConvTranspose(x, weight, bias *Tensor, o ConvOptions) *Tensor {
	return on(dimensional("conv_transpose", convTransposes, weight.Dim()-2), x, weight).optional(bias).sizes(o.Stride).sizes(o.Padding).
		sizes(o.OutputPadding).int(cmp.Or(o.Groups, 1)).sizes(o.Dilation).one()
}

// WindowOptions are those of Im2Col and Col2Im, with two numbers in each list or one for
// both; see ConvOptions.
type WindowOptions struct{ Kernel, Dilation, Padding, Stride []int }

func (a args) windows(o WindowOptions) args {
	for i, list := range [][]int{o.Kernel, o.Dilation, o.Padding, o.Stride} {
		if list == nil {
			list = [][]int{nil, {1, 1}, {0, 0}, {1, 1}}[i]
		}
		a.ints(list...)
	}
	return a
}

// Im2Col returns the windows of images [N, C, H, W] as columns [N, C·kernel², L], as
// torch.nn.functional.unfold does. The images may lack N.
func (t *Tensor) Im2Col(o WindowOptions) *Tensor { return on("aten::im2col", t).windows(o).one() }

// Col2Im adds columns up to images of the given height and width: it is the gradient of
// Im2Col, and torch.nn.functional.fold.
func (t *Tensor) Col2Im(size []int, o WindowOptions) *Tensor {
	return on("aten::col2im", t).ints(size...).windows(o).one()
}

// PixelShuffle moves channels into space: [*, C·r², H, W] to [*, C, H·r, W·r].
func (t *Tensor) PixelShuffle(r int) *Tensor { return on("aten::pixel_shuffle", t).int(r).one() }

// PixelUnshuffle undoes PixelShuffle: [*, C, H·r, W·r] to [*, C·r², H, W].
func (t *Tensor) PixelUnshuffle(r int) *Tensor { return on("aten::pixel_unshuffle", t).int(r).one() }

// ChannelShuffle divides the channels of t [N, C, *] into groups and takes one of each in turn.
func (t *Tensor) ChannelShuffle(groups int) *Tensor {
	return on("aten::channel_shuffle", t).int(groups).one()
}
