// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package operators

import "github.com/etude-ml/etude/torch"

// spatial returns cases of the operators of convolutions, pools and what belongs to
// them. Package nn compares the layers that call them with PyTorch's.
func spatial() []Case {
	shapes := [4][]int{1: {2, 4, 9}, 2: {2, 4, 6, 7}, 3: {2, 4, 5, 5, 6}}
	kernels := [4][]int{1: {3}, 2: {3, 2}, 3: {2, 3, 2}}
	var cases []Case
	add := func(name, ops string, kind Kind, f any, in ...Maker) {
		cases = append(cases, op(name, ops, kind, f, in...).grad(Sum))
	}
	for n := 1; n <= 3; n++ {
		dims := string("0123"[n]) + "d"
		transpose := "conv_transpose" + dims
		if n > 1 {
			transpose += ".input"
		}
		x, kernel := normal(shapes[n]...), kernels[n]
		weight, bias := normal(append([]int{4, 2}, kernel...)...), normal(4)
		add("Conv"+dims, "conv"+dims, Sum, func(x, w, b tensor) tensor {
			return torch.Conv(x, w, b, torch.ConvOptions{Stride: []int{2}, Padding: []int{1}, Groups: 2})
		}, x, weight, bias)
		add("ConvSame"+dims, "conv"+dims+".padding", Sum, func(x, w tensor) tensor {
			return torch.Conv(x, w, nil, torch.ConvOptions{Same: true, Groups: 2})
		}, x, weight)
		add("ConvTranspose"+dims, transpose, Sum, func(x, w, b tensor) tensor {
			return torch.ConvTranspose(x, w, b, torch.ConvOptions{Stride: []int{2}, OutputPadding: []int{1}, Groups: 2})
		}, x, weight, bias)
		add("AvgPool"+dims, "avg_pool"+dims, Sum, func(x tensor) tensor {
			return torch.AvgPool(x, kernel, torch.PoolOptions{Padding: []int{1}, ExcludePadding: true})
		}, x)
		add("MaxPool"+dims, "max_pool"+dims, Exact, func(x tensor) tensor { return torch.MaxPool(x, kernel, torch.PoolOptions{Ceil: true}) }, x)
		pair := func(name, ops string, f func(x tensor) (tensor, tensor)) {
			add(name+dims, ops, Exact, func(in list) list {
				y, indices := f(in[0])
				return list{y, indices}
			}, x)
		}
		pair("MaxPoolIndices", "max_pool"+dims+"_with_indices", func(x tensor) (tensor, tensor) {
			return torch.MaxPoolIndices(x, kernel, torch.PoolOptions{Stride: []int{2}})
		})
		pair("AdaptiveMaxPool", "adaptive_max_pool"+dims, func(x tensor) (tensor, tensor) { return torch.AdaptiveMaxPool(x, kernel) })
		add("AdaptiveAvgPool"+dims, "adaptive_avg_pool"+dims, Sum, func(x tensor) tensor { return torch.AdaptiveAvgPool(x, kernel) }, x)
		if n > 1 {
			add("FractionalMaxPool"+dims, "fractional_max_pool"+dims, Exact, func(in list) list {
				y, indices := torch.FractionalMaxPool(in[0], kernel, []int{2, 2, 2}[:n], in[1].Detach())
				return list{y, indices}
			}, x, between(0, 1, 2, 4, n))
		}
	}
	window := torch.WindowOptions{Kernel: []int{2, 3}, Padding: []int{1, 1}}
	image, volume := normal(shapes[2]...), normal(2, 4, 4, 4, 4)
	two := []int{2, 2, 2}
	for _, c := range []struct {
		name, op string
		f        func(tensor) tensor
		in       Maker
	}{
		{"MaxUnpool2d", "max_unpool2d", func(x tensor) tensor {
			y, indices := torch.MaxPoolIndices(x, two[:2], torch.PoolOptions{})
			return torch.MaxUnpool2d(y, indices, []int{6, 7})
		}, image},
		{"MaxUnpool3d", "max_unpool3d", func(x tensor) tensor {
			y, indices := torch.MaxPoolIndices(x, two, torch.PoolOptions{})
			return torch.MaxUnpool3d(y, indices, []int{4, 4, 4}, two, []int{0, 0, 0})
		}, volume},
		{"Im2Col", "im2col", func(x tensor) tensor { return x.Im2Col(window) }, image},
		{"Col2Im", "col2im", func(x tensor) tensor { return x.Col2Im([]int{3, 5}, window) }, normal(2, 12, 20)},
		{"PixelShuffle", "pixel_shuffle", func(x tensor) tensor { return x.PixelShuffle(2) }, image},
		{"PixelUnshuffle", "pixel_unshuffle", func(x tensor) tensor { return x.PixelUnshuffle(2) }, volume},
		{"ChannelShuffle", "channel_shuffle", func(x tensor) tensor { return x.ChannelShuffle(2) }, image},
	} {
		add(c.name, c.op, Sum, c.f, c.in)
	}
	return append(cases, normalising(image)...)
}

func normalising(image Maker) []Case {
	mean, variance, eps := normal(4), between(0.5, 2, 4), 0.1
	running := func(f func(x, weight, bias tensor, s torch.RunningStats, own bool) tensor, own bool) func(list) list {
		return func(in list) list {
			s := torch.RunningStats{Mean: in[3].Detach().Clone(), Var: in[4].Detach().Clone()}
			return list{f(in[0], in[1], in[2], s, own), s.Mean, s.Var}
		}
	}
	batchNorm := func(x, weight, bias tensor, s torch.RunningStats, own bool) tensor {
		return torch.BatchNorm(x, weight, bias, s, own, 0.3, eps)
	}
	instanceNorm := func(x, weight, bias tensor, s torch.RunningStats, own bool) tensor {
		return torch.InstanceNorm(x, weight, bias, s, own, 0.3, eps)
	}
	in := []Maker{image, variance, mean, mean, variance}
	dropped := func(name, ops string, f func(x tensor, p float64, train bool) tensor) Case {
		return op(name, ops, Exact, func(x tensor) tensor { return f(x, 0.3, false) }, image).grad(Exact)
	}
	return []Case{
		op("BatchNorm", "batch_norm", Sum, running(batchNorm, true), in...).grad(Chain),
		op("BatchNormEval", "batch_norm", Sum, running(batchNorm, false), in...).grad(Chain),
		op("InstanceNorm", "instance_norm", Sum, running(instanceNorm, true), in...).grad(Chain),
		op("InstanceNormEval", "instance_norm", Sum, running(instanceNorm, false), in...).grad(Chain),
		op("GroupNorm", "group_norm", Sum, func(x, w, b tensor) tensor { return torch.GroupNorm(x, 2, w, b, eps) }, image, variance, mean).grad(Chain),
		op("RMSNorm", "rms_norm", Sum, func(x, w tensor) tensor { return torch.RMSNorm(x, w.Shape(), w, &eps) }, x, divisor).grad(Sum),
		op("RMSNorm, plain", "rms_norm", Sum, func(x tensor) tensor { return torch.RMSNorm(x, []int{16, 32}, nil, nil) }, cube).grad(Sum),
		dropped("FeatureDropout", "feature_dropout", torch.FeatureDropout),
		dropped("AlphaDropout", "alpha_dropout", torch.AlphaDropout),
		dropped("FeatureAlphaDropout", "feature_alpha_dropout", torch.FeatureAlphaDropout),
	}
}
