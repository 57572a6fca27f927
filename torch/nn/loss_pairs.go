// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"

	"github.com/etude-ml/etude/torch"
)

// CosineEmbeddingLoss is the mean of 1 - cos(a, b) for pairs whose target is 1, and of
// max(0, cos(a, b)) for those whose target is -1. Shape: a and b [N, D] or [D]; target
// [N] or [].
func CosineEmbeddingLoss(a, b, target *torch.Tensor) *torch.Tensor {
	return CosineEmbedding{}.Loss(a, b, target)
}

// CosineEmbedding is CosineEmbeddingLoss with settings.
type CosineEmbedding struct {
	Reduction torch.Reduction
	Margin    float64 // max(0, cos(a, b) - Margin), from -1 to 1
}

// Loss returns the loss of the pairs, reduced.
func (c CosineEmbedding) Loss(a, b, target *torch.Tensor) *torch.Tensor {
	return torch.CosineEmbeddingLoss(a, b, target, c.Margin, c.Reduction)
}

// HingeEmbeddingLoss is the mean of the output, a distance, where the target is 1, and of
// max(0, 1 - output) where it is -1. Shape: both any, the same.
func HingeEmbeddingLoss(output, target *torch.Tensor) *torch.Tensor {
	return DefaultHingeEmbedding().Loss(output, target)
}

// HingeEmbedding is HingeEmbeddingLoss with settings.
type HingeEmbedding struct {
	Reduction torch.Reduction
	Margin    float64 // max(0, Margin - output)
}

// DefaultHingeEmbedding returns PyTorch's defaults: a Margin of 1.
func DefaultHingeEmbedding() HingeEmbedding { return HingeEmbedding{Margin: 1} }

// Loss returns the loss of the distances, reduced.
func (c HingeEmbedding) Loss(output, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.HingeEmbedding", output, target)
	return torch.HingeEmbeddingLoss(output, target, c.Margin, c.Reduction)
}

// MarginRankingLoss is the mean of max(0, -target·(a - b)): target is 1 where a should
// have the higher rank and -1 where b should. Shape: all any, the same.
func MarginRankingLoss(a, b, target *torch.Tensor) *torch.Tensor {
	return MarginRanking{}.Loss(a, b, target)
}

// MarginRanking is MarginRankingLoss with settings.
type MarginRanking struct {
	Reduction torch.Reduction
	Margin    float64 // max(0, -target·(a - b) + Margin)
}

// Loss returns the loss of the pairs, reduced.
func (c MarginRanking) Loss(a, b, target *torch.Tensor) *torch.Tensor {
	sameShape("nn.MarginRanking", a, b)
	sameShape("nn.MarginRanking", a, target)
	return torch.MarginRankingLoss(a, b, target, c.Margin, c.Reduction)
}

// TripletMarginLoss is the mean of max(0, d(anchor, positive) - d(anchor, negative) + 1),
// with the Euclidean distance d. From "Learning local feature descriptors with triplets
// and shallow convolutional neural networks", Balntas et al., 2016. Shape: all [N, D] or
// [D].
func TripletMarginLoss(anchor, positive, negative *torch.Tensor) *torch.Tensor {
	return DefaultTripletMargin().Loss(anchor, positive, negative)
}

// TripletMargin is TripletMarginLoss with settings.
type TripletMargin struct {
	Reduction torch.Reduction
	Margin    float64 // how much farther the negative should be, above 0
	P         float64 // the order of the distance
	Eps       float64 // is added to each difference, so that the distance has a gradient at 0
	Swap      bool    // takes d(positive, negative) instead where it is the smaller one
}

// DefaultTripletMargin returns PyTorch's defaults: a Margin of 1, a P of 2 and an Eps of 1e-6.
func DefaultTripletMargin() TripletMargin { return TripletMargin{Margin: 1, P: 2, Eps: 1e-6} }

// Loss returns the loss of the triplets, reduced.
func (c TripletMargin) Loss(anchor, positive, negative *torch.Tensor) *torch.Tensor {
	positiveMargin("nn.TripletMargin", c.Margin)
	return torch.TripletMarginLoss(anchor, positive, negative, c.Margin, c.P, c.Eps, c.Swap, c.Reduction)
}

// TripletMarginWithDistance is TripletMarginLoss with a distance of one's own. Its zero
// value has PyTorch's defaults.
type TripletMarginWithDistance struct {
	Reduction torch.Reduction
	// Distance takes rows of vectors to their distances; nil stands for the Euclidean one.
	Distance func(a, b *torch.Tensor) *torch.Tensor
	Margin   float64 // how much farther the negative should be, above 0; 0 stands for 1
	Swap     bool    // takes the distance from positive to negative where it is the smaller one
}

// Loss returns the loss of the triplets, reduced.
func (c TripletMarginWithDistance) Loss(anchor, positive, negative *torch.Tensor) *torch.Tensor {
	margin, distance := cmp.Or(c.Margin, 1), c.Distance
	positiveMargin("nn.TripletMarginWithDistance", margin)
	if distance == nil {
		distance = DefaultPairwiseDistance().Forward
	}
	near, far := distance(anchor, positive), distance(anchor, negative)
	if c.Swap {
		far = far.Minimum(distance(positive, negative))
	}
	return reduce(near.AddScalar(margin).Sub(far).ClampMin(0), c.Reduction)
}

func positiveMargin(op string, margin float64) {
	must(op, margin > 0, "Margin is %v; it must be above 0", margin)
}
