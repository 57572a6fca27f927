// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Sum returns the sum over dims, or over all of them when none is named.
func (t *Tensor) Sum(dims ...int) *Tensor {
	if len(dims) == 0 {
		return on("aten::sum", t).none().one()
	}
	return t.SumDim(dims, false)
}

// Mean returns the mean over dims, or over all of them when none is named.
func (t *Tensor) Mean(dims ...int) *Tensor {
	if len(dims) == 0 {
		return on("aten::mean", t).none().one()
	}
	return t.MeanDim(dims, false)
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

// MaxDim returns the largest elements along dim and their indices, of int64. keepdim
// keeps the dimension with size 1.
func (t *Tensor) MaxDim(dim int, keepdim bool) (values, indices *Tensor) {
	return on("aten::max.dim", t).int(dim).bool(keepdim).two()
}

// MinDim returns the smallest elements along dim and their indices; see MaxDim.
func (t *Tensor) MinDim(dim int, keepdim bool) (values, indices *Tensor) {
	return on("aten::min.dim", t).int(dim).bool(keepdim).two()
}

// Median returns the lower median along dim and its indices; see MaxDim.
func (t *Tensor) Median(dim int, keepdim bool) (values, indices *Tensor) {
	return on("aten::median.dim", t).int(dim).bool(keepdim).two()
}

// Amax returns the largest elements over dims, whose gradient is shared by equal ones.
func (t *Tensor) Amax(dims []int, keepdim bool) *Tensor {
	return on("aten::amax", t).ints(dims...).bool(keepdim).one()
}

// Amin returns the smallest elements over dims; see Amax.
func (t *Tensor) Amin(dims []int, keepdim bool) *Tensor {
	return on("aten::amin", t).ints(dims...).bool(keepdim).one()
}

// Argmin returns the index of the smallest element along dim, as int64.
func (t *Tensor) Argmin(dim int) *Tensor { return on("aten::argmin", t).int(dim).bool(false).one() }

// SumDim returns the sum over dims; keepdim keeps them with size 1.
func (t *Tensor) SumDim(dims []int, keepdim bool) *Tensor {
	return on("aten::sum.dim_IntList", t).ints(dims...).bool(keepdim).none().one()
}

// MeanDim returns the mean over dims; keepdim keeps them with size 1.
func (t *Tensor) MeanDim(dims []int, keepdim bool) *Tensor {
	return on("aten::mean.dim", t).ints(dims...).bool(keepdim).none().one()
}

// Prod returns the product along dim.
func (t *Tensor) Prod(dim int) *Tensor {
	return on("aten::prod.dim_int", t).int(dim).bool(false).none().one()
}

// Cumprod returns the running product along dim.
func (t *Tensor) Cumprod(dim int) *Tensor { return on("aten::cumprod", t).int(dim).none().one() }

// LogSumExp returns the logarithm of the sum of eᵗ over dims, computed without overflow.
func (t *Tensor) LogSumExp(dims []int, keepdim bool) *Tensor {
	return on("aten::logsumexp", t).ints(dims...).bool(keepdim).one()
}

// CountNonzero returns how many elements along dim are not zero, as int64.
func (t *Tensor) CountNonzero(dim int) *Tensor { return on("aten::count_nonzero", t).int(dim).one() }

// Sort returns the elements along dim in order and the indices where they were; equal
// ones keep their order.
func (t *Tensor) Sort(dim int, descending bool) (values, indices *Tensor) {
	return on("aten::sort.stable", t).bool(true).int(dim).bool(descending).two()
}

// Argsort returns the indices of Sort.
func (t *Tensor) Argsort(dim int, descending bool) *Tensor {
	return on("aten::argsort.stable", t).bool(true).int(dim).bool(descending).one()
}

// Unique returns the different elements in order, and for each element of t the index
// of its own among them, in the shape of t.
func (t *Tensor) Unique() (values, inverse *Tensor) {
	return on("aten::_unique", t).bool(true).bool(true).two()
}

// Bincount returns how often each of the numbers 0, 1, … occurs in t, a vector of
// integers of at least 0; the result has at least minlength entries.
func (t *Tensor) Bincount(minlength int) *Tensor {
	return on("aten::bincount", t).none().int(minlength).one()
}

// Searchsorted returns for each element of values the index at which it would be inserted
// into sorted, a vector in ascending order, before equal ones, or after them if right.
func Searchsorted(sorted, values *Tensor, right bool) *Tensor {
	return on("aten::searchsorted.Tensor", sorted, values).bool(false).bool(right).none().none().one()
}
