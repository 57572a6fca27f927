// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"fmt"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch"
)

// ClassConfig holds the settings of the metrics of classes that are rarely changed. The
// zero value is what fits PyTorch's cross entropy and BCEWithLogitsLoss.
//
// Classes are scored by an output [N, C, …] or [C], with integers [N, …] or [] from 0 to
// C-1 as targets; the highest score wins, of equal ones the first. An output of the
// target's shape, or with another dimension 1 of size 1, holds binary decisions, one per
// element: the target is 0 or 1, of any type, and the score is that of class 1.
type ClassConfig struct {
	IgnoreIndex   *int // a target that does not count; nil for -100
	Probabilities bool // the outputs are probabilities; without it they are logits, and a binary decision is positive above 0 instead of 0.5
}

func (c ClassConfig) ignored() int {
	if c.IgnoreIndex == nil {
		return -100 // PyTorch's
	}
	return *c.IgnoreIndex
}

// threshold is the score above which a binary decision is positive.
func (c ClassConfig) threshold() float64 {
	if c.Probabilities {
		return 0.5
	}
	return 0
}

// samples are outputs and targets in one order.
type samples struct {
	classes int           // at least 2
	scores  *torch.Tensor // [N, classes]; [N] of binary decisions
	target  *torch.Tensor // [N], int64
	counts  *torch.Tensor // [N], bool: the target is not ignored
	valid   *torch.Tensor // [N], bool: the target is one of the classes
}

// samples checks the shapes and types of a batch.
func (c ClassConfig) samples(name string, output, target *torch.Tensor) (s samples) {
	refuse := func(format string, args ...any) {
		panic(&torch.Error{Op: "metric " + name, Shapes: [][]int{output.Shape(), target.Shape()}, Message: fmt.Sprintf(format, args...)})
	}
	out, want := output.Shape(), target.Shape()
	at := min(1, len(out)-1) // the dimension of the classes
	switch {
	case slices.Equal(out, want), len(out) > 1 && out[1] == 1 && slices.Equal(slices.Delete(slices.Clone(out), 1, 2), want):
		s.classes, s.scores, s.target = 2, output.Reshape(-1), target.Reshape(-1).ToDType(torch.Int64)
		s.valid = s.target.Clamp(0, 1).Eq(target.Reshape(-1))
	case at < 0 || !slices.Equal(slices.Delete(slices.Clone(out), at, at+1), want):
		refuse("an output [N, C, …] needs targets [N, …], and binary decisions targets of their own shape")
	case out[at] < 2:
		refuse("at least 2 classes are needed")
	case target.DType().IsFloating() || target.DType().IsComplex() || target.DType() == torch.Bool:
		refuse("the targets are classes: integers, not %v", target.DType())
	default:
		s.classes = out[at]
		s.scores, s.target = output, target.Reshape(-1).ToDType(torch.Int64)
		if len(out) != 2 {
			s.scores = output.Movedim(at, -1).Reshape(-1, s.classes)
		}
		s.valid = s.target.Clamp(0, s.classes-1).Eq(s.target)
	}
	if output.DType().IsComplex() {
		refuse("the outputs are %v", output.DType())
	}
	s.counts = s.target.NeScalar(c.ignored())
	return s
}

// predicted returns the classes [N] that the scores are for, and where they are NaN.
func (s samples) predicted(threshold float64) (class, nan *torch.Tensor) {
	if s.scores.Dim() == 1 {
		return s.scores.GtScalar(threshold).ToDType(torch.Int64), s.scores.IsNaN()
	}
	best, class := s.scores.MaxDim(1, false) // NaN is the highest
	return class, best.IsNaN()
}

