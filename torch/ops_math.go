// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

var (
	opAdd         = &op{name: "aten::add", overload: "Tensor"}
	opSub         = &op{name: "aten::sub", overload: "Tensor"}
	opMul         = &op{name: "aten::mul", overload: "Tensor"}
	opDiv         = &op{name: "aten::div", overload: "Tensor"}
	opPow         = &op{name: "aten::pow", overload: "Tensor_Scalar"}
	opAddScalar   = &op{name: "aten::add", overload: "Scalar"}
	opSubScalar   = &op{name: "aten::sub", overload: "Scalar"}
	opMulScalar   = &op{name: "aten::mul", overload: "Scalar"}
	opDivScalar   = &op{name: "aten::div", overload: "Scalar"}
	opAddIn       = &op{name: "aten::add_", overload: "Tensor"}
	opSubIn       = &op{name: "aten::sub_", overload: "Tensor"}
	opMulIn       = &op{name: "aten::mul_", overload: "Tensor"}
	opDivIn       = &op{name: "aten::div_", overload: "Tensor"}
	opAddScalarIn = &op{name: "aten::add_", overload: "Scalar"}
	opMulScalarIn = &op{name: "aten::mul_", overload: "Scalar"}
	opNeg         = &op{name: "aten::neg"}
	opAbs         = &op{name: "aten::abs"}
	opExp         = &op{name: "aten::exp"}
	opLog         = &op{name: "aten::log"}
	opSqrt        = &op{name: "aten::sqrt"}
	opSquare      = &op{name: "aten::square"}
	opAtanh       = &op{name: "aten::atanh"}
	opTanh        = &op{name: "aten::tanh"}
	opSigmoid     = &op{name: "aten::sigmoid"}
	opRelu        = &op{name: "aten::relu"}
	opClamp       = &op{name: "aten::clamp"}
	opMaximum     = &op{name: "aten::maximum"}
	opMinimum     = &op{name: "aten::minimum"}
	opSoftmax     = &op{name: "aten::softmax", overload: "int"}
	opLogSM       = &op{name: "aten::log_softmax", overload: "int"}
	opMatmul      = &op{name: "aten::matmul"}
	opLinear      = &op{name: "aten::linear"}
	opEq          = &op{name: "aten::eq", overload: "Tensor"}
	opLt          = &op{name: "aten::lt", overload: "Tensor"}
	opGt          = &op{name: "aten::gt", overload: "Tensor"}
	opIsFinite    = &op{name: "aten::isfinite"}
	opAll         = &op{name: "aten::all"}
	opAny         = &op{name: "aten::any"}
	opEqual       = &op{name: "aten::equal"}
	opAllClose    = &op{name: "aten::allclose"}
	opWhere       = &op{name: "aten::where", overload: "self"}
	opFillIn      = &op{name: "aten::fill_", overload: "Scalar"}
	opZeroIn      = &op{name: "aten::zero_"}
	opCopyIn      = &op{name: "aten::copy_"}
	opUniformIn   = &op{name: "aten::uniform_"}
	opNormalIn    = &op{name: "aten::normal_"}
)

// Add returns t + o, broadcast as in NumPy.
func (t *Tensor) Add(o *Tensor) *Tensor { return opAdd.on(t, o).one() }

// Sub returns t - o.
func (t *Tensor) Sub(o *Tensor) *Tensor { return opSub.on(t, o).one() }

// Mul returns the elementwise product.
func (t *Tensor) Mul(o *Tensor) *Tensor { return opMul.on(t, o).one() }

// Div returns the elementwise quotient; of integers a floating-point one.
func (t *Tensor) Div(o *Tensor) *Tensor { return opDiv.on(t, o).one() }

// A number that an operator takes beside a tensor is any Go number or bool, and stays
// what it is, as in PyTorch: a tensor of integers plus an int are integers, and plus a
// float64 they are floating-point numbers. A constant without a point, as the 2 in
// t.Pow(2), is an int.

// Pow returns t to the power of x, a number.
func (t *Tensor) Pow(x any) *Tensor { return opPow.on(t).scalar(x).one() }

// AddScalar returns t + x, a number.
func (t *Tensor) AddScalar(x any) *Tensor { return opAddScalar.on(t).scalar(x).one() }

// SubScalar returns t - x, a number.
func (t *Tensor) SubScalar(x any) *Tensor { return opSubScalar.on(t).scalar(x).one() }

// MulScalar returns t · x, a number.
func (t *Tensor) MulScalar(x any) *Tensor { return opMulScalar.on(t).scalar(x).one() }

// DivScalar returns t / x, a number; of integers a floating-point quotient.
func (t *Tensor) DivScalar(x any) *Tensor { return opDivScalar.on(t).scalar(x).one() }

// AddInPlace adds o.
func (t *Tensor) AddInPlace(o *Tensor) *Tensor { opAddIn.on(t, o).void(); return t }

// SubInPlace subtracts o.
func (t *Tensor) SubInPlace(o *Tensor) *Tensor { opSubIn.on(t, o).void(); return t }

// MulInPlace multiplies by o.
func (t *Tensor) MulInPlace(o *Tensor) *Tensor { opMulIn.on(t, o).void(); return t }

// DivInPlace divides by o.
func (t *Tensor) DivInPlace(o *Tensor) *Tensor { opDivIn.on(t, o).void(); return t }

