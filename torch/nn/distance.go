// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import "github.com/etude-ml/etude/torch"

// CosineSimilarity is the cosine of the angle between vectors, a·b/(|a|·|b|).
//
// Shape: a and b any that broadcast together, to the same without Dim.
type CosineSimilarity struct {
	Dim int     // along which the vectors lie
	Eps float64 // the smallest product of the norms that is divided by
}

// DefaultCosineSimilarity returns PyTorch's defaults: dimension 1 and an Eps of 1e-8.
func DefaultCosineSimilarity() CosineSimilarity { return CosineSimilarity{Dim: 1, Eps: 1e-8} }

// Forward returns the cosines.
func (c CosineSimilarity) Forward(a, b *torch.Tensor) *torch.Tensor {
	return torch.CosineSimilarity(a, b, c.Dim, c.Eps)
}

// PairwiseDistance is the distance of vectors, (Σ|a - b + Eps|ᴾ)^(1/P).
//
// Shape: a and b [N, D] or [D], to [N] or []; with Keepdim [N, 1] or [1].
type PairwiseDistance struct {
	P       float64 // the order of the norm; it may be below 0 or infinite
	Eps     float64
	Keepdim bool
}

// DefaultPairwiseDistance returns PyTorch's defaults: the Euclidean distance with an Eps of 1e-6.
func DefaultPairwiseDistance() PairwiseDistance { return PairwiseDistance{P: 2, Eps: 1e-6} }

// Forward returns the distances.
func (c PairwiseDistance) Forward(a, b *torch.Tensor) *torch.Tensor {
	return torch.PairwiseDistance(a, b, c.P, c.Eps, c.Keepdim)
}
