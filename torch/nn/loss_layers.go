// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// AdaptiveLogSoftmaxWithLoss is a softmax over many classes that are sorted by how often
// they occur, the most frequent first. The head knows the classes below the first cutoff
// and one more for each cluster, which are the classes from one cutoff to the next. The
// i-th cluster, counted from 1, has in/DivValueⁱ features, rounded down; with none, all its
// classes are alike. It is computed for the samples whose target lies in it. From "Efficient softmax approximation for GPUs", Grave et al.,
// 2017.
//
// Shape: see Forward.
//
// Parameters: head.weight [cutoffs[0] + clusters, in], head.bias with HeadBias, and for
// each cluster tail.0.0.weight [features, in] and tail.0.1.weight [classes, features],
// each drawn as those of a [Linear].
type AdaptiveLogSoftmaxWithLoss struct {
	Cutoffs []int // the last one is the number of classes
	Head    *Linear
	Tail    []Sequential
}

// AdaptiveLogSoftmaxConfig holds settings that are rarely changed. The zero value is
// PyTorch's default.
type AdaptiveLogSoftmaxConfig struct {
	DivValue float64 // 0 stands for 4
	HeadBias bool
	DType    torch.DType // of the parameters
}

// NewAdaptiveLogSoftmaxWithLoss returns the softmax of in features, on device d. The
// cutoffs go up, from 1 to classes-1.
func NewAdaptiveLogSoftmaxWithLoss(in, classes int, cutoffs []int, d torch.Device, c ...AdaptiveLogSoftmaxConfig) *AdaptiveLogSoftmaxWithLoss {
	const op = "nn.AdaptiveLogSoftmaxWithLoss"
	positive(op, "in", in)
	config := optional(c, AdaptiveLogSoftmaxConfig{})
	cutoffs = append(slices.Clone(cutoffs), classes)
	if len(cutoffs) < 2 || cutoffs[0] < 1 || len(slices.Compact(slices.Sorted(slices.Values(cutoffs)))) != len(cutoffs) || !slices.IsSorted(cutoffs) {
		throw(op, "the cutoffs are %v; there must be at least one, and they must go up, from 1 to %d", cutoffs[:len(cutoffs)-1], classes-1)
	}
	divisor := cmp.Or(config.DivValue, 4)
	must(op, divisor > 0, "DivValue is %v; it must be above 0", divisor)
	linear := func(in, out int, bias bool) *Linear {
		return newLinear(in, out, d, LinearConfig{NoBias: !bias, DType: config.DType})
	}
	clusters := len(cutoffs) - 1
	l := &AdaptiveLogSoftmaxWithLoss{Cutoffs: cutoffs, Head: linear(in, cutoffs[0]+clusters, config.HeadBias)}
	for i := range clusters {
		features := int(float64(in) / math.Pow(divisor, float64(i+1)))
		l.Tail = append(l.Tail, NewSequential(linear(in, features, false), linear(features, cutoffs[i+1]-cutoffs[i], false)))
	}
	return l
}

// Forward returns the log-probability of each sample's target, and the mean of their
// negatives: x [N, in] and target [N] of int64 to [N] and []; or [in] and [] to [] and [].
// The host reads the target.
func (l *AdaptiveLogSoftmaxWithLoss) Forward(x, target *torch.Tensor) (output, loss *torch.Tensor) {
	const op = "nn.AdaptiveLogSoftmaxWithLoss"
	shape := target.Shape()
	if xs := x.Shape(); len(shape) > 1 || len(xs) != len(shape)+1 || len(shape) == 1 && xs[0] != shape[0] {
		panic(&torch.Error{Op: op, Shapes: [][]int{xs, shape}, Message: "the shapes must be [batch, features] and [batch], or [features] and []"})
	}
	single := len(shape) == 0
	if single {
		x, target = x.Unsqueeze(0), target.Unsqueeze(0)
	}
	if torch.Tracing() { // a trace cannot choose by values: it has all parts
		output = l.LogProb(x).Gather(1, target.Unsqueeze(1)).Squeeze(1)
	} else {
		output = l.picked(op, x, target)
	}
	loss = output.Neg().Mean()
	if single {
		output = output.Squeeze(0)
	}
	return output, loss
}

// picked returns the log-probabilities of the targets. Only the parts that have some are
// computed, on their samples.
func (l *AdaptiveLogSoftmaxWithLoss) picked(op string, x, target *torch.Tensor) *torch.Tensor {
	first, classes := l.Cutoffs[0], l.Cutoffs[len(l.Cutoffs)-1]
	inHead := torch.ToSlice[int64](target)
	rows, within := make([][]int64, len(l.Tail)), make([][]int64, len(l.Tail))
	for row, class := range inHead {
		must(op, class >= 0 && class < int64(classes), "the target %d is not one of the %d classes", class, classes)
		if i, _ := slices.BinarySearch(l.Cutoffs, int(class)+1); i > 0 {
			rows[i-1] = append(rows[i-1], int64(row))
			within[i-1] = append(within[i-1], class-int64(l.Cutoffs[i-1]))
			inHead[row] = int64(first + i - 1)
		}
	}
	pick := func(logits *torch.Tensor, classes []int64) *torch.Tensor {
		return logits.LogSoftmax(1).Gather(1, torch.FromSlice(classes, len(classes), 1).To(x.Device())).Squeeze(1)
	}
	output := pick(l.Head.Forward(x), inHead)
	for i, tail := range l.Tail {
		if len(rows[i]) > 0 {
			here := torch.FromSlice(rows[i]).To(x.Device())
			output = output.IndexAdd(0, here, pick(tail.Forward(x.IndexSelect(0, here)), within[i]))
		}
	}
	return output
}

// LogProb returns the log-probabilities of all classes: [N, in] to [N, classes].
func (l *AdaptiveLogSoftmaxWithLoss) LogProb(x *torch.Tensor) *torch.Tensor {
	head, first := l.Head.Forward(x).LogSoftmax(1), l.Cutoffs[0]
	parts := []*torch.Tensor{head.Narrow(1, 0, first)}
	for i, tail := range l.Tail {
		parts = append(parts, tail.Forward(x).LogSoftmax(1).Add(head.Narrow(1, first+i, 1)))
	}
	return torch.Cat(parts, 1)
}

// Predict returns the likeliest class of each sample: [N, in] to [N].
func (l *AdaptiveLogSoftmaxWithLoss) Predict(x *torch.Tensor) *torch.Tensor {
	return l.LogProb(x).Argmax(1)
}

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
	fit("nn.LinearCrossEntropy", len(shape) == 1 || len(shape) == 2, shape, "the input must have the shape [batch, features] or [features]")
	return l.Linear.Forward(x).Reshape(slices.Concat(shape[:len(shape)-1], []int{l.Classes}, l.OutFeatures)...)
}
