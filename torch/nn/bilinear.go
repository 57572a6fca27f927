// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

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
