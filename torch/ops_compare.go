// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Comparisons return bools of the broadcast shape. Those that end in Scalar compare
// with a number, which does not change the type of the comparison.

// Ne returns where t ≠ o, as bools.
func (t *Tensor) Ne(o *Tensor) *Tensor { return on("aten::ne.Tensor", t, o).one() }

// Le returns where t ≤ o, as bools.
func (t *Tensor) Le(o *Tensor) *Tensor { return on("aten::le.Tensor", t, o).one() }

// Ge returns where t ≥ o, as bools.
func (t *Tensor) Ge(o *Tensor) *Tensor { return on("aten::ge.Tensor", t, o).one() }

// EqScalar returns where t = x, a number.
func (t *Tensor) EqScalar(x any) *Tensor { return on("aten::eq.Scalar", t).scalar(x).one() }

// NeScalar returns where t ≠ x, a number.
func (t *Tensor) NeScalar(x any) *Tensor { return on("aten::ne.Scalar", t).scalar(x).one() }

// LtScalar returns where t < x, a number.
func (t *Tensor) LtScalar(x any) *Tensor { return on("aten::lt.Scalar", t).scalar(x).one() }

// LeScalar returns where t ≤ x, a number.
func (t *Tensor) LeScalar(x any) *Tensor { return on("aten::le.Scalar", t).scalar(x).one() }

// GtScalar returns where t > x, a number.
func (t *Tensor) GtScalar(x any) *Tensor { return on("aten::gt.Scalar", t).scalar(x).one() }

// GeScalar returns where t ≥ x, a number.
func (t *Tensor) GeScalar(x any) *Tensor { return on("aten::ge.Scalar", t).scalar(x).one() }

// LogicalNot returns where t is zero or false.
func (t *Tensor) LogicalNot() *Tensor { return on("aten::logical_not", t).one() }

// LogicalAnd returns where neither t nor o is zero or false.
func (t *Tensor) LogicalAnd(o *Tensor) *Tensor { return on("aten::logical_and", t, o).one() }

// LogicalOr returns where t or o or both are not zero or false.
func (t *Tensor) LogicalOr(o *Tensor) *Tensor { return on("aten::logical_or", t, o).one() }

// LogicalXor returns where just one of t and o is not zero or false.
func (t *Tensor) LogicalXor(o *Tensor) *Tensor { return on("aten::logical_xor", t, o).one() }

// IsNaN returns where t is NaN, as bools.
func (t *Tensor) IsNaN() *Tensor { return on("aten::isnan", t).one() }

// IsInf returns where t is infinite, as bools.
func (t *Tensor) IsInf() *Tensor { return on("aten::isinf", t).one() }

// AllDim returns whether all elements along dim are true; keepdim keeps it with size 1.
func (t *Tensor) AllDim(dim int, keepdim bool) *Tensor {
	return on("aten::all.dim", t).int(dim).bool(keepdim).one()
}

// AnyDim returns whether any element along dim is true; keepdim keeps it with size 1.
func (t *Tensor) AnyDim(dim int, keepdim bool) *Tensor {
	return on("aten::any.dim", t).int(dim).bool(keepdim).one()
}
