// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// LocalResponseNorm divides each element by (K + Alpha·m)^Beta, where m is the mean of the
// squares at the same place in Size channels around its own, with zeros outside. From
// "ImageNet classification with deep convolutional neural networks", Krizhevsky et al.,
// 2012.
//
// Shape: [N, C, *] to the same, with 1 or more dimensions *.
type LocalResponseNorm struct {
	Size           int
	Alpha, Beta, K float64
}

// NewLocalResponseNorm returns a LocalResponseNorm with PyTorch's Alpha of 1e-4, Beta of
// 0.75 and K of 1.
func NewLocalResponseNorm(size int) *LocalResponseNorm {
	positive("nn.LocalResponseNorm", "the size", size)
	return &LocalResponseNorm{Size: size, Alpha: 1e-4, Beta: 0.75, K: 1}
}

// Forward normalises x.
func (l *LocalResponseNorm) Forward(x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	fit("nn.LocalResponseNorm", len(shape) >= 3, shape, "the input must have the shape [N, C, *], with at least one dimension *")
	if x.Numel() == 0 {
		return x
	}
	mean := channelMean(x.Mul(x), l.Size/2, (l.Size-1)/2)
	return x.Div(mean.MulScalar(l.Alpha).AddScalar(l.K).Pow(l.Beta))
}

// channelMean returns the mean of each element with those of so many channels before
// and after its own, where channels outside are zeros.
func channelMean(x *torch.Tensor, before, after int) *torch.Tensor {
	shape := x.Shape()
	wide := x.Reshape(shape[0], shape[1], -1).Unsqueeze(1).Pad([]int{0, 0, before, after}, "constant", 0)
	return torch.AvgPool(wide, []int{before + after + 1, 1}, torch.PoolOptions{Stride: []int{1}}).Reshape(shape...)
}

// CrossMapLRN2d multiplies each element by (K + Alpha/Size·s)^-Beta, where s is the sum of
// the squares at the same place in about Size channels around its own. [LocalResponseNorm]
// is what it means to be. This is PyTorch's class with its peculiarities: s keeps the
// square of the first channel once it has it, and the gradient of s is that of windows
// that lie one channel earlier.
//
// Shape: [N, C, H, W] to the same.
type CrossMapLRN2d struct {
	Size           int
	Alpha, Beta, K float64
}

// NewCrossMapLRN2d returns a CrossMapLRN2d with PyTorch's Alpha of 1e-4, Beta of 0.75 and
// K of 1.
func NewCrossMapLRN2d(size int) *CrossMapLRN2d {
	positive("nn.CrossMapLRN2d", "the size", size)
	return &CrossMapLRN2d{Size: size, Alpha: 1e-4, Beta: 0.75, K: 1}
}

// Forward normalises x.
func (l *CrossMapLRN2d) Forward(x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	fit("nn.CrossMapLRN2d", len(shape) == 4, shape, "the input must have the shape [N, C, H, W]")
	var factor, ratio *torch.Tensor
	torch.NoGrad(func() {
		reach := (l.Size - 1) / 2
		squares := x.Square()
		sum := channelMean(squares, reach, reach).MulScalar(2*reach + 1)
		if first := reach + 1; first < shape[1] {
			late := sum.Narrow(1, first, shape[1]-first).Add(squares.Narrow(1, 0, 1))
			sum = torch.Cat([]*torch.Tensor{sum.Narrow(1, 0, first), late}, 1)
		}
		scale := sum.MulScalar(l.Alpha / float64(l.Size)).AddScalar(l.K)
		factor = scale.Pow(-l.Beta)
		ratio = x.Mul(factor).Div(scale).MulScalar(-2 * l.Alpha * l.Beta)
	})
	// The second part is zero, and has the gradient that comes through s.
	after := (l.Size + 1) / 2
	part := channelMean(x.Square().MulScalar(0.5), l.Size-1-after, after).Mul(ratio)
	return x.Mul(factor).Add(part.Sub(part.Detach()))
}
