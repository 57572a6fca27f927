// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"reflect"

	"github.com/etude-ml/etude/torch"
)

// weightOf returns the field Weight of a layer, a pointer to a struct.
func weightOf(op string, layer Module) reflect.Value {
	if v := reflect.ValueOf(layer); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		if f := v.Elem().FieldByName("Weight"); f.IsValid() && f.Type() == tensorType {
			return f
		}
	}
	throw(op, "%T has no field Weight with a tensor", layer)
	return reflect.Value{}
}

// takeWeight takes the weight out of a layer.
func takeWeight(op string, layer Module) *torch.Tensor {
	f := weightOf(op, layer)
	w := f.Interface().(*torch.Tensor)
	must(op, w != nil, "%T has no weight; it can be computed in one way only", layer)
	f.SetZero()
	return w
}

// forwardWith calls a layer with a weight that was computed for this call.
func forwardWith(op string, layer Module, weight, x *torch.Tensor) *torch.Tensor {
	f := weightOf(op, layer)
	f.Set(reflect.ValueOf(weight))
	defer f.SetZero()
	return layer.Forward(x)
}

// restore gives a layer a weight for good, in the tensor of a parameter it was computed from.
func restore(op string, layer Module, into, weight *torch.Tensor) Module {
	torch.NoGrad(func() { into.CopyInPlace(weight) })
	weightOf(op, layer).Set(reflect.ValueOf(into))
	return layer
}

// WeightNorm computes the weight of a layer, at each call, from a direction and a length:
//
//	W = g·v/‖v‖
//
// with the norm over all dimensions but Dim. From "Weight normalization: a simple
// reparameterization to accelerate training of deep neural networks", Salimans and
// Kingma, 2016, as torch.nn.utils.parametrizations.weight_norm. It must not be called on
// several goroutines at once.
//
// Shape: that of the layer.
//
// Parameters, in order: those of the layer but its weight, parametrizations.weight.original0,
// which is g, and parametrizations.weight.original1, which is v, at first the weight.
type WeightNorm struct {
	Layer                Module // has no Weight but while it is called
	Original0, Original1 *torch.Tensor
	Dim                  int // -1 for one norm over all dimensions
}

// NewWeightNorm takes over the weight of a layer, a pointer to a struct with a field
// Weight, such as a [Linear] or a [Conv]. PyTorch's dim is 0.
func NewWeightNorm(layer Module, dim int) *WeightNorm {
	w := takeWeight("nn.WeightNorm", layer)
	var g *torch.Tensor
	torch.NoGrad(func() {
		torch.Unscoped(func() { g = torch.Call("aten::norm_except_dim", w, 2, dim).Tensor() })
	})
	return &WeightNorm{Layer: layer, Original0: g.SetRequiresGrad(true), Original1: w, Dim: dim}
}

// NamedTensors names the parameters as PyTorch does.
func (l *WeightNorm) NamedTensors() []NamedTensor {
	return append(NamedTensors(l.Layer), NamedTensor{Name: "parametrizations.weight.original0", Tensor: l.Original0},
		NamedTensor{Name: "parametrizations.weight.original1", Tensor: l.Original1})
}

// Forward returns what the layer makes of x.
func (l *WeightNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return forwardWith("nn.WeightNorm", l.Layer, l.weight(), x)
}

func (l *WeightNorm) weight() *torch.Tensor {
	return torch.Call("aten::_weight_norm", l.Original1, l.Original0, l.Dim).Tensor()
}

// RemoveParametrizations returns the layer with its present weight as a parameter, for
// example to export it. The parameter is Original1; l must not be used any more.
func (l *WeightNorm) RemoveParametrizations() Module {
	return restore("nn.WeightNorm", l.Layer, l.Original1, l.weight())
}

// SpectralNorm divides the weight of a layer, at each call, by its largest singular value,
// which it estimates by power iteration, a step at each call in training:
//
//	u ← W·v/‖W·v‖,  v ← Wᵀ·u/‖Wᵀ·u‖,  W/(uᵀ·W·v)
//
// From "Spectral normalization for generative adversarial networks", Miyato et al., 2018,
// as torch.nn.utils.parametrizations.spectral_norm. It must not be called on several
// goroutines at once.
//
// Shape: that of the layer.
//
// Parameters, in order: those of the layer but its weight, and
// parametrizations.weight.original, the weight. Buffers: parametrizations.weight.0._u and
// _v, drawn from the normal distribution, after 15 steps.
type SpectralNorm struct {
	Layer      Module // has no Weight but while it is called
	Original   *torch.Tensor
	U, V       *torch.Tensor
	Iterations int
	Eps        float64
	Dim        int
	Training   bool
}

