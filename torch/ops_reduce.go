// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Sum returns the sum over dims, or over all of them when none is named.
func (t *Tensor) Sum(dims ...int) *Tensor {
	if len(dims) == 0 {
		return on("aten::sum", t).none().one()
	}
	return on("aten::sum.dim_IntList", t).ints(dims...).bool(false).none().one()
}

// Mean returns the mean over dims, or over all of them when none is named.
func (t *Tensor) Mean(dims ...int) *Tensor {
	if len(dims) == 0 {
		return on("aten::mean", t).none().one()
	}
	return on("aten::mean.dim", t).ints(dims...).bool(false).none().one()
}

// Std returns the standard deviation over dims, or over all; correction 1 is the
// sample's, 0 the population's.
func (t *Tensor) Std(correction float64, dims ...int) *Tensor {
	return on("aten::std.correction", t).dims(dims).double(correction).bool(false).one()
}

// Var returns the variance; see Std.
func (t *Tensor) Var(correction float64, dims ...int) *Tensor {
	return on("aten::var.correction", t).dims(dims).double(correction).bool(false).one()
}

func (a args) dims(dims []int) args {
	if len(dims) == 0 {
		return a.none()
	}
	return a.ints(dims...)
}

// Max returns the largest element.
func (t *Tensor) Max() *Tensor { return on("aten::max", t).one() }

// Min returns the smallest element.
func (t *Tensor) Min() *Tensor { return on("aten::min", t).one() }

// Argmax returns the index of the largest element along dim, as int64.
func (t *Tensor) Argmax(dim int) *Tensor { return on("aten::argmax", t).int(dim).bool(false).one() }

// Topk returns the k largest elements along dim and their indices.
func (t *Tensor) Topk(k, dim int) (values, indices *Tensor) {
	return on("aten::topk", t).int(k).int(dim).bool(true).bool(true).two()
}

// Cumsum returns the running sum along dim.
func (t *Tensor) Cumsum(dim int) *Tensor { return on("aten::cumsum", t).int(dim).none().one() }

// Norm returns the vector norm of the given order over dims, or over all.
func (t *Tensor) Norm(order float64, dims ...int) *Tensor {
	return on("aten::linalg_vector_norm", t).double(order).dims(dims).bool(false).none().one()
}
