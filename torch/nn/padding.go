// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// Pad puts elements before and after the last dimensions of its input. The functions
// below make one for 1 to 3 dimensions of space. Their padding is one number for all
// sides, or two for each dimension from the last one on: left and right, top and
// bottom, front and back. Negative numbers cut off.
//
// Shape: [N, C, *] or [C, *] to the same with a larger *; constant padding takes any
// leading dimensions.
type Pad struct {
	Padding []int
	Mode    string  // "constant", "reflect", "replicate" or "circular"
	Value   float64 // of "constant"
}

func newPad(mode string, padding []int, n int, value float64) Pad {
	return Pad{perDimension("nn.Pad", "the padding", padding, 2*n), mode, value}
}

// NewConstantPad1d pads sequences with a value.
func NewConstantPad1d(padding []int, value float64) Pad { return newPad("constant", padding, 1, value) }

// NewConstantPad2d pads images with a value.
func NewConstantPad2d(padding []int, value float64) Pad { return newPad("constant", padding, 2, value) }

// NewConstantPad3d pads volumes with a value.
func NewConstantPad3d(padding []int, value float64) Pad { return newPad("constant", padding, 3, value) }

// NewZeroPad1d pads sequences with zeros.
func NewZeroPad1d(padding []int) Pad { return newPad("constant", padding, 1, 0) }

// NewZeroPad2d pads images with zeros.
func NewZeroPad2d(padding []int) Pad { return newPad("constant", padding, 2, 0) }

// NewZeroPad3d pads volumes with zeros.
func NewZeroPad3d(padding []int) Pad { return newPad("constant", padding, 3, 0) }

// NewReflectionPad1d pads sequences with what a mirror in the border element shows.
func NewReflectionPad1d(padding []int) Pad { return newPad("reflect", padding, 1, 0) }

// NewReflectionPad2d pads images as NewReflectionPad1d does.
func NewReflectionPad2d(padding []int) Pad { return newPad("reflect", padding, 2, 0) }

// NewReflectionPad3d pads volumes as NewReflectionPad1d does.
func NewReflectionPad3d(padding []int) Pad { return newPad("reflect", padding, 3, 0) }

// NewReplicationPad1d pads sequences with the border element.
func NewReplicationPad1d(padding []int) Pad { return newPad("replicate", padding, 1, 0) }

// NewReplicationPad2d pads images as NewReplicationPad1d does.
func NewReplicationPad2d(padding []int) Pad { return newPad("replicate", padding, 2, 0) }

// NewReplicationPad3d pads volumes as NewReplicationPad1d does.
func NewReplicationPad3d(padding []int) Pad { return newPad("replicate", padding, 3, 0) }

// NewCircularPad1d pads sequences with themselves, as if they began anew.
func NewCircularPad1d(padding []int) Pad { return newPad("circular", padding, 1, 0) }

// NewCircularPad2d pads images as NewCircularPad1d does.
func NewCircularPad2d(padding []int) Pad { return newPad("circular", padding, 2, 0) }

// NewCircularPad3d pads volumes as NewCircularPad1d does.
func NewCircularPad3d(padding []int) Pad { return newPad("circular", padding, 3, 0) }

// Forward returns x, padded.
func (l Pad) Forward(x *torch.Tensor) *torch.Tensor {
	if l.Mode != "constant" {
		spatial("nn.Pad", x, len(l.Padding)/2)
	}
	return x.Pad(l.Padding, l.Mode, l.Value)
}
