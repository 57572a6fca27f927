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

// LayerNormConfig holds what is rarely changed. The zero value is PyTorch's default.
type LayerNormConfig struct {
	Eps      float64 // added to the variance; 1e-5 unless given
	NoAffine bool    // neither weight nor bias
	NoBias   bool
	DType    torch.DType // of the parameters
}

// NewLayerNorm returns a LayerNorm over dimensions of the given sizes, on device d.
func NewLayerNorm(shape []int, d torch.Device, c ...LayerNormConfig) *LayerNorm {
	if len(shape) == 0 {
		throw("nn.LayerNorm", "the shape is empty: at least the last dimension is normalised")
	}
	for _, n := range shape {
		positive("nn.LayerNorm", "a size of the shape", n)
	}
	config := first(c)
	if config.Eps == 0 {
		config.Eps = 1e-5
	}
	l := &LayerNorm{Shape: slices.Clone(shape), Eps: config.Eps}
	constant := func(x float64) *torch.Tensor {
		return newParameter(d, config.DType, func(t *torch.Tensor) { Constant(t, x) }, shape...)
	}
	if !config.NoAffine {
		l.Weight = constant(1)
		if !config.NoBias {
			l.Bias = constant(0)
		}
	}
	return l
}

// Forward normalises x.
func (l *LayerNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return torch.LayerNorm(x, l.Shape, l.Weight, l.Bias, l.Eps)
}
