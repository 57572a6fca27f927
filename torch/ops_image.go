// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"slices"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// InterpolateOptions are those of Interpolate.
type InterpolateOptions struct {
	// Size holds the new sizes of the dimensions after the second one. Where it is nil,
	// Scale holds the factors by which they grow.
	Size  []int
	Scale []float64
	// Mode is "nearest", "nearest-exact", "linear" for one dimension, "bilinear" or
	// "bicubic" for two, or "trilinear" for three.
	Mode string
	// AlignCorners puts the corners of input and output at the same place, and not the
	// edges. The modes "nearest" and "nearest-exact" do not have it.
	AlignCorners bool
	// Antialias filters when "bilinear" or "bicubic" make an image smaller.
	Antialias bool
}

// upsamplers are the operators of each mode, by the number of dimensions.
var upsamplers = map[string][4]string{
	"nearest":       {1: "aten::upsample_nearest1d.vec", 2: "aten::upsample_nearest2d.vec", 3: "aten::upsample_nearest3d.vec"},
	"nearest-exact": {1: "aten::_upsample_nearest_exact1d.vec", 2: "aten::_upsample_nearest_exact2d.vec", 3: "aten::_upsample_nearest_exact3d.vec"},
	"linear":        {1: "aten::upsample_linear1d.vec"},
	"bilinear":      {2: "aten::upsample_bilinear2d.vec"},
	"bicubic":       {2: "aten::upsample_bicubic2d.vec"},
	"trilinear":     {3: "aten::upsample_trilinear3d.vec"},
}

var antialiasing = map[string]string{"bilinear": "aten::_upsample_bilinear2d_aa.vec", "bicubic": "aten::_upsample_bicubic2d_aa.vec"}

// Interpolate changes the sizes of the last one to three dimensions of t [N, C, *], as
// torch.nn.functional.interpolate does.
func (t *Tensor) Interpolate(o InterpolateOptions) *Tensor {
	n := t.Dim() - 2
	var name string
	if n >= 1 && n <= 3 {
		name = upsamplers[o.Mode][n]
	}
	if o.Antialias {
		name = antialiasing[o.Mode]
	}
	if name == "" {
		throw("interpolate", "no mode %q for a tensor of shape %v; give [N, C, *] and nearest or nearest-exact for any of 1 to 3 "+
			"dimensions, linear for 1, bilinear or bicubic (also with Antialias) for 2, or trilinear for 3", o.Mode, t.Shape())
	}
	if (o.Size == nil) == (o.Scale == nil) {
		throw("interpolate", "set either Size or Scale")
	}
	a := on(name, t)
	if o.Size != nil {
		a.ints(o.Size...)
	} else {
		a.none()
	}
	if o.Mode != "nearest" && o.Mode != "nearest-exact" {
		a.bool(o.AlignCorners)
	} else if o.AlignCorners {
		a.refuse("mode %q does not have AlignCorners", o.Mode)
	}
	if o.Scale != nil {
		a.f.PutDoubles(ctorch.Doubles, o.Scale...)
	} else {
		a.none()
	}
	return a.one()
}

// GridSample returns the values of t [N, C, H, W] at the points of grid [N, h, w, 2],
// which are x and y from -1 to 1: [N, C, h, w]. mode is "bilinear", "nearest" or
// "bicubic", padding "zeros", "border" or "reflection".
func (t *Tensor) GridSample(grid *Tensor, mode, padding string, alignCorners bool) *Tensor {
	m, p := slices.Index(gridModes, mode), slices.Index(gridPaddings, padding)
	if m < 0 || p < 0 {
		throw("grid_sampler", "no mode %q with padding %q; there are the modes %v and the paddings %v", mode, padding, gridModes, gridPaddings)
	}
	return on("aten::grid_sampler", t, grid).int(m).int(p).bool(alignCorners).one()
}

// These are libtorch's numbers.
var (
	gridModes    = []string{"bilinear", "nearest", "bicubic"}
	gridPaddings = []string{"zeros", "border", "reflection"}
)
