// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"

	"github.com/etude-ml/etude/torch"
)

// The activations are functions of each element, unless they have a Dim. They take
// tensors of any shape to the same shape, but for GLU. Types whose settings have to be
// set have a function that returns them with PyTorch's. There is no inplace: an
// activation never changes its input.

// Tanh is the hyperbolic tangent as a module, for [Sequential].
type Tanh struct{}

// Forward returns tanh(x).
func (Tanh) Forward(x *torch.Tensor) *torch.Tensor { return x.Tanh() }

// ReLU is max(x, 0) as a module.
type ReLU struct{}

// Forward returns max(x, 0).
func (ReLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Relu() }

// Sigmoid is 1/(1 + e⁻ˣ) as a module.
type Sigmoid struct{}

// Forward returns the sigmoid of x.
func (Sigmoid) Forward(x *torch.Tensor) *torch.Tensor { return x.Sigmoid() }

// ReLU6 is min(max(x, 0), 6). From "Convolutional deep belief networks on CIFAR-10",
// Krizhevsky, 2010.
type ReLU6 struct{}

// Forward returns x limited to [0, 6].
func (ReLU6) Forward(x *torch.Tensor) *torch.Tensor { return x.Relu6() }

// LeakyReLU is x where it is positive, and NegativeSlope·x elsewhere.
type LeakyReLU struct{ NegativeSlope float64 }

// DefaultLeakyReLU returns a LeakyReLU with a slope of 0.01.
func DefaultLeakyReLU() LeakyReLU { return LeakyReLU{NegativeSlope: 0.01} }

// Forward returns the leaky ReLU of x.
func (l LeakyReLU) Forward(x *torch.Tensor) *torch.Tensor { return x.LeakyRelu(l.NegativeSlope) }

// PReLU is a [LeakyReLU] whose slope is learned. From "Delving deep into rectifiers",
// He et al., 2015.
//
// Shape: any to the same; with more than one weight [N, n, *] or [N, n].
//
// Parameters: weight [n], of PReLUConfig.Init: a slope for all channels (n = 1) or one
// for each.
type PReLU struct{ Weight *torch.Tensor }

// PReLUConfig holds settings that are rarely changed. Start from [DefaultPReLU].
type PReLUConfig struct {
	Init  float64     // the slope at first
	DType torch.DType // of the parameter
}

// DefaultPReLU returns the settings of PyTorch's PReLU: an Init of 0.25. They are those
// of [NewPReLU] without settings.
func DefaultPReLU() PReLUConfig { return PReLUConfig{Init: 0.25} }

// NewPReLU returns a PReLU with n slopes, on device d.
func NewPReLU(n int, d torch.Device, c ...PReLUConfig) *PReLU {
	positive("nn.PReLU", "the number of weights", n)
	config := optional(c, DefaultPReLU())
	return &PReLU{constantParameter(d, config.DType, config.Init, n)}
}

// Forward returns the leaky ReLU of x.
func (l *PReLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Prelu(l.Weight) }

// RReLU is a [LeakyReLU] whose slope is drawn from [Lower, Upper) for each element in
// training, and is their mean in evaluation. From "Empirical evaluation of rectified
// activations in convolutional network", Xu et al., 2015.
type RReLU struct {
	Lower, Upper float64
	Training     bool
}

// DefaultRReLU returns an RReLU in training mode with slopes from 1/8 to 1/3.
func DefaultRReLU() *RReLU { return &RReLU{Lower: 1.0 / 8, Upper: 1.0 / 3, Training: true} }

// Forward returns the randomised leaky ReLU of x.
func (l *RReLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Rrelu(l.Lower, l.Upper, l.Training) }

// ELU is x where it is positive, and Alpha·(eˣ - 1) elsewhere. From "Fast and accurate
// deep network learning by exponential linear units", Clevert et al., 2016.
type ELU struct{ Alpha float64 }

// DefaultELU returns an ELU with an Alpha of 1.
func DefaultELU() ELU { return ELU{Alpha: 1} }

// Forward returns the ELU of x.
func (l ELU) Forward(x *torch.Tensor) *torch.Tensor { return x.Elu(l.Alpha) }

// CELU is max(x, 0) + min(0, Alpha·(exp(x/Alpha) - 1)). From "Continuously
// differentiable exponential linear units", Barron, 2017. Alpha cannot be 0, which
// stands for PyTorch's 1.
type CELU struct{ Alpha float64 }

// Forward returns the CELU of x.
func (l CELU) Forward(x *torch.Tensor) *torch.Tensor { return x.Celu(cmp.Or(l.Alpha, 1)) }

// SELU is the [ELU] times a scale, both with the constants that keep mean and variance.
// From "Self-normalizing neural networks", Klambauer et al., 2017.
type SELU struct{}

// Forward returns the SELU of x.
func (SELU) Forward(x *torch.Tensor) *torch.Tensor { return x.Selu() }

// GELU is x·Φ(x), where Φ is the normal distribution. From "Gaussian error linear
// units", Hendrycks and Gimpel, 2016. Approximate is "none", also if it is empty, or
// "tanh" for 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
type GELU struct{ Approximate string }

// Forward returns the GELU of x.
func (l GELU) Forward(x *torch.Tensor) *torch.Tensor { return x.Gelu(cmp.Or(l.Approximate, "none")) }

// SiLU is x·sigmoid(x), also called swish. From "Gaussian error linear units",
// Hendrycks and Gimpel, 2016.
type SiLU struct{}

// Forward returns the SiLU of x.
func (SiLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Silu() }