// share returns the metric of the share of samples that right, bool [N], says; nan is
// where outputs are NaN.
func share(name string, c []ClassConfig, right func(ClassConfig, samples) (right, nan *torch.Tensor)) Metric {
	config := first(c)
	return Metric{
		Name: name, Maximize: true,
		Batch: func(output, target *torch.Tensor) *torch.Tensor {
			s := config.samples(name, output, target)
			yes, nan := right(config, s)
			return torch.Stack([]*torch.Tensor{yes, s.counts, s.valid, nan}, 0).LogicalAnd(s.counts).Sum(1)
		},
		Value: func(total *torch.Tensor) float64 {
			n := torch.ToSlice[int64](total)
			checkTargets(name, n[1]-n[2])
			if n[3] > 0 {
				return math.NaN()
			}
			return float64(n[0]) / float64(n[1])
		},
	}
}

// Accuracy returns the metric "accuracy": the share of samples, from 0 to 1, whose class
// is predicted (sklearn.metrics.accuracy_score).
func Accuracy(c ...ClassConfig) Metric {
	return share("accuracy", c, func(c ClassConfig, s samples) (right, nan *torch.Tensor) {
		class, nan := s.predicted(c.threshold())
		return class.Eq(s.target), nan
	})
}

// TopK returns the metric "topk", named with the number: the share of samples whose class is
// among the k with the highest scores. Of equal scores those of later classes are the
// higher ones, as in sklearn.metrics.top_k_accuracy_score, so that k = 1 may differ from
// [Accuracy] there. It has no meaning for binary decisions.
func TopK(k int, c ...ClassConfig) Metric {
	name := fmt.Sprint("top", k)
	if k < 1 {
		throw(name, "at least one class must be among the highest")
	}
	return share(name, c, func(_ ClassConfig, s samples) (right, nan *torch.Tensor) {
		s.needClasses(name)
		at := s.target.Clamp(0, s.classes-1).Unsqueeze(1)
		score := s.scores.Gather(1, at)
		later := torch.Arange(0, s.classes, 1, torch.Options{DType: torch.Int64, Device: at.Device()}).Gt(at)
		higher := s.scores.Gt(score).LogicalOr(s.scores.Eq(score).LogicalAnd(later))
		return higher.Sum(1).LtScalar(k), s.scores.Amax([]int{1}, false).IsNaN()
	})
}

// needClasses refuses binary decisions.
func (s samples) needClasses(name string) {
	if s.scores.Dim() == 1 {
		throw(name, "it needs an output [N, C, …] with a score for each class")
	}
}

// Perplexity returns the metric "perplexity", at least 1: e to the power of the mean
// negative log likelihood of the targets' classes, which are a language model's next tokens.
func Perplexity(c ...ClassConfig) Metric {
	const name = "perplexity"
	config := first(c)
	return Metric{
		Name: name,
		Batch: func(output, target *torch.Tensor) *torch.Tensor {
			s := config.samples(name, output, target)
			s.needClasses(name)
			x := s.scores
			if x.DType() != torch.Float64 {
				x = x.ToDType(torch.Float32)
			}
			if config.Probabilities {
				x = x.Log()
			} else {
				x = x.LogSoftmax(1)
			}
			likelihood := x.Gather(1, s.target.Clamp(0, s.classes-1).Unsqueeze(1)).Squeeze(1).ToDType(torch.Float64)
			return torch.Stack([]*torch.Tensor{
				likelihood.MaskedFill(s.counts.LogicalNot(), 0).Sum(), s.counts.Sum().ToDType(torch.Float64),
				s.counts.LogicalAnd(s.valid).Sum().ToDType(torch.Float64),
			}, 0)
		},
		Value: func(total *torch.Tensor) float64 {
			sums := total.Float64s()
			checkTargets(name, int64(sums[1]-sums[2]))
			return math.Exp(-sums[0] / sums[1])
		},
	}
}

// checkTargets panics if there are targets that are none of the classes.
func checkTargets(name string, wrong int64) {
	if wrong > 0 {
		throw(name, "%d targets are none of the classes, which count from 0, nor the one that is ignored", wrong)
	}
}

func first(c []ClassConfig) ClassConfig {
	if len(c) > 0 {
		return c[0]
	}
	return ClassConfig{}
}
