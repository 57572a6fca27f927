// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"slices"

	"github.com/etude-ml/etude/torch"
)

// LinearCrossEntropy is the cross entropy of a linear layer's outputs, which are logits of
// C classes at each place of OutFeatures. It computes all logits at once, as PyTorch does
// unless its options ask for chunks.
//
// Shape: x [N, in] or [in], target as that of [CrossEntropyLoss] for logits
// [N, C, OutFeatures…] or [C, OutFeatures…].
//
// Parameters: the class weights as a buffer, if given, and those of linear, a [Linear]
// with C times the product of OutFeatures outputs.
type LinearCrossEntropy struct {
	CrossEntropy
	Linear      *Linear
	Classes     int
	OutFeatures []int
}

// LinearCrossEntropyConfig holds settings that are rarely changed. The zero value is
// PyTorch's default.
type LinearCrossEntropyConfig struct {
	CrossEntropy
	OutFeatures []int // sizes of the places that have a class each
	Bias        bool
	DType       torch.DType // of the parameters
}

// NewLinearCrossEntropy returns the loss of in features and their classes, on device d.
func NewLinearCrossEntropy(in, classes int, d torch.Device, c ...LinearCrossEntropyConfig) *LinearCrossEntropy {
	const op = "nn.LinearCrossEntropy"
	config := optional(c, LinearCrossEntropyConfig{})
	positive(op, "the number of classes", classes)
	probability(op, "LabelSmoothing", config.LabelSmoothing)
	if w := config.Weight; w != nil && !slices.Equal(w.Shape(), []int{classes}) {
		throw(op, "the weight has the shape %v; it must be [%d]", w.Shape(), classes)
	}
	out := classes
	for _, n := range config.OutFeatures {
		positive(op, "a size of OutFeatures", n)
		out *= n
	}
	linear := NewLinear(in, out, d, LinearConfig{NoBias: !config.Bias, DType: config.DType})
	return &LinearCrossEntropy{config.CrossEntropy, linear, classes, slices.Clone(config.OutFeatures)}
}

// Loss returns the cross entropy of the logits of x, reduced.
func (l *LinearCrossEntropy) Loss(x, target *torch.Tensor) *torch.Tensor {
	return l.CrossEntropy.Loss(l.Logits(x), target)
}

// Logits returns the outputs of the linear layer: [N, C, OutFeatures…] or [C, OutFeatures…].
func (l *LinearCrossEntropy) Logits(x *torch.Tensor) *torch.Tensor {
	shape := x.Shape()
	if len(shape) != 1 && len(shape) != 2 {
		panic(&torch.Error{Op: "nn.LinearCrossEntropy", Shapes: [][]int{shape}, Message: "the input must have the shape [batch, features] or [features]"})
	}
	return l.Linear.Forward(x).Reshape(slices.Concat(shape[:len(shape)-1], []int{l.Classes}, l.OutFeatures)...)
}