// Mish is x·tanh(log(1 + eˣ)). From "Mish: a self regularized non-monotonic neural
// activation function", Misra, 2019.
type Mish struct{}

// Forward returns the Mish of x.
func (Mish) Forward(x *torch.Tensor) *torch.Tensor { return x.Mish() }

// Softplus is log(1 + exp(Beta·x))/Beta, and x itself where Beta·x is above Threshold.
type Softplus struct{ Beta, Threshold float64 }

// DefaultSoftplus returns a Softplus with a Beta of 1 and a Threshold of 20.
func DefaultSoftplus() Softplus { return Softplus{Beta: 1, Threshold: 20} }

// Forward returns the softplus of x.
func (l Softplus) Forward(x *torch.Tensor) *torch.Tensor { return x.Softplus(l.Beta, l.Threshold) }

// Softsign is x/(1 + |x|).
type Softsign struct{}

// Forward returns the softsign of x.
func (Softsign) Forward(x *torch.Tensor) *torch.Tensor { return x.Div(x.Abs().AddScalar(1)) }

// Softshrink moves x towards zero by Lambda: it is 0 where |x| ≤ Lambda.
type Softshrink struct{ Lambda float64 }

// DefaultSoftshrink returns a Softshrink with a Lambda of 0.5.
func DefaultSoftshrink() Softshrink { return Softshrink{Lambda: 0.5} }

// Forward returns x, shrunk.
func (l Softshrink) Forward(x *torch.Tensor) *torch.Tensor { return x.Softshrink(l.Lambda) }

// Hardshrink is x, but 0 where |x| ≤ Lambda.
type Hardshrink struct{ Lambda float64 }

// DefaultHardshrink returns a Hardshrink with a Lambda of 0.5.
func DefaultHardshrink() Hardshrink { return Hardshrink{Lambda: 0.5} }

// Forward returns x without what is near zero.
func (l Hardshrink) Forward(x *torch.Tensor) *torch.Tensor { return x.Hardshrink(l.Lambda) }

// Tanhshrink is x - tanh(x).
type Tanhshrink struct{}

// Forward returns x - tanh(x).
func (Tanhshrink) Forward(x *torch.Tensor) *torch.Tensor { return x.Sub(x.Tanh()) }

// Threshold is x where it is above Threshold, and Value elsewhere.
type Threshold struct{ Threshold, Value float64 }

// Forward returns x with Value in some places.
func (l Threshold) Forward(x *torch.Tensor) *torch.Tensor { return x.Threshold(l.Threshold, l.Value) }

// Hardtanh is x limited to [Min, Max].
type Hardtanh struct{ Min, Max float64 }

// DefaultHardtanh returns a Hardtanh from -1 to 1.
func DefaultHardtanh() Hardtanh { return Hardtanh{Min: -1, Max: 1} }

// Forward returns x, limited. It panics unless Min is below Max.
func (l Hardtanh) Forward(x *torch.Tensor) *torch.Tensor {
	must("nn.Hardtanh", l.Min < l.Max, "Min is %v and Max is %v; Min must be below Max", l.Min, l.Max)
	return x.Hardtanh(l.Min, l.Max)
}

// Hardsigmoid is min(max(x + 3, 0), 6)/6.
type Hardsigmoid struct{}

// Forward returns the hard sigmoid of x.
func (Hardsigmoid) Forward(x *torch.Tensor) *torch.Tensor { return x.Hardsigmoid() }

// Hardswish is x·min(max(x + 3, 0), 6)/6. From "Searching for MobileNetV3", Howard et
// al., 2019.
type Hardswish struct{}

// Forward returns the hard swish of x.
func (Hardswish) Forward(x *torch.Tensor) *torch.Tensor { return x.Hardswish() }

// LogSigmoid is -log(1 + e⁻ˣ).
type LogSigmoid struct{}

// Forward returns the logarithm of the sigmoid of x.
func (LogSigmoid) Forward(x *torch.Tensor) *torch.Tensor { return x.LogSigmoid() }

// GLU is a·sigmoid(b) for the halves a and b of dimension Dim, which becomes half as
// long. From "Language modeling with gated convolutional networks", Dauphin et al., 2017.
type GLU struct{ Dim int }

// DefaultGLU returns a GLU of the last dimension.
func DefaultGLU() GLU { return GLU{Dim: -1} }

// Forward returns the gated half of x.
func (l GLU) Forward(x *torch.Tensor) *torch.Tensor { return x.Glu(l.Dim) }

// Softmax is eˣ divided by its sum along Dim, as a module.
type Softmax struct{ Dim int }

// Forward returns the softmax of x along Dim.
func (s Softmax) Forward(x *torch.Tensor) *torch.Tensor { return x.Softmax(s.Dim) }

// LogSoftmax is the logarithm of [Softmax].
type LogSoftmax struct{ Dim int }

// Forward returns the logarithm of the softmax of x along Dim.
func (s LogSoftmax) Forward(x *torch.Tensor) *torch.Tensor { return x.LogSoftmax(s.Dim) }

// Softmin is the [Softmax] of -x.
type Softmin struct{ Dim int }

// Forward returns the softmax of -x along Dim.
func (s Softmin) Forward(x *torch.Tensor) *torch.Tensor { return x.Neg().Softmax(s.Dim) }

// Softmax2d is the [Softmax] over the channels of images. Shape: [N, C, H, W] or
// [C, H, W] to the same.
type Softmax2d struct{}

// Forward returns the softmax of x over its channels.
func (Softmax2d) Forward(x *torch.Tensor) *torch.Tensor {
	spatial("nn.Softmax2d", x, 2)
	return x.Softmax(-3)
}
