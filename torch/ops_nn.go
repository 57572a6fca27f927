// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "slices"

// Dropout zeroes elements with probability p and scales the others by 1/(1-p),
// when train is set.
func Dropout(x *Tensor, p float64, train bool) *Tensor {
	return on("aten::dropout", x).double(p).bool(train).one()
}

// LayerNorm normalises over the last dimensions, of sizes shape. weight and bias
// may be nil.
func LayerNorm(x *Tensor, shape []int, weight, bias *Tensor, eps float64) *Tensor {
	return on("aten::layer_norm", x).ints(shape...).optional(weight).optional(bias).double(eps).bool(true).one()
}

// Embedding returns the rows of weight that indices, of int64, name. The row
// paddingIdx gets no gradient; -1 for none.
func Embedding(weight, indices *Tensor, paddingIdx int) *Tensor {
	return on("aten::embedding", weight, indices).int(paddingIdx).bool(false).bool(false).one()
}

// EmbeddingBagOptions are those of EmbeddingBag.
type EmbeddingBagOptions struct {
	Mode              string  // "sum", "mean" or "max"
	Weights           *Tensor // of each index, with "sum" only; nil for ones
	ScaleGradByFreq   bool    // divides gradients by how often an index occurs
	IncludeLastOffset bool    // the last offset is the end of the last bag
	Padding           *int    // the row that counts for nothing; nil for none
}

// EmbeddingBag returns the sum, the mean or the maximum of the rows of weight [n, features]
// that the indices [m] of each bag name: [bags, features]. A bag goes from its offset to
// the next one; offsets are [bags].
func EmbeddingBag(weight, indices, offsets *Tensor, o EmbeddingBagOptions) *Tensor {
	mode := slices.Index([]string{"sum", "mean", "max"}, o.Mode)
	if mode < 0 {
		throw("EmbeddingBag", "the mode is %q; it must be sum, mean or max", o.Mode)
	}
	a := on("aten::embedding_bag.padding_idx", weight, indices, offsets).bool(o.ScaleGradByFreq).int(mode).bool(false).
		optional(o.Weights).bool(o.IncludeLastOffset)
	if o.Padding == nil {
		a = a.none()
	} else {
		a = a.int(*o.Padding)
	}
	return a.first()
}

// Bilinear returns a·weight·b + bias for each row of weight [out, features of a, features
// of b]: [*, out]. bias [out] may be nil.
func Bilinear(a, b, weight, bias *Tensor) *Tensor {
	return on("aten::bilinear", a, b, weight).optional(bias).one()
}
