// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

// Bmm returns the products of matrices [b, n, m] and [b, m, p]: [b, n, p].
func (t *Tensor) Bmm(o *Tensor) *Tensor { return on("aten::bmm", t, o).one() }

// Dot returns the sum of the products of two vectors.
func (t *Tensor) Dot(o *Tensor) *Tensor { return on("aten::dot", t, o).one() }

// Outer returns the products of all pairs of elements of vectors [n] and [m]: [n, m].
func (t *Tensor) Outer(o *Tensor) *Tensor { return on("aten::outer", t, o).one() }

// Addmm returns t + a·b for matrices a [n, m] and b [m, p].
func (t *Tensor) Addmm(a, b *Tensor) *Tensor {
	return on("aten::addmm", t, a, b).double(1).double(1).one()
}

// Einsum sums products of elements by the Einstein convention, as torch.einsum does:
// Einsum("bij,bjk->bik", x, y) are the products of two batches of matrices.
func Einsum(equation string, ts ...*Tensor) *Tensor {
	return on("aten::einsum").string(equation).tensors(ts).none().one()
}

// Cdist returns the distances of order p between the vectors of a [*, n, d] and those of
// b [*, m, d]: [*, n, m]. For p = 2 and more than 25 vectors libtorch multiplies matrices, as
// PyTorch does by default: between vectors that are nearly equal, the distance is up to 2e-3
// wrong for elements near 1. Call("aten::cdist", a, b, 2, 2) subtracts them, which is exact.
func Cdist(a, b *Tensor, p float64) *Tensor {
	return on("aten::cdist", a, b).double(p).none().one()
}

// CosineSimilarity returns the cosine of the angle between a and b along dim; norms
// below eps count as eps.
func CosineSimilarity(a, b *Tensor, dim int, eps float64) *Tensor {
	return on("aten::cosine_similarity", a, b).int(dim).double(eps).one()
}

// PairwiseDistance returns the distance of order p between a and b along the last
// dimension, eps being added to each difference.
func PairwiseDistance(a, b *Tensor, p, eps float64, keepdim bool) *Tensor {
	return on("aten::pairwise_distance", a, b).double(p).double(eps).bool(keepdim).one()
}

// AttentionOptions are those of ScaledDotProductAttention. The zero value is PyTorch's
// default.
type AttentionOptions struct {
	// Mask is nil, bools that are true where a query may see a key, or numbers that are
	// added to the scores; it is broadcast to [*, queries, keys].
	Mask *Tensor
	// Dropout is the probability with which a weight becomes zero. Set 0 in evaluation.
	Dropout float64
	// Causal lets each query see only the keys up to its own place.
	Causal bool
	// Scale multiplies the scores; nil means 1/√d.
	Scale *float64
}

// ScaledDotProductAttention returns softmax(q·kᵀ·scale + mask)·v for queries q
// [*, queries, d], keys k [*, keys, d] and values v [*, keys, e]: [*, queries, e].
func ScaledDotProductAttention(q, k, v *Tensor, o AttentionOptions) *Tensor {
	a := on("aten::scaled_dot_product_attention", q, k, v).optional(o.Mask).double(o.Dropout).bool(o.Causal)
	if o.Scale == nil {
		return a.none().bool(false).one()
	}
	return a.double(*o.Scale).bool(false).one()
}
