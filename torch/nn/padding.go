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

func newPad(op string, padding []int, n int, mode string, value float64) Pad {
	return Pad{perDimension(op, "the padding", padding, 2*n), mode, value}
}

// NewConstantPad1d pads sequences with a value.
func NewConstantPad1d(padding []int, value float64) Pad {
	return newPad("nn.ConstantPad1d", padding, 1, "constant", value)
}

// NewConstantPad2d pads images with a value.
func NewConstantPad2d(padding []int, value float64) Pad {
	return newPad("nn.ConstantPad2d", padding, 2, "constant", value)
}

// NewConstantPad3d pads volumes with a value.
func NewConstantPad3d(padding []int, value float64) Pad {
	return newPad("nn.ConstantPad3d", padding, 3, "constant", value)
}

// NewZeroPad1d pads sequences with zeros.
func NewZeroPad1d(padding []int) Pad { return newPad("nn.ZeroPad1d", padding, 1, "constant", 0) }

// NewZeroPad2d pads images with zeros.
func NewZeroPad2d(padding []int) Pad { return newPad("nn.ZeroPad2d", padding, 2, "constant", 0) }

// NewZeroPad3d pads volumes with zeros.
func NewZeroPad3d(padding []int) Pad { return newPad("nn.ZeroPad3d", padding, 3, "constant", 0) }

// NewReflectionPad1d pads sequences with what a mirror in the border element shows.
func NewReflectionPad1d(padding []int) Pad {
	return newPad("nn.ReflectionPad1d", padding, 1, "reflect", 0)
}

// NewReflectionPad2d pads images as NewReflectionPad1d does.
func NewReflectionPad2d(padding []int) Pad {
	return newPad("nn.ReflectionPad2d", padding, 2, "reflect", 0)
}

// NewReflectionPad3d pads volumes as NewReflectionPad1d does.
func NewReflectionPad3d(padding []int) Pad {
	return newPad("nn.ReflectionPad3d", padding, 3, "reflect", 0)
}

// NewReplicationPad1d pads sequences with the border element.
func NewReplicationPad1d(padding []int) Pad {
	return newPad("nn.ReplicationPad1d", padding, 1, "replicate", 0)
}

// NewReplicationPad2d pads images as NewReplicationPad1d does.
func NewReplicationPad2d(padding []int) Pad {
	return newPad("nn.ReplicationPad2d", padding, 2, "replicate", 0)
}

// NewReplicationPad3d pads volumes as NewReplicationPad1d does.
func NewReplicationPad3d(padding []int) Pad {
	return newPad("nn.ReplicationPad3d", padding, 3, "replicate", 0)
}

// NewCircularPad1d pads sequences with themselves, as if they began anew.
func NewCircularPad1d(padding []int) Pad {
	return newPad("nn.CircularPad1d", padding, 1, "circular", 0)
}

// NewCircularPad2d pads images as NewCircularPad1d does.
func NewCircularPad2d(padding []int) Pad {
	return newPad("nn.CircularPad2d", padding, 2, "circular", 0)
}

// NewCircularPad3d pads volumes as NewCircularPad1d does.
func NewCircularPad3d(padding []int) Pad {
	return newPad("nn.CircularPad3d", padding, 3, "circular", 0)
}

// Forward returns x, padded.
func (l Pad) Forward(x *torch.Tensor) *torch.Tensor {
	if l.Mode != "constant" {
		spatial("nn.Pad", x, len(l.Padding)/2)
	}
	return x.Pad(l.Padding, l.Mode, l.Value)
}
