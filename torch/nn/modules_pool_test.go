// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

var poolModules = moduleTable{
	"AvgPool1d": func(c moduleCase) any { return nn.NewAvgPool1d(c.ints(0, "kernel_size")[0], avgConfig(c)) },
	"AvgPool2d": func(c moduleCase) any { return nn.NewAvgPool2d(c.ints(0, "kernel_size"), avgConfig(c)) },
	"AvgPool3d": func(c moduleCase) any { return nn.NewAvgPool3d(c.ints(0, "kernel_size"), avgConfig(c)) },
	"MaxPool1d": func(c moduleCase) any {
		return withIndices(c, 4, nn.NewMaxPool1d(c.ints(0, "kernel_size")[0], maxConfig(c)))
	},
	"MaxPool2d": func(c moduleCase) any {
		return withIndices(c, 4, nn.NewMaxPool2d(c.ints(0, "kernel_size"), maxConfig(c)))
	},
	"MaxPool3d": func(c moduleCase) any {
		return withIndices(c, 4, nn.NewMaxPool3d(c.ints(0, "kernel_size"), maxConfig(c)))
	},

	"MaxUnpool1d": func(c moduleCase) any {
		return sizedUnpool{nn.NewMaxUnpool1d(c.ints(0, "kernel_size")[0], unpoolConfig(c))}
	},
	"MaxUnpool2d": func(c moduleCase) any {
		return sizedUnpool{nn.NewMaxUnpool2d(c.ints(0, "kernel_size"), unpoolConfig(c))}
	},
	"MaxUnpool3d": func(c moduleCase) any {
		return sizedUnpool{nn.NewMaxUnpool3d(c.ints(0, "kernel_size"), unpoolConfig(c))}
	},

	"LPPool1d": func(c moduleCase) any {
		return nn.NewLPPool1d(c.float(0, "norm_type", 0), c.ints(1, "kernel_size")[0], lpConfig(c))
	},
	"LPPool2d": func(c moduleCase) any {
		return nn.NewLPPool2d(c.float(0, "norm_type", 0), c.ints(1, "kernel_size"), lpConfig(c))
	},
	"LPPool3d": func(c moduleCase) any {
		return nn.NewLPPool3d(c.float(0, "norm_type", 0), c.ints(1, "kernel_size"), lpConfig(c))
	},

	"AdaptiveAvgPool1d": func(c moduleCase) any { return nn.NewAdaptiveAvgPool1d(c.ints(0, "output_size")[0]) },
	"AdaptiveAvgPool2d": func(c moduleCase) any { return nn.NewAdaptiveAvgPool2d(c.ints(0, "output_size")) },
	"AdaptiveAvgPool3d": func(c moduleCase) any { return nn.NewAdaptiveAvgPool3d(c.ints(0, "output_size")) },
	"AdaptiveMaxPool1d": func(c moduleCase) any { return withIndices(c, 1, nn.NewAdaptiveMaxPool1d(c.ints(0, "output_size")[0])) },
	"AdaptiveMaxPool2d": func(c moduleCase) any { return withIndices(c, 1, nn.NewAdaptiveMaxPool2d(c.ints(0, "output_size"))) },
	"AdaptiveMaxPool3d": func(c moduleCase) any { return withIndices(c, 1, nn.NewAdaptiveMaxPool3d(c.ints(0, "output_size"))) },

	"FractionalMaxPool2d": func(c moduleCase) any { return fractional(c, nn.NewFractionalMaxPool2d) },
	"FractionalMaxPool3d": func(c moduleCase) any { return fractional(c, nn.NewFractionalMaxPool3d) },
}

func avgConfig(c moduleCase) nn.PoolConfig {
	return nn.PoolConfig{
		Stride: c.ints(1, "stride"), Padding: c.ints(2, "padding"), CeilMode: c.bool(3, "ceil_mode", false),
		ExcludePadding: !c.bool(4, "count_include_pad", true), DivisorOverride: c.int(5, "divisor_override", 0),
	}
}

func maxConfig(c moduleCase) nn.PoolConfig {
	return nn.PoolConfig{Stride: c.ints(1, "stride"), Padding: c.ints(2, "padding"), Dilation: c.ints(3, "dilation"), CeilMode: c.bool(5, "ceil_mode", false)}
}

func unpoolConfig(c moduleCase) nn.PoolConfig {
	return nn.PoolConfig{Stride: c.ints(1, "stride"), Padding: c.ints(2, "padding")}
}

func lpConfig(c moduleCase) nn.PoolConfig {
	return nn.PoolConfig{Stride: c.ints(2, "stride"), CeilMode: c.bool(3, "ceil_mode", false)}
}

func fractional(c moduleCase, make func(kernel, size []int, ratio []float64) *nn.FractionalMaxPool) any {
	l := make(c.ints(0, "kernel_size"), c.ints(1, "output_size"), c.floats(2, "output_ratio"))
	if s := c.tensor(4, "_random_samples"); s != nil {
		l.RandomSamples = s.ToDType(c.dtype).Clone()
	}
	return withIndices(c, 3, l)
}

// Indexer is a pool that can return indices.
type Indexer interface {
	nn.Module
	ForwardIndices(x *torch.Tensor) (y, indices *torch.Tensor)
}

// indexed is a pool in a case that wants its indices.
type indexed struct{ Indexer }

func (l indexed) run(_ moduleCase, inputs []any, _ *torch.Dict) []*torch.Tensor {
	y, indices := l.ForwardIndices(inputs[0].(*torch.Tensor))
	return []*torch.Tensor{y, indices}
}

func withIndices(c moduleCase, i int, l Indexer) any {
	if c.bool(i, "return_indices", false) {
		return indexed{l}
	}
	return l
}

// sizedUnpool is an unpool in a case that may name the size of its output.
type sizedUnpool struct{ *nn.MaxUnpool }

func (l sizedUnpool) run(c moduleCase, inputs []any, named *torch.Dict) []*torch.Tensor {
	x, indices := inputs[0].(*torch.Tensor), inputs[1].(*torch.Tensor)
	if size := outputSize(c, named); size != nil {
		return []*torch.Tensor{l.ForwardSize(x, indices, size...)}
	}
	return []*torch.Tensor{l.Forward(x, indices)}
}
