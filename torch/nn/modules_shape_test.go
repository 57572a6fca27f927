// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import "github.com/etude-ml/etude/torch/nn"

var dropoutModules = moduleTable{
	"Dropout1d":           func(c moduleCase) any { return nn.NewDropout1d(c.float(0, "p", 0.5)) },
	"Dropout2d":           func(c moduleCase) any { return nn.NewDropout2d(c.float(0, "p", 0.5)) },
	"Dropout3d":           func(c moduleCase) any { return nn.NewDropout3d(c.float(0, "p", 0.5)) },
	"AlphaDropout":        func(c moduleCase) any { return nn.NewAlphaDropout(c.float(0, "p", 0.5)) },
	"FeatureAlphaDropout": func(c moduleCase) any { return nn.NewFeatureAlphaDropout(c.float(0, "p", 0.5)) },
}

var shapeModules = moduleTable{
	"Identity": func(moduleCase) any { return nn.Identity{} },
	"Flatten": func(c moduleCase) any {
		l := nn.DefaultFlatten()
		return nn.Flatten{StartDim: c.int(0, "start_dim", l.StartDim), EndDim: c.int(1, "end_dim", l.EndDim)}
	},
	"Unflatten": func(c moduleCase) any {
		return nn.Unflatten{Dim: c.int(0, "dim", 0), Sizes: c.ints(1, "unflattened_size")}
	},
	"PixelShuffle":   func(c moduleCase) any { return nn.PixelShuffle{UpscaleFactor: c.int(0, "upscale_factor", 0)} },
	"PixelUnshuffle": func(c moduleCase) any { return nn.PixelUnshuffle{DownscaleFactor: c.int(0, "downscale_factor", 0)} },
	"ChannelShuffle": func(c moduleCase) any { return nn.ChannelShuffle{Groups: c.int(0, "groups", 0)} },
	"Upsample": func(c moduleCase) any {
		return nn.Upsample{
			Size: c.ints(0, "size"), Scale: c.floats(1, "scale_factor"), Mode: c.string(2, "mode", ""),
			AlignCorners: c.bool(3, "align_corners", false), RecomputeScale: c.bool(4, "recompute_scale_factor", false),
		}
	},
	"UpsamplingNearest2d": func(c moduleCase) any {
		return nn.UpsamplingNearest2d{Size: c.ints(0, "size"), Scale: c.floats(1, "scale_factor")}
	},
	"UpsamplingBilinear2d": func(c moduleCase) any {
		return nn.UpsamplingBilinear2d{Size: c.ints(0, "size"), Scale: c.floats(1, "scale_factor")}
	},
	"Unfold": func(c moduleCase) any {
		return nn.Unfold{Kernel: c.ints(0, "kernel_size"), Dilation: c.ints(1, "dilation"), Padding: c.ints(2, "padding"), Stride: c.ints(3, "stride")}
	},
	"Fold": func(c moduleCase) any {
		return nn.Fold{
			OutputSize: c.ints(0, "output_size"), Kernel: c.ints(1, "kernel_size"),
			Dilation: c.ints(2, "dilation"), Padding: c.ints(3, "padding"), Stride: c.ints(4, "stride"),
		}
	},
}
