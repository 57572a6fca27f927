// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// Embedding is a table of vectors, looked up by index.
//
// Shape: indices [*], int64 in [0, n), to [*, features].
//
// Parameters: weight [n, features], drawn from the standard normal distribution;
// the row of the padding index is zero.
type Embedding struct {
	Weight  *torch.Tensor
	Padding *int // the row that is never trained; nil for none
}

// EmbeddingConfig holds settings that are rarely changed. The zero value is PyTorch's default.
type EmbeddingConfig struct {
	Padding *int        // a row of zeros that is not trained; negative counts from the end
	DType   torch.DType // of the parameters
}

// NewEmbedding returns a table of n vectors on device d.
func NewEmbedding(n, features int, d torch.Device, c ...EmbeddingConfig) *Embedding {
	positive("nn.Embedding", "n", n)
	positive("nn.Embedding", "features", features)
	config := optional(c, EmbeddingConfig{})
	l := &Embedding{}
	if config.Padding != nil {
		row := *config.Padding
		if row < -n || row >= n {
			throw("nn.Embedding", "the padding index %d is not one of the %d rows", row, n)
		}
		if row < 0 {
			row += n
		}
		l.Padding = &row
	}
	l.Weight = newParameter(d, config.DType, func(w *torch.Tensor) {
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
	if d := indices.DType(); d != torch.Int64 && d != torch.Int32 {
		panic(&torch.Error{Op: "nn.Embedding", Shapes: [][]int{indices.Shape()}, Message: fmt.Sprintf("indices are %s; they must be int64 or int32", d)})
	}
	padding := -1
	if l.Padding != nil {
		padding = *l.Padding
	}
	return torch.Embedding(l.Weight, indices, padding)
}
