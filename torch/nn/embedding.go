// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// Embedding is a table of vectors, looked up by index.
//
// Shape: indices [*], int64 in [0, n), to [*, features].
//
// Parameters: weight [n, features], drawn from the standard normal distribution;
// the row of the padding index is zero.
type Embedding struct {
	Weight          *torch.Tensor
	Padding         *int // the row that is never trained; nil for none
	MaxNorm         float64
	NormType        float64
	ScaleGradByFreq bool
}

// EmbeddingConfig holds settings that are rarely changed. The zero value is PyTorch's default.
type EmbeddingConfig struct {
	Padding *int // a row of zeros that is not trained; negative counts from the end
	// MaxNorm is the largest norm that the vectors of an input may have: longer ones are
	// scaled down in the table. 0 stands for no limit.
	MaxNorm         float64
	NormType        float64     // the p of that norm; 0 stands for 2
	ScaleGradByFreq bool        // divides the gradient of a row by how often it was looked up
	DType           torch.DType // of the parameters
}

// NewEmbedding returns a table of n vectors on device d. Gradients are dense.
func NewEmbedding(n, features int, d torch.Device, c ...EmbeddingConfig) *Embedding {
	return newEmbedding("nn.Embedding", n, features, d, optional(c, EmbeddingConfig{}))
}

func newEmbedding(op string, n, features int, d torch.Device, c EmbeddingConfig) *Embedding {
	positive(op, "n", n)
	positive(op, "features", features)
	must(op, c.MaxNorm >= 0 && c.NormType >= 0, "MaxNorm is %v and NormType %v; they must not be negative", c.MaxNorm, c.NormType)
	l := &Embedding{MaxNorm: c.MaxNorm, NormType: cmp.Or(c.NormType, 2), ScaleGradByFreq: c.ScaleGradByFreq}
	if c.Padding != nil {
		row := *c.Padding
		must(op, row >= -n && row < n, "the padding index %d is not one of the %d rows", row, n)
		if row < 0 {
			row += n
		}
		l.Padding = &row
	}
	l.Weight = newParameter(d, c.DType, func(w *torch.Tensor) {
		Normal(w, 0, 1)
		if l.Padding != nil {
			row := w.Select(0, *l.Padding)
			Constant(row, 0)
			row.Close()
		}
	}, n, features)
	return l
}

// Forward returns the vectors of the indices.
func (l *Embedding) Forward(indices *torch.Tensor) *torch.Tensor {
	l.prepare("nn.Embedding", indices)
	padding := given(l.Padding, -1)
	if l.ScaleGradByFreq {
		return torch.Call("aten::embedding", l.Weight, indices, padding, true, false).Tensor()
	}
	return torch.Embedding(l.Weight, indices, padding)
}

// prepare checks the indices, and shortens the vectors that they name.
func (l *Embedding) prepare(op string, indices *torch.Tensor) {
	if d := indices.DType(); d != torch.Int64 && d != torch.Int32 {
		panic(&torch.Error{Op: op, Shapes: [][]int{indices.Shape()}, Message: fmt.Sprintf("indices are %s; they must be int64 or int32", d)})
	}
	if l.MaxNorm > 0 {
		torch.NoGrad(func() {
			torch.Call("aten::embedding_renorm_", l.Weight, indices.Contiguous(), l.MaxNorm, l.NormType)
		})
	}
}

// EmbeddingBag is the sum, the mean or the largest numbers of the vectors of each bag of
// indices, without the vectors in between.
//
// Shape: see Forward.
//
// Parameters: weight [n, features], as that of an [Embedding].
type EmbeddingBag struct {
	Embedding
	Mode              string
	IncludeLastOffset bool
}

// EmbeddingBagConfig holds settings that are rarely changed. The zero value is PyTorch's
// default.
type EmbeddingBagConfig struct {
	EmbeddingConfig          // indices of the row Padding count for nothing
	Mode              string // "sum", "mean" or "max"; empty stands for "mean"
	IncludeLastOffset bool   // the last offset is the end of the last bag
}

// NewEmbeddingBag returns a table of n vectors on device d.
func NewEmbeddingBag(n, features int, d torch.Device, c ...EmbeddingBagConfig) *EmbeddingBag {
	const op = "nn.EmbeddingBag"
	config := optional(c, EmbeddingBagConfig{})
	mode := cmp.Or(config.Mode, "mean")
	must(op, mode == "sum" || mode == "mean" || mode == "max", "the mode is %q; it must be sum, mean or max", mode)
	return &EmbeddingBag{*newEmbedding(op, n, features, d, config.EmbeddingConfig), mode, config.IncludeLastOffset}
}

// Forward returns a vector for each row of indices, a bag: [bags, m] to [bags, features].
func (l *EmbeddingBag) Forward(indices *torch.Tensor) *torch.Tensor {
	return l.ForwardBags(indices, nil, nil)
}

// ForwardBags is Forward for bags of different sizes: offsets [bags] are their beginnings
// in the indices [m], and with IncludeLastOffset the end of the last one, too. weights, of
// the shape of indices, multiply the vectors, in the mode "sum" only. offsets are nil for
// indices of two dimensions, and weights may be nil.
func (l *EmbeddingBag) ForwardBags(indices, offsets, weights *torch.Tensor) *torch.Tensor {
	const op = "nn.EmbeddingBag"
	shape := indices.Shape()
	fit(op, len(shape) == 1 && offsets != nil || len(shape) == 2 && offsets == nil, shape, "indices must have the shape [bags, m], or [m] with offsets")
	if weights != nil && !slices.Equal(weights.Shape(), shape) {
		panic(&torch.Error{Op: op, Shapes: [][]int{shape, weights.Shape()}, Message: "the weights must have the shape of the indices"})
	}
	l.prepare(op, indices)
	o := torch.EmbeddingBagOptions{
		Mode: l.Mode, Weights: weights, ScaleGradByFreq: l.ScaleGradByFreq, IncludeLastOffset: l.IncludeLastOffset, Padding: l.Padding,
	}
	if offsets == nil {
		offsets = torch.Arange(0, shape[0]*shape[1], shape[1], torch.Options{DType: indices.DType(), Device: indices.Device()})
		o.IncludeLastOffset = false
		indices = indices.Reshape(-1)
		if weights != nil {
			o.Weights = weights.Reshape(-1)
		}
	}
	return torch.EmbeddingBag(l.Weight, indices, offsets, o)
}
