// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
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

// redraw fills a parameter anew, on the CPU as newParameter does, and returns it.
func redraw(p *torch.Tensor, fill func(*torch.Tensor)) *torch.Tensor {
	scoped(func() {
		host := torch.Empty(p.Shape(), torch.Options{DType: p.DType()})
		fill(host)
		p.CopyInPlace(host)
	})
	return p
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
	must(op, len(s) >= 2, "a weight needs at least two dimensions, this has shape %v", s)
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

// Ones fills w with 1.
func Ones(w *torch.Tensor) *torch.Tensor { return Constant(w, 1) }

// Zeros fills w with 0.
func Zeros(w *torch.Tensor) *torch.Tensor { return Constant(w, 0) }

// Gain returns the factor by which the numbers of an initialiser grow for a nonlinearity:
// "linear", "sigmoid" or the name of a convolution 1, "tanh" 5/3, "relu" √2, "selu" 3/4,
// "leaky_relu" √(2/(1+slope²)) with a slope of 0.01 unless one is given. It is PyTorch's
// calculate_gain.
func Gain(nonlinearity string, slope ...float64) float64 {
	switch nonlinearity {
	case "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid":
		return 1
	case "tanh":
		return 5.0 / 3
	case "relu":
		return math.Sqrt2
	case "leaky_relu":
		// Conversions keep the compiler from fusing operations, which would change
		// the last bit on some machines.
		s := optional(slope, 0.01)
		return math.Sqrt(2 / (1 + float64(s*s)))
	case "selu":
		return 3.0 / 4
	}
	throw("nn.Gain", "there is no gain for the nonlinearity %q", nonlinearity)
	return 0
}

// KaimingConfig holds settings of KaimingUniform and KaimingNormal that are rarely
// changed. The zero value is PyTorch's default.
type KaimingConfig struct {
	FanOut       bool   // takes the number of outputs instead of that of inputs
	Nonlinearity string // as [Gain] takes it; empty stands for "leaky_relu"
}

// kaiming returns the standard deviation gain/√fan; 0 for a weight without elements.
func kaiming(op string, w *torch.Tensor, slope float64, c []KaimingConfig) float64 {
	config := optional(c, KaimingConfig{})
	fan, out := fans(op, w)
	if config.FanOut {
		fan = out
	}
	if w.Numel() == 0 {
		return 0
	}
	return Gain(cmp.Or(config.Nonlinearity, "leaky_relu"), slope) / math.Sqrt(float64(fan))
}

// KaimingUniform fills a weight [out, in, …] from [-b, b), b = √3·gain/√in, with
// the gain √(2/(1+slope²)) of a leaky ReLU with that negative slope (0: ReLU). From
// "Delving deep into rectifiers", He et al., 2015.
func KaimingUniform(w *torch.Tensor, slope float64, c ...KaimingConfig) *torch.Tensor {
	bound := math.Sqrt(3) * kaiming("KaimingUniform", w, slope, c)
	return Uniform(w, -bound, bound)
}

// KaimingNormal fills a weight [out, in, …] from a normal distribution of mean 0 and
// standard deviation gain/√in; see KaimingUniform.
func KaimingNormal(w *torch.Tensor, slope float64, c ...KaimingConfig) *torch.Tensor {
	return Normal(w, 0, kaiming("KaimingNormal", w, slope, c))
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

// TruncNormal fills w with numbers of a normal distribution that lie in [lo, hi]; others
// are drawn again. The host waits for the device.
func TruncNormal(w *torch.Tensor, mean, std, lo, hi float64) *torch.Tensor {
	const op = "nn.TruncNormal"
	must(op, lo < hi && std > 0, "the bounds are %v and %v and std is %v; the first must be below the second, and std above 0", lo, hi, std)
	below := func(x float64) float64 { return (1 + math.Erf((x-mean)/std/math.Sqrt2)) / 2 }
	draw := func(t *torch.Tensor) *torch.Tensor { return t.NormalInPlace(mean, std) }
	refused := func(t *torch.Tensor) *torch.Tensor {
		return t.Lt(torch.FullLike(t, lo)).LogicalOr(t.Gt(torch.FullLike(t, hi)))
	}
	if below(hi)-below(lo) <= 0.3 { // most would be refused: draw uniformly, and accept by the density
		mode := (max(lo, min(mean, hi)) - mean) / std
		peak := -0.5 * float64(mode*mode)
		draw = func(t *torch.Tensor) *torch.Tensor { return t.UniformInPlace(lo, hi) }
		refused = func(t *torch.Tensor) *torch.Tensor {
			density := t.AddScalar(-mean).DivScalar(std).Pow(2).MulScalar(-0.5).AddScalar(-peak)
			return torch.EmptyLike(t).UniformInPlace(0, 1).Log().Gt(density)
		}
	}
	scoped(func() {
		pending := refused(draw(w))
		for pending.Any().Item() != 0 {
			again := draw(torch.EmptyLike(w))
			w.CopyInPlace(torch.Where(pending, again, w))
			pending = pending.LogicalAnd(refused(again))
		}
	})
	return w
}

// Orthogonal fills a weight [n, …] with orthogonal rows of length gain, or columns where
// there are fewer of them: the orthogonal factor of a matrix of normal numbers. From
// "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
// Saxe et al., 2013.
func Orthogonal(w *torch.Tensor, gain float64) *torch.Tensor {
	shape := w.Shape()
	must("nn.Orthogonal", len(shape) >= 2, "a weight needs at least two dimensions, this has shape %v", shape)
	if w.Numel() == 0 {
		return w
	}
	scoped(func() {
		rows := shape[0]
		m := torch.Empty([]int{rows, w.Numel() / rows}, torch.Options{DType: w.DType(), Device: w.Device()}).NormalInPlace(0, 1)
		wide := rows < m.Size(1)
		if wide {
			m = m.T()
		}
		factors := torch.Call("aten::linalg_qr", m, "reduced")
		q := factors.TensorAt(0).Mul(factors.TensorAt(1).Diag(0).Sign())
		if wide {
			q = q.T()
		}
		w.CopyInPlace(q.Reshape(shape...)).MulScalarInPlace(gain)
	})
	return w
}

// Sparse fills a matrix with normal numbers of a standard deviation, and a share of each
// column, rounded up, with zeros. From "Deep learning via Hessian-free optimization",
// Martens, 2010.
func Sparse(w *torch.Tensor, sparsity, std float64) *torch.Tensor {
	const op = "nn.Sparse"
	probability(op, "sparsity", sparsity)
	rows, cols := matrix(op, w)
	Normal(w, 0, std)
	scoped(func() {
		mask := make([]bool, rows*cols)
		for col := range cols {
			for _, row := range torch.ToSlice[int64](torch.Randperm(rows))[:int(math.Ceil(sparsity*float64(rows)))] {
				mask[int(row)*cols+col] = true
			}
		}
		w.CopyInPlace(w.MaskedFill(torch.FromSlice(mask, rows, cols).To(w.Device()), 0))
	})
	return w
}

// Eye fills a matrix with ones on the diagonal and zeros elsewhere, so that a
// [Linear] passes its input on.
func Eye(w *torch.Tensor) *torch.Tensor {
	rows, cols := matrix("nn.Eye", w)
	scoped(func() { w.CopyInPlace(torch.Eye(rows, cols, torch.Options{DType: w.DType(), Device: w.Device()})) })
	return w
}

// Dirac fills the weight [out, in, kernel…] of a convolution of 1 to 3 dimensions with ones
// at the kernel's middle where the output is the input's channel, and zeros elsewhere: as
// many channels as there are pass unchanged. With groups, 1 or more, each does so with its own.
func Dirac(w *torch.Tensor, groups int) *torch.Tensor {
	const op = "nn.Dirac"
	shape := w.Shape()
	positive(op, "groups", groups)
	must(op, len(shape) >= 3 && len(shape) <= 5, "a weight needs 3 to 5 dimensions, this has shape %v", shape)
	must(op, shape[0]%groups == 0, "%d output channels cannot be divided into %d groups", shape[0], groups)
	ones := make([]float32, w.Numel())
	each := shape[0] / groups
	for out := range shape[0] {
		if out%each >= shape[1] {
			continue
		}
		at := out*shape[1] + out%each
		for _, n := range shape[2:] {
			at = at*n + n/2
		}
		ones[at] = 1
	}
	scoped(func() { w.CopyInPlace(torch.FromSlice(ones, shape...)) })
	return w
}

// matrix returns the sizes of a matrix.
func matrix(op string, w *torch.Tensor) (rows, cols int) {
	s := w.Shape()
	must(op, len(s) == 2, "a weight needs two dimensions, this has shape %v", s)
	return s[0], s[1]
}
