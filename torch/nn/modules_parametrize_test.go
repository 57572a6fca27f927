// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// parametrizedModules are functions of torch.nn.utils.parametrizations, applied to a module.
var parametrizedModules = moduleTable{
	"WeightNorm": func(c moduleCase) any {
		settings := settingsOf(c)
		dim := 0
		if all, ok := settings.named.Get("dim"); ok && all == nil {
			dim = -1
		}
		return nn.NewWeightNorm(parametrizedLayer(c), settings.int(-1, "dim", dim))
	},
	"SpectralNorm": func(c moduleCase) any {
		settings := settingsOf(c)
		return nn.NewSpectralNorm(parametrizedLayer(c), nn.SpectralNormConfig{
			Iterations: settings.int(-1, "n_power_iterations", 0), Eps: settings.float(-1, "eps", 1e-12), Dim: settings.int(-1, "dim", 0),
		})
	},
}

func settingsOf(c moduleCase) moduleCase {
	if d, ok := c.value(-1, "settings").(*torch.Dict); ok {
		return moduleCase{t: c.t, named: d}
	}
	return moduleCase{t: c.t, named: torch.NewDict()}
}

func parametrizedLayer(c moduleCase) nn.Module {
	in, out := c.int(1, "", 0), c.int(2, "", 0)
	switch c.string(0, "", "") {
	case "Linear":
		return nn.NewLinear(in, out, torch.CPU, nn.LinearConfig{DType: c.dtype})
	case "Conv2d":
		return nn.NewConv2d(in, out, c.ints(3, ""), torch.CPU, nn.ConvConfig{DType: c.dtype})
	default:
		return nn.NewConvTranspose2d(in, out, c.ints(3, ""), torch.CPU, nn.ConvTransposeConfig{DType: c.dtype})
	}
}
