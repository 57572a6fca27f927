// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var convModules = moduleTable{
	"Conv1d": func(c moduleCase) any {
		return nn.NewConv1d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size")[0], torch.CPU, convConfig(c))
	},
	"Conv2d": func(c moduleCase) any {
		return nn.NewConv2d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size"), torch.CPU, convConfig(c))
	},
	"Conv3d": func(c moduleCase) any {
		return nn.NewConv3d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size"), torch.CPU, convConfig(c))
	},
	"ConvTranspose1d": func(c moduleCase) any {
		return sizedConv{nn.NewConvTranspose1d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size")[0], torch.CPU, transposeConfig(c))}
	},
	"ConvTranspose2d": func(c moduleCase) any {
		return sizedConv{nn.NewConvTranspose2d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size"), torch.CPU, transposeConfig(c))}
	},
	"ConvTranspose3d": func(c moduleCase) any {
		return sizedConv{nn.NewConvTranspose3d(c.int(0, "in_channels", 0), c.int(1, "out_channels", 0), c.ints(2, "kernel_size"), torch.CPU, transposeConfig(c))}
	},
}

func convConfig(c moduleCase) nn.ConvConfig {
	config := nn.ConvConfig{
		Stride: c.ints(3, "stride"), Dilation: c.ints(5, "dilation"), Groups: c.int(6, "groups", 0),
		NoBias: !c.bool(7, "bias", true), PaddingMode: c.string(8, "padding_mode", ""), DType: c.dtype,
	}
	if s, ok := c.value(4, "padding").(string); ok {
		require.Contains(c.t, []string{"same", "valid"}, s)
		config.Same = s == "same"
		return config
	}
	config.Padding = c.ints(4, "padding")
	return config
}

func transposeConfig(c moduleCase) nn.ConvTransposeConfig {
	return nn.ConvTransposeConfig{
		Stride: c.ints(3, "stride"), Padding: c.ints(4, "padding"), OutputPadding: c.ints(5, "output_padding"), Groups: c.int(6, "groups", 0),
		NoBias: !c.bool(7, "bias", true), Dilation: c.ints(8, "dilation"), DType: c.dtype,
	}
}

// sizedConv is a transposed convolution in a case that may name the size of its output.
type sizedConv struct{ *nn.ConvTranspose }

func (l sizedConv) run(c moduleCase, inputs []any, named *torch.Dict) []*torch.Tensor {
	x := inputs[0].(*torch.Tensor)
	if size := outputSize(c, named); size != nil {
		return []*torch.Tensor{l.ForwardSize(x, size...)}
	}
	return []*torch.Tensor{l.Forward(x)}
}

// outputSize returns the argument of forward with that name; nil for none.
func outputSize(c moduleCase, named *torch.Dict) []int {
	return moduleCase{t: c.t, named: named}.ints(-1, "output_size")
}
