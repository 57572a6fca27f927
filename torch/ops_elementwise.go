// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Sin returns the sine of t, in radians.
func (t *Tensor) Sin() *Tensor { return on("aten::sin", t).one() }

// Cos returns the cosine of t, in radians.
func (t *Tensor) Cos() *Tensor { return on("aten::cos", t).one() }

// Tan returns the tangent of t, in radians.
func (t *Tensor) Tan() *Tensor { return on("aten::tan", t).one() }

// Asin returns the inverse sine, in radians.
func (t *Tensor) Asin() *Tensor { return on("aten::asin", t).one() }

// Acos returns the inverse cosine, in radians.
func (t *Tensor) Acos() *Tensor { return on("aten::acos", t).one() }

// Atan returns the inverse tangent, in radians.
func (t *Tensor) Atan() *Tensor { return on("aten::atan", t).one() }

// Atan2 returns the angle of the point (o, t), in radians from -π to π.
func (t *Tensor) Atan2(o *Tensor) *Tensor { return on("aten::atan2", t, o).one() }

// Sinh returns the hyperbolic sine.
func (t *Tensor) Sinh() *Tensor { return on("aten::sinh", t).one() }

// Cosh returns the hyperbolic cosine.
func (t *Tensor) Cosh() *Tensor { return on("aten::cosh", t).one() }

// Asinh returns the inverse hyperbolic sine.
func (t *Tensor) Asinh() *Tensor { return on("aten::asinh", t).one() }

// Acosh returns the inverse hyperbolic cosine.
func (t *Tensor) Acosh() *Tensor { return on("aten::acosh", t).one() }

// Floor rounds down.
func (t *Tensor) Floor() *Tensor { return on("aten::floor", t).one() }

// Ceil rounds up.
func (t *Tensor) Ceil() *Tensor { return on("aten::ceil", t).one() }

// Round rounds to the nearest integer, and halves to the even one.
func (t *Tensor) Round() *Tensor { return on("aten::round", t).one() }

// Trunc rounds towards zero.
func (t *Tensor) Trunc() *Tensor { return on("aten::trunc", t).one() }

// Frac returns t - Trunc(t).
func (t *Tensor) Frac() *Tensor { return on("aten::frac", t).one() }

// Sign returns -1, 0 or 1.
func (t *Tensor) Sign() *Tensor { return on("aten::sign", t).one() }

// Rsqrt returns 1 / √t.
func (t *Tensor) Rsqrt() *Tensor { return on("aten::rsqrt", t).one() }

// Reciprocal returns 1 / t.
func (t *Tensor) Reciprocal() *Tensor { return on("aten::reciprocal", t).one() }

// Exp2 returns 2 to the power of t.
func (t *Tensor) Exp2() *Tensor { return on("aten::exp2", t).one() }

// Expm1 returns eᵗ - 1, exactly for small t too.
func (t *Tensor) Expm1() *Tensor { return on("aten::expm1", t).one() }

// Log1p returns the natural logarithm of 1 + t, exactly for small t too.
func (t *Tensor) Log1p() *Tensor { return on("aten::log1p", t).one() }

// Log2 returns the logarithm to base 2.
func (t *Tensor) Log2() *Tensor { return on("aten::log2", t).one() }

// Log10 returns the logarithm to base 10.
func (t *Tensor) Log10() *Tensor { return on("aten::log10", t).one() }

// Erf returns the error function.
func (t *Tensor) Erf() *Tensor { return on("aten::erf", t).one() }

// Erfc returns 1 - Erf, exactly for large t too.
func (t *Tensor) Erfc() *Tensor { return on("aten::erfc", t).one() }

// Lgamma returns the logarithm of the absolute value of the gamma function.
func (t *Tensor) Lgamma() *Tensor { return on("aten::lgamma", t).one() }

// PowTensor returns t to the power of o, elementwise and broadcast.
func (t *Tensor) PowTensor(o *Tensor) *Tensor { return on("aten::pow.Tensor_Tensor", t, o).one() }

// Remainder returns t modulo o with the sign of o, as the operator % of Python does.
func (t *Tensor) Remainder(o *Tensor) *Tensor { return on("aten::remainder.Tensor", t, o).one() }

// FloorDivide returns the quotient of t and o, rounded down.
func (t *Tensor) FloorDivide(o *Tensor) *Tensor { return on("aten::floor_divide", t, o).one() }

// Lerp returns t + weight·(o - t), the linear interpolation between t and o.
func (t *Tensor) Lerp(o *Tensor, weight float64) *Tensor {
	return on("aten::lerp.Scalar", t, o).double(weight).one()
}

// Addcmul returns t + value·a·b.
func (t *Tensor) Addcmul(a, b *Tensor, value float64) *Tensor {
	return on("aten::addcmul", t, a, b).double(value).one()
}

// Addcdiv returns t + value·a/b.
func (t *Tensor) Addcdiv(a, b *Tensor, value float64) *Tensor {
	return on("aten::addcdiv", t, a, b).double(value).one()
}

// ClampMin returns the larger of each element and lo, a number.
func (t *Tensor) ClampMin(lo any) *Tensor { return on("aten::clamp_min", t).scalar(lo).one() }

// ClampMax returns the smaller of each element and hi, a number.
func (t *Tensor) ClampMax(hi any) *Tensor { return on("aten::clamp_max", t).scalar(hi).one() }

// NanToNum returns t with nan for NaN, posinf for +∞ and neginf for -∞.
func (t *Tensor) NanToNum(nan, posinf, neginf float64) *Tensor {
	return on("aten::nan_to_num", t).double(nan).double(posinf).double(neginf).one()
}
