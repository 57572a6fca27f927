// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"math"

	"github.com/etude-ml/etude/torch"
)

// Identity passes its input on.
type Identity struct{}

// Forward returns x itself.
func (Identity) Forward(x *torch.Tensor) *torch.Tensor { return x }

// Flatten makes one dimension of those from StartDim to EndDim; negative ones count from
// the end.
type Flatten struct{ StartDim, EndDim int }

// DefaultFlatten returns a Flatten of all dimensions but the first: [N, *] to [N, n].
func DefaultFlatten() Flatten { return Flatten{StartDim: 1, EndDim: -1} }

// Forward returns x, flattened.
func (l Flatten) Forward(x *torch.Tensor) *torch.Tensor { return x.Flatten(l.StartDim, l.EndDim) }

// Unflatten makes dimensions of the given sizes of dimension Dim. One size may be -1, for
// what is left.
type Unflatten struct {
	Dim   int
	Sizes []int
}

// Forward returns x with more dimensions.
func (l Unflatten) Forward(x *torch.Tensor) *torch.Tensor { return x.Unflatten(l.Dim, l.Sizes...) }

// PixelShuffle makes images larger by a factor with their channels: [*, C·factor², H, W] to
// [*, C, H·factor, W·factor]. From "Real-time single image and video super-resolution using
// an efficient sub-pixel convolutional neural network", Shi et al., 2016.
type PixelShuffle struct{ UpscaleFactor int }

// Forward returns x with channels moved into space.
func (l PixelShuffle) Forward(x *torch.Tensor) *torch.Tensor { return x.PixelShuffle(l.UpscaleFactor) }

// PixelUnshuffle undoes [PixelShuffle]: [*, C, H·factor, W·factor] to [*, C·factor², H, W].
type PixelUnshuffle struct{ DownscaleFactor int }

// Forward returns x with space moved into channels.
func (l PixelUnshuffle) Forward(x *torch.Tensor) *torch.Tensor {
	return x.PixelUnshuffle(l.DownscaleFactor)
}

// ChannelShuffle divides channels into groups and takes one of each in turn: [N, C, *] to
// the same. From "ShuffleNet", Zhang et al., 2018.
type ChannelShuffle struct{ Groups int }

// Forward returns x with its channels in another order.
func (l ChannelShuffle) Forward(x *torch.Tensor) *torch.Tensor { return x.ChannelShuffle(l.Groups) }

// Upsample changes the size of the 1 to 3 dimensions of space: [N, C, *] to the same with
// another *. Either Size or Scale is set, with a number for each dimension or one for all.
type Upsample struct {
	Size  []int
	Scale []float64
	// Mode is "nearest", also if it is empty, "nearest-exact", "linear" (for one
	// dimension), "bilinear" or "bicubic" (for two), or "trilinear" (for three).
	Mode string
	// AlignCorners puts the corners of input and output at the same place, and not the
	// edges; not with "nearest".
	AlignCorners bool
	// RecomputeScale takes the scale from the sizes of input and output, of which the
	// latter is rounded.
	RecomputeScale bool
}

// Forward returns x in the other size.
func (l Upsample) Forward(x *torch.Tensor) *torch.Tensor {
	n := x.Dim() - 2
	fit("nn.Upsample", n >= 1 && n <= 3, x.Shape(), "the input must have the shape [N, C, *] with 1 to 3 dimensions *")
	must("nn.Upsample", (l.Size == nil) != (l.Scale == nil), "set either Size or Scale")
	o := torch.InterpolateOptions{Mode: cmp.Or(l.Mode, "nearest"), AlignCorners: l.AlignCorners}
	switch {
	case l.Size != nil:
		o.Size = perDimension("nn.Upsample", "Size", l.Size, n)
	case l.RecomputeScale:
		for i, s := range perDimension("nn.Upsample", "Scale", l.Scale, n) {
			o.Size = append(o.Size, int(math.Floor(float64(x.Size(2+i))*s)))
		}
	default:
		o.Scale = perDimension("nn.Upsample", "Scale", l.Scale, n)
	}
	return x.Interpolate(o)
}

// UpsamplingNearest2d is [Upsample] of images by the nearest element.
type UpsamplingNearest2d struct {
	Size  []int
	Scale []float64
}

// Forward returns x in the other size.
func (l UpsamplingNearest2d) Forward(x *torch.Tensor) *torch.Tensor {
	return Upsample{Size: l.Size, Scale: l.Scale}.Forward(x)
}

// UpsamplingBilinear2d is [Upsample] of images with Mode "bilinear" and AlignCorners.
type UpsamplingBilinear2d struct {
	Size  []int
	Scale []float64
}

// Forward returns x in the other size.
func (l UpsamplingBilinear2d) Forward(x *torch.Tensor) *torch.Tensor {
	return Upsample{Size: l.Size, Scale: l.Scale, Mode: "bilinear", AlignCorners: true}.Forward(x)
}

// Unfold takes the windows of images as columns: [N, C, H, W] or [C, H, W] to
// [N, C·kernel², L] or [C·kernel², L], where L is the number of windows. A list has two
// numbers, or one for both dimensions.
type Unfold struct {
	Kernel   []int
	Dilation []int // nil for 1
	Padding  []int // zeros before and after each dimension; nil for none
	Stride   []int // nil for 1
}

func (l Unfold) windows(op string) torch.WindowOptions {
	must(op, l.Kernel != nil, "the kernel has no size")
	return torch.WindowOptions{
		Kernel: each(op, "Kernel", l.Kernel, 2, 1, 1), Dilation: each(op, "Dilation", l.Dilation, 2, 1, 1),
		Padding: each(op, "Padding", l.Padding, 2, 0, 0), Stride: each(op, "Stride", l.Stride, 2, 1, 1),
	}
}

// Forward returns the windows of x.
func (l Unfold) Forward(x *torch.Tensor) *torch.Tensor {
	spatial("nn.Unfold", x, 2)
	return x.Im2Col(l.windows("nn.Unfold"))
}

// Fold adds the columns of an [Unfold] with these settings up to images of OutputSize:
// [N, C·kernel², L] or [C·kernel², L] to [N, C, H, W] or [C, H, W].
type Fold struct {
	OutputSize                        []int
	Kernel, Dilation, Padding, Stride []int
}

// Forward returns the sums of the windows in x.
func (l Fold) Forward(x *torch.Tensor) *torch.Tensor {
	must("nn.Fold", l.OutputSize != nil, "the output has no size")
	o := Unfold{l.Kernel, l.Dilation, l.Padding, l.Stride}.windows("nn.Fold")
	return x.Col2Im(each("nn.Fold", "OutputSize", l.OutputSize, 2, 1, 1), o)
}
