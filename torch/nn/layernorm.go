// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// LayerNorm is y = (x - mean)/√(var + Eps)·weight + bias, with mean and variance
// (of the population) over the last dimensions, those of Shape. From "Layer
// normalization", Ba, Kiros and Hinton, 2016.
//
// Shape: [*, Shape…] to the same.
//
// Parameters, in order: weight [Shape…], of ones, and bias [Shape…], of zeros.
type LayerNorm struct {
	Shape  []int
	Eps    float64
	Weight *torch.Tensor // nil for none
	Bias   *torch.Tensor // nil for none
}

// LayerNormConfig holds settings that are rarely changed. Start from [DefaultLayerNorm]; an
// Eps of 0 is 0.
type LayerNormConfig struct {
	Eps      float64 // added to the variance
	NoAffine bool    // neither weight nor bias
	NoBias   bool
	DType    torch.DType // of the parameters
}

// DefaultLayerNorm returns the settings of PyTorch's LayerNorm: Eps 1e-5, with weight
// and bias. They are those of [NewLayerNorm] without settings.
func DefaultLayerNorm() LayerNormConfig { return LayerNormConfig{Eps: 1e-5} }

// NewLayerNorm returns a LayerNorm over dimensions of the given sizes, on device d. It
// panics on a negative Eps.
func NewLayerNorm(shape []int, d torch.Device, c ...LayerNormConfig) *LayerNorm {
	normShape("nn.LayerNorm", shape)
	config := optional(c, DefaultLayerNorm())
	notNegative("nn.LayerNorm", "Eps", config.Eps)
	l := &LayerNorm{Shape: slices.Clone(shape), Eps: config.Eps}
	if !config.NoAffine {
		l.Weight = constantParameter(d, config.DType, 1, shape...)
		if !config.NoBias {
			l.Bias = constantParameter(d, config.DType, 0, shape...)
		}
	}
	return l
}

// Forward normalises x.
func (l *LayerNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.LayerNorm(x, l.Shape, l.Weight, l.Bias, l.Eps)
}

// normShape panics unless shape says which dimensions are normalised.
func normShape(op string, shape []int) {
	if len(shape) == 0 {
		throw(op, "the shape is empty: at least the last dimension is normalised")
	}
	for _, n := range shape {
		positive(op, "a size of the shape", n)
	}
}
