// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// newParameter makes a parameter: filled on the CPU, in the order of the calls, as
// a module built on the CPU is in PyTorch, then moved to d. It belongs to no scope.
func newParameter(d torch.Device, dtype torch.DType, fill func(*torch.Tensor), shape ...int) *torch.Tensor {
	var p *torch.Tensor
	torch.NoGrad(func() {
		torch.Unscoped(func() {
			p = torch.Empty(shape, torch.Options{DType: dtype})
			fill(p)
			if d != torch.CPU {
				host := p
				p = host.To(d)
				host.Close()
			}
			p.SetRequiresGrad(true)
		})
	})
	return p
}

// newBuffer makes a buffer filled with x.
func newBuffer(d torch.Device, dtype torch.DType, x float64, shape ...int) *torch.Tensor {
	var b *torch.Tensor
	torch.Unscoped(func() { b = torch.Full(shape, x, torch.Options{DType: dtype, Device: d}) })
	return b
}

// uniformParameter makes a parameter drawn from [-bound, bound).
func uniformParameter(d torch.Device, dtype torch.DType, bound float64, shape ...int) *torch.Tensor {
	return newParameter(d, dtype, func(t *torch.Tensor) { Uniform(t, -bound, bound) }, shape...)
}

// constantParameter makes a parameter filled with x.
func constantParameter(d torch.Device, dtype torch.DType, x float64, shape ...int) *torch.Tensor {
	return newParameter(d, dtype, func(t *torch.Tensor) { Constant(t, x) }, shape...)
}

// fans returns the number of inputs and outputs of a weight [out, in, kernel…].
func fans(op string, w *torch.Tensor) (in, out int) {
	s := w.Shape()
	if len(s) < 2 {
		throw(op, "a weight needs at least two dimensions, this has shape %v", s)
	}
	field := 1
	for _, n := range s[2:] {
		field *= n
	}
	return s[1] * field, s[0] * field
}

// The initialisers fill an existing tensor, without gradients, from the default
// generator of its device, and return it. They give the numbers of torch.nn.init.

// Uniform fills w with numbers from [lo, hi).
func Uniform(w *torch.Tensor, lo, hi float64) *torch.Tensor {
	torch.NoGrad(func() { w.UniformInPlace(lo, hi) })
	return w
}

// Normal fills w with numbers of a normal distribution.
func Normal(w *torch.Tensor, mean, std float64) *torch.Tensor {
	torch.NoGrad(func() { w.NormalInPlace(mean, std) })
	return w
}

// Constant fills w with x.
func Constant(w *torch.Tensor, x float64) *torch.Tensor {
	torch.NoGrad(func() { w.FillInPlace(x) })
	return w
}

// KaimingUniform fills a weight [out, in, …] from [-b, b), b = √3·gain/√in, with
// the gain √(2/(1+slope²)) of a leaky ReLU with that negative slope (0: ReLU). From
// "Delving deep into rectifiers", He et al., 2015.
func KaimingUniform(w *torch.Tensor, slope float64) *torch.Tensor {
	in, _ := fans("KaimingUniform", w)
	if in == 0 {
		return w
	}
	// Conversions keep the compiler from fusing operations, which would change
	// the last bit on some machines.
	std := math.Sqrt(2/(1+float64(slope*slope))) / math.Sqrt(float64(in))
	bound := math.Sqrt(3) * std
	return Uniform(w, -bound, bound)
}

// KaimingNormal fills a weight [out, in, …] from a normal distribution of mean 0 and
// standard deviation gain/√in; see KaimingUniform.
func KaimingNormal(w *torch.Tensor, slope float64) *torch.Tensor {
	in, _ := fans("KaimingNormal", w)
	if in == 0 {
		return w
	}
	return Normal(w, 0, math.Sqrt(2/(1+float64(slope*slope)))/math.Sqrt(float64(in)))
}

// XavierUniform fills a weight [out, in, …] from [-b, b), b = gain·√(6/(in+out)).
// From "Understanding the difficulty of training deep feedforward neural networks",
// Glorot and Bengio, 2010.
func XavierUniform(w *torch.Tensor, gain float64) *torch.Tensor {
	in, out := fans("XavierUniform", w)
	std := gain * math.Sqrt(2/float64(in+out))
	bound := math.Sqrt(3) * std
	return Uniform(w, -bound, bound)
}

// XavierNormal fills a weight [out, in, …] from a normal distribution of mean 0 and
// standard deviation gain·√(2/(in+out)); see XavierUniform.
func XavierNormal(w *torch.Tensor, gain float64) *torch.Tensor {
	in, out := fans("XavierNormal", w)
	return Normal(w, 0, gain*math.Sqrt(2/float64(in+out)))
}