// AddScalarInPlace adds x, a number; to integers only an integer can be added.
func (t *Tensor) AddScalarInPlace(x any) *Tensor { opAddScalarIn.on(t).scalar(x).void(); return t }

// MulScalarInPlace multiplies by x, a number; integers only by an integer.
func (t *Tensor) MulScalarInPlace(x any) *Tensor { opMulScalarIn.on(t).scalar(x).void(); return t }

// Neg returns -t.
func (t *Tensor) Neg() *Tensor { return opNeg.on(t).one() }

// Abs returns |t|.
func (t *Tensor) Abs() *Tensor { return opAbs.on(t).one() }

// Exp returns e to the power of t.
func (t *Tensor) Exp() *Tensor { return opExp.on(t).one() }

// Log returns the natural logarithm.
func (t *Tensor) Log() *Tensor { return opLog.on(t).one() }

// Sqrt returns the square root.
func (t *Tensor) Sqrt() *Tensor { return opSqrt.on(t).one() }

// Square returns t².
func (t *Tensor) Square() *Tensor { return opSquare.on(t).one() }

// Atanh returns the inverse hyperbolic tangent.
func (t *Tensor) Atanh() *Tensor { return opAtanh.on(t).one() }

// Tanh returns the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return opTanh.on(t).one() }

// Sigmoid returns 1 / (1 + e⁻ᵗ).
func (t *Tensor) Sigmoid() *Tensor { return opSigmoid.on(t).one() }

// Relu returns max(t, 0).
func (t *Tensor) Relu() *Tensor { return opRelu.on(t).one() }

// Clamp limits the elements to [lo, hi], two numbers.
func (t *Tensor) Clamp(lo, hi any) *Tensor { return opClamp.on(t).scalar(lo).scalar(hi).one() }

// Maximum returns the larger of t and o, elementwise.
func (t *Tensor) Maximum(o *Tensor) *Tensor { return opMaximum.on(t, o).one() }

// Minimum returns the smaller of t and o, elementwise.
func (t *Tensor) Minimum(o *Tensor) *Tensor { return opMinimum.on(t, o).one() }

// Softmax returns eᵗ divided by its sum along dim.
func (t *Tensor) Softmax(dim int) *Tensor { return opSoftmax.on(t).int(dim).none().one() }

// LogSoftmax returns the logarithm of Softmax, computed without loss of precision.
func (t *Tensor) LogSoftmax(dim int) *Tensor { return opLogSM.on(t).int(dim).none().one() }

// Matmul returns the matrix product, with batches as in torch.matmul.
func (t *Tensor) Matmul(o *Tensor) *Tensor { return opMatmul.on(t, o).one() }

// Linear returns x·weightᵀ + bias: x [*, in], weight [out, in], bias [out] or nil.
func Linear(x, weight, bias *Tensor) *Tensor { return opLinear.on(x, weight).optional(bias).one() }

// Eq returns where t = o, as bools.
func (t *Tensor) Eq(o *Tensor) *Tensor { return opEq.on(t, o).one() }

// Lt returns where t < o, as bools.
func (t *Tensor) Lt(o *Tensor) *Tensor { return opLt.on(t, o).one() }

// Gt returns where t > o, as bools.
func (t *Tensor) Gt(o *Tensor) *Tensor { return opGt.on(t, o).one() }

// IsFinite returns where t is neither infinite nor NaN, as bools.
func (t *Tensor) IsFinite() *Tensor { return opIsFinite.on(t).one() }

// All returns whether all elements are true, a single bool.
func (t *Tensor) All() *Tensor { return opAll.on(t).one() }

// Any returns whether an element is true, a single bool.
func (t *Tensor) Any() *Tensor { return opAny.on(t).one() }

// Equal reports whether shape and all elements are the same.
func (t *Tensor) Equal(o *Tensor) bool { return opEqual.on(t, o).holds() }

// AllClose reports whether |t - o| <= atol + rtol·|o| everywhere.
func (t *Tensor) AllClose(o *Tensor, rtol, atol float64) bool {
	return opAllClose.on(t, o).double(rtol).double(atol).bool(false).holds()
}

// Where returns a where the condition holds, b elsewhere.
func Where(condition, a, b *Tensor) *Tensor { return opWhere.on(condition, a, b).one() }

// FillInPlace sets every element to x, a number, which becomes the type of t.
func (t *Tensor) FillInPlace(x any) *Tensor { opFillIn.on(t).scalar(x).void(); return t }

// ZeroInPlace sets every element to 0.
func (t *Tensor) ZeroInPlace() *Tensor { opZeroIn.on(t).void(); return t }

// CopyInPlace copies src, of any type and device, over the elements of t.
func (t *Tensor) CopyInPlace(src *Tensor) *Tensor { opCopyIn.on(t, src).bool(false).void(); return t }

// CopyNonBlockingInPlace is CopyInPlace that does not wait for a copy between host
// and device; see ToNonBlocking for what that asks of the tensor on the host.
func (t *Tensor) CopyNonBlockingInPlace(src *Tensor) *Tensor {
	opCopyIn.on(t, src).bool(true).void()
	return t
}

// UniformInPlace draws the elements from [lo, hi).
func (t *Tensor) UniformInPlace(lo, hi float64) *Tensor {
	opUniformIn.on(t).double(lo).double(hi).none().void()
	return t
}

// NormalInPlace draws the elements from a normal distribution.
func (t *Tensor) NormalInPlace(mean, std float64) *Tensor {
	opNormalIn.on(t).double(mean).double(std).none().void()
	return t
}
