// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Add returns t + o, broadcast as in NumPy.
func (t *Tensor) Add(o *Tensor) *Tensor { return on("aten::add.Tensor", t, o).one() }

// Sub returns t - o.
func (t *Tensor) Sub(o *Tensor) *Tensor { return on("aten::sub.Tensor", t, o).one() }

// Mul returns the elementwise product.
func (t *Tensor) Mul(o *Tensor) *Tensor { return on("aten::mul.Tensor", t, o).one() }

// Div returns the elementwise quotient; of integers a floating-point one.
func (t *Tensor) Div(o *Tensor) *Tensor { return on("aten::div.Tensor", t, o).one() }

// A number that an operator takes beside a tensor is any Go number or bool, and stays
// what it is, as in PyTorch: a tensor of integers plus an int are integers, and plus a
// float64 they are floating-point numbers. A constant without a point, as the 2 in
// t.Pow(2), is an int.

// Pow returns t to the power of x, a number.
func (t *Tensor) Pow(x any) *Tensor { return on("aten::pow.Tensor_Scalar", t).scalar(x).one() }

// AddScalar returns t + x, a number.
func (t *Tensor) AddScalar(x any) *Tensor { return on("aten::add.Scalar", t).scalar(x).one() }

// SubScalar returns t - x, a number.
func (t *Tensor) SubScalar(x any) *Tensor { return on("aten::sub.Scalar", t).scalar(x).one() }

// MulScalar returns t · x, a number.
func (t *Tensor) MulScalar(x any) *Tensor { return on("aten::mul.Scalar", t).scalar(x).one() }

// DivScalar returns t / x, a number; of integers a floating-point quotient.
func (t *Tensor) DivScalar(x any) *Tensor { return on("aten::div.Scalar", t).scalar(x).one() }

// AddInPlace adds o.
func (t *Tensor) AddInPlace(o *Tensor) *Tensor { on("aten::add_.Tensor", t, o).void(); return t }

// AddScaledInPlace adds alpha·o.
func (t *Tensor) AddScaledInPlace(o *Tensor, alpha float64) *Tensor {
	on("aten::add_.Tensor", t, o).double(alpha).void()
	return t
}

// LerpInPlace moves t towards o: t + weight·(o - t).
func (t *Tensor) LerpInPlace(o *Tensor, weight float64) *Tensor {
	on("aten::lerp_.Scalar", t, o).double(weight).void()
	return t
}

// AddcmulInPlace adds value·a·b.
func (t *Tensor) AddcmulInPlace(a, b *Tensor, value float64) *Tensor {
	on("aten::addcmul_", t, a, b).double(value).void()
	return t
}

// AddcdivInPlace adds value·a/b.
func (t *Tensor) AddcdivInPlace(a, b *Tensor, value float64) *Tensor {
	on("aten::addcdiv_", t, a, b).double(value).void()
	return t
}

// SubInPlace subtracts o.
func (t *Tensor) SubInPlace(o *Tensor) *Tensor { on("aten::sub_.Tensor", t, o).void(); return t }

// MulInPlace multiplies by o.
func (t *Tensor) MulInPlace(o *Tensor) *Tensor { on("aten::mul_.Tensor", t, o).void(); return t }

// DivInPlace divides by o.
func (t *Tensor) DivInPlace(o *Tensor) *Tensor { on("aten::div_.Tensor", t, o).void(); return t }

// AddScalarInPlace adds x, a number; to integers only an integer can be added.
func (t *Tensor) AddScalarInPlace(x any) *Tensor {
	on("aten::add_.Scalar", t).scalar(x).void()
	return t
}

// MulScalarInPlace multiplies by x, a number; integers only by an integer.
func (t *Tensor) MulScalarInPlace(x any) *Tensor {
	on("aten::mul_.Scalar", t).scalar(x).void()
	return t
}

// Neg returns -t.
func (t *Tensor) Neg() *Tensor { return on("aten::neg", t).one() }

// Abs returns |t|.
func (t *Tensor) Abs() *Tensor { return on("aten::abs", t).one() }

// Exp returns e to the power of t.
func (t *Tensor) Exp() *Tensor { return on("aten::exp", t).one() }

// Log returns the natural logarithm.
func (t *Tensor) Log() *Tensor { return on("aten::log", t).one() }

// Sqrt returns the square root.
func (t *Tensor) Sqrt() *Tensor { return on("aten::sqrt", t).one() }

// Square returns t².
func (t *Tensor) Square() *Tensor { return on("aten::square", t).one() }

