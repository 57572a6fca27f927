// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Relu6 returns t limited to [0, 6].
func (t *Tensor) Relu6() *Tensor { return on("aten::relu6", t).one() }

// LeakyRelu returns t where it is positive, and slope·t elsewhere.
func (t *Tensor) LeakyRelu(slope float64) *Tensor {
	return on("aten::leaky_relu", t).double(slope).one()
}

// Prelu is LeakyRelu with a learned slope: weight has one element, or one for each
// channel, the second dimension of t.
func (t *Tensor) Prelu(weight *Tensor) *Tensor { return on("aten::prelu", t, weight).one() }

// Rrelu is LeakyRelu with a slope drawn uniformly from [lower, upper) for each element
// when train is set, and with their mean otherwise.
func (t *Tensor) Rrelu(lower, upper float64, train bool) *Tensor {
	return on("aten::rrelu", t).double(lower).double(upper).bool(train).none().one()
}

// Elu returns t where it is positive, and alpha·(eᵗ - 1) elsewhere.
func (t *Tensor) Elu(alpha float64) *Tensor {
	return on("aten::elu", t).double(alpha).double(1).double(1).one()
}

// Celu returns max(t, 0) + min(0, alpha·(exp(t/alpha) - 1)).
func (t *Tensor) Celu(alpha float64) *Tensor { return on("aten::celu", t).double(alpha).one() }

// Selu returns the scaled Elu of Klambauer and others (2017), whose constants are fixed.
func (t *Tensor) Selu() *Tensor { return on("aten::selu", t).one() }

// Gelu returns t·Φ(t), Φ being the normal distribution: exactly with approximate "none",
// and by a formula with the hyperbolic tangent with "tanh".
func (t *Tensor) Gelu(approximate string) *Tensor {
	return on("aten::gelu", t).string(approximate).one()
}

// Silu returns t·Sigmoid(t), which is also called swish.
func (t *Tensor) Silu() *Tensor { return on("aten::silu", t).one() }

// Mish returns t·Tanh(Softplus(t)).
func (t *Tensor) Mish() *Tensor { return on("aten::mish", t).one() }

// Softplus returns log(1 + exp(beta·t))/beta, and t itself where beta·t is above
// threshold. PyTorch's defaults are 1 and 20.
func (t *Tensor) Softplus(beta, threshold float64) *Tensor {
	return on("aten::softplus", t).double(beta).double(threshold).one()
}

// Softshrink returns t moved towards zero by lambd, and zero where |t| ≤ lambd.
func (t *Tensor) Softshrink(lambd float64) *Tensor {
	return on("aten::softshrink", t).double(lambd).one()
}

// Hardshrink returns t, and zero where |t| ≤ lambd.
func (t *Tensor) Hardshrink(lambd float64) *Tensor {
	return on("aten::hardshrink", t).double(lambd).one()
}

// Threshold returns t where it is above threshold, and value elsewhere.
func (t *Tensor) Threshold(threshold, value float64) *Tensor {
	return on("aten::threshold", t).double(threshold).double(value).one()
}

// Hardtanh returns t limited to [lo, hi].
func (t *Tensor) Hardtanh(lo, hi float64) *Tensor {
	return on("aten::hardtanh", t).double(lo).double(hi).one()
}

// Hardsigmoid returns min(max(t + 3, 0), 6) / 6.
func (t *Tensor) Hardsigmoid() *Tensor { return on("aten::hardsigmoid", t).one() }

// Hardswish returns t·Hardsigmoid(t).
func (t *Tensor) Hardswish() *Tensor { return on("aten::hardswish", t).one() }

// LogSigmoid returns the logarithm of Sigmoid, computed without loss of precision.
func (t *Tensor) LogSigmoid() *Tensor { return on("aten::log_sigmoid", t).one() }

// Glu returns a·Sigmoid(b) for the two halves a and b of dimension dim.
func (t *Tensor) Glu(dim int) *Tensor { return on("aten::glu", t).int(dim).one() }
