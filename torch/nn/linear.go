// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// Linear is y = x·Wᵀ + b.
//
// Shape: x [*, in], in float32 or the layer's type, to [*, out]; any number of
// leading dimensions, also none.
//
// Parameters, in order: weight [out, in], bias [out]. Both are drawn from
// [-1/√in, 1/√in).
type Linear struct {
	Weight *torch.Tensor
	Bias   *torch.Tensor // nil for none
}

// LinearConfig holds settings that are rarely changed. The zero value is PyTorch's default.
type LinearConfig struct {
	NoBias bool
	DType  torch.DType // of the parameters
}

// NewLinear returns a Linear from in to out features, on device d.
func NewLinear(in, out int, d torch.Device, c ...LinearConfig) *Linear {
	positive("nn.Linear", "in", in)
	positive("nn.Linear", "out", out)
	return newLinear(in, out, d, optional(c, LinearConfig{}))
}

// newLinear is NewLinear for sizes that may be 0.
func newLinear(in, out int, d torch.Device, config LinearConfig) *Linear {
	l := &Linear{Weight: newParameter(d, config.DType, func(w *torch.Tensor) { KaimingUniform(w, math.Sqrt(5)) }, out, in)}
	if !config.NoBias {
		l.Bias = uniformParameter(d, config.DType, 1/math.Sqrt(float64(in)), out)
	}
	return l
}

// Forward returns x·Wᵀ + b.
func (l *Linear) Forward(x *torch.Tensor) *torch.Tensor { return torch.Linear(x, l.Weight, l.Bias) }

// Bilinear is yₖ = aᵀ·Wₖ·b + biasₖ.
//
// Shape: a [*, in1] and b [*, in2] to [*, out]; any number of leading dimensions, also
// none.
//
// Parameters, in order: weight [out, in1, in2], bias [out]. Both are drawn from
// [-1/√in1, 1/√in1).
type Bilinear struct {
	Weight *torch.Tensor
	Bias   *torch.Tensor // nil for none
}

// NewBilinear returns a Bilinear from in1 and in2 to out features, on device d.
func NewBilinear(in1, in2, out int, d torch.Device, c ...LinearConfig) *Bilinear {
	positive("nn.Bilinear", "in1", in1)
	positive("nn.Bilinear", "in2", in2)
	positive("nn.Bilinear", "out", out)
	config, bound := optional(c, LinearConfig{}), 1/math.Sqrt(float64(in1))
	l := &Bilinear{Weight: uniformParameter(d, config.DType, bound, out, in1, in2)}
	if !config.NoBias {
		l.Bias = uniformParameter(d, config.DType, bound, out)
	}
	return l
}

// Forward returns the products of a and b.
func (l *Bilinear) Forward(a, b *torch.Tensor) *torch.Tensor {
	return torch.Bilinear(a, b, l.Weight, l.Bias)
}