// Atanh returns the inverse hyperbolic tangent.
func (t *Tensor) Atanh() *Tensor { return on("aten::atanh", t).one() }

// Tanh returns the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return on("aten::tanh", t).one() }

// Sigmoid returns 1 / (1 + e⁻ᵗ).
func (t *Tensor) Sigmoid() *Tensor { return on("aten::sigmoid", t).one() }

// Relu returns max(t, 0).
func (t *Tensor) Relu() *Tensor { return on("aten::relu", t).one() }

// Clamp limits the elements to [lo, hi], two numbers.
func (t *Tensor) Clamp(lo, hi any) *Tensor { return on("aten::clamp", t).scalar(lo).scalar(hi).one() }

// Maximum returns the larger of t and o, elementwise.
func (t *Tensor) Maximum(o *Tensor) *Tensor { return on("aten::maximum", t, o).one() }

// Minimum returns the smaller of t and o, elementwise.
func (t *Tensor) Minimum(o *Tensor) *Tensor { return on("aten::minimum", t, o).one() }

// Softmax returns eᵗ divided by its sum along dim.
func (t *Tensor) Softmax(dim int) *Tensor { return on("aten::softmax.int", t).int(dim).none().one() }

// LogSoftmax returns the logarithm of Softmax, computed without loss of precision.
func (t *Tensor) LogSoftmax(dim int) *Tensor {
	return on("aten::log_softmax.int", t).int(dim).none().one()
}

// Matmul returns the matrix product, with batches as in torch.matmul.
func (t *Tensor) Matmul(o *Tensor) *Tensor { return on("aten::matmul", t, o).one() }

// Linear returns x·weightᵀ + bias: x [*, in], weight [out, in], bias [out] or nil.
func Linear(x, weight, bias *Tensor) *Tensor {
	return on("aten::linear", x, weight).optional(bias).one()
}

// Eq returns where t = o, as bools.
func (t *Tensor) Eq(o *Tensor) *Tensor { return on("aten::eq.Tensor", t, o).one() }

// Lt returns where t < o, as bools.
func (t *Tensor) Lt(o *Tensor) *Tensor { return on("aten::lt.Tensor", t, o).one() }

// Gt returns where t > o, as bools.
func (t *Tensor) Gt(o *Tensor) *Tensor { return on("aten::gt.Tensor", t, o).one() }

// IsFinite returns where t is neither infinite nor NaN, as bools.
func (t *Tensor) IsFinite() *Tensor { return on("aten::isfinite", t).one() }

// All returns whether all elements are true, a single bool.
func (t *Tensor) All() *Tensor { return on("aten::all", t).one() }

// Any returns whether an element is true, a single bool.
func (t *Tensor) Any() *Tensor { return on("aten::any", t).one() }

// Equal reports whether shape and all elements are the same.
func (t *Tensor) Equal(o *Tensor) bool { return on("aten::equal", t, o).holds() }

// AllClose reports whether |t - o| <= atol + rtol·|o| everywhere.
func (t *Tensor) AllClose(o *Tensor, rtol, atol float64) bool {
	return on("aten::allclose", t, o).double(rtol).double(atol).bool(false).holds()
}

// Where returns a where the condition holds, b elsewhere.
func Where(condition, a, b *Tensor) *Tensor { return on("aten::where.self", condition, a, b).one() }

// FillInPlace sets every element to x, a number, which becomes the type of t.
func (t *Tensor) FillInPlace(x any) *Tensor { on("aten::fill_.Scalar", t).scalar(x).void(); return t }

// ZeroInPlace sets every element to 0.
func (t *Tensor) ZeroInPlace() *Tensor { on("aten::zero_", t).void(); return t }

// CopyInPlace copies src, of any type and device, over the elements of t.
func (t *Tensor) CopyInPlace(src *Tensor) *Tensor {
	on("aten::copy_", t, src).bool(false).void()
	return t
}

// CopyNonBlockingInPlace is CopyInPlace that does not wait for a copy between host
// and device; see ToNonBlocking for what that asks of the tensor on the host.
func (t *Tensor) CopyNonBlockingInPlace(src *Tensor) *Tensor {
	on("aten::copy_", t, src).bool(true).void()
	return t
}

// UniformInPlace draws the elements from [lo, hi).
func (t *Tensor) UniformInPlace(lo, hi float64) *Tensor {
	on("aten::uniform_", t).double(lo).double(hi).none().void()
	return t
}

// NormalInPlace draws the elements from a normal distribution.
func (t *Tensor) NormalInPlace(mean, std float64) *Tensor {
	on("aten::normal_", t).double(mean).double(std).none().void()
	return t
}