// SpectralNormConfig holds settings that are rarely changed. Start from
// [DefaultSpectralNorm]; an Eps of 0 is 0.
type SpectralNormConfig struct {
	Iterations int     // at each call in training; 0 stands for 1
	Eps        float64 // the least norm that is divided by
	Dim        int     // the dimension of the outputs: 1 for a transposed convolution
}

// DefaultSpectralNorm returns PyTorch's settings: one iteration, Eps 1e-12 and Dim 0.
func DefaultSpectralNorm() SpectralNormConfig { return SpectralNormConfig{Iterations: 1, Eps: 1e-12} }

// NewSpectralNorm takes over the weight of a layer, a pointer to a struct with a field
// Weight of at least two dimensions.
func NewSpectralNorm(layer Module, c ...SpectralNormConfig) *SpectralNorm {
	const op = "nn.SpectralNorm"
	config := optional(c, DefaultSpectralNorm())
	config.Iterations = cmp.Or(config.Iterations, 1)
	positive(op, "Iterations", config.Iterations)
	w := takeWeight(op, layer)
	must(op, w.Dim() >= 2 && config.Dim >= 0 && config.Dim < w.Dim(), "the weight has the shape %v; it must have two dimensions or more, and Dim, %d, must be one of them", w.Shape(), config.Dim)
	l := &SpectralNorm{Layer: layer, Original: w, Iterations: config.Iterations, Eps: config.Eps, Dim: config.Dim, Training: true}
	scoped(func() {
		m := l.matrix()
		draw := func(n int) (to *torch.Tensor) {
			torch.Unscoped(func() { to = torch.Empty([]int{n}, torch.Options{DType: w.DType(), Device: w.Device()}) })
			return redraw(to, func(t *torch.Tensor) { t.NormalInPlace(0, 1) })
		}
		l.U, l.V = draw(m.Size(0)), draw(m.Size(1))
		l.U.CopyInPlace(l.normal(l.U))
		l.V.CopyInPlace(l.normal(l.V))
		l.iterate(m, 15+l.Iterations) // PyTorch makes 15, and calls it once
	})
	return l
}

// NamedTensors names the parameters and buffers as PyTorch does.
func (l *SpectralNorm) NamedTensors() []NamedTensor {
	return append(NamedTensors(l.Layer), NamedTensor{Name: "parametrizations.weight.original", Tensor: l.Original},
		NamedTensor{Name: "parametrizations.weight.0._u", Tensor: l.U, Buffer: true},
		NamedTensor{Name: "parametrizations.weight.0._v", Tensor: l.V, Buffer: true})
}

// Forward returns what the layer makes of x.
func (l *SpectralNorm) Forward(x *torch.Tensor) *torch.Tensor {
	return forwardWith("nn.SpectralNorm", l.Layer, l.weight(), x)
}

// RemoveParametrizations returns the layer with its present weight, for which training
// makes a step of power iteration, as a parameter. The parameter is Original; l must not be
// used any more.
func (l *SpectralNorm) RemoveParametrizations() Module {
	return restore("nn.SpectralNorm", l.Layer, l.Original, l.weight())
}

func (l *SpectralNorm) weight() *torch.Tensor {
	m := l.matrix()
	if l.Training {
		torch.NoGrad(func() { l.iterate(m, l.Iterations) })
	}
	u, v := l.U.Clone(), l.V.Clone() // the next call changes them, before a backward pass perhaps
	return l.Original.Div(u.Dot(m.Matmul(v)))
}

// matrix returns the weight with a row for each output.
func (l *SpectralNorm) matrix() *torch.Tensor {
	w := l.Original
	if l.Dim != 0 {
		w = w.Movedim(l.Dim, 0)
	}
	return w.Flatten(1, -1)
}

// iterate makes n steps of power iteration.
func (l *SpectralNorm) iterate(m *torch.Tensor, n int) {
	for range n {
		l.U.CopyInPlace(l.normal(m.Matmul(l.V)))
		l.V.CopyInPlace(l.normal(m.T().Matmul(l.U)))
	}
}

// normal returns x with the length 1.
func (l *SpectralNorm) normal(x *torch.Tensor) *torch.Tensor {
	return x.Div(x.Norm(2, 0).ClampMin(l.Eps))
}
