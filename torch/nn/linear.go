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
