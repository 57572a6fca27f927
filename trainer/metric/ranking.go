// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"math"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/torch"
)

// AUC returns the metric "auc": the area under the receiver operating characteristic, which
// is how probable it is that a sample of a class scores higher than another one, ties
// counting half (sklearn.metrics.roc_auc_score). With two classes it is that of class 1,
// whatever the average; with more of them the average of each class against the rest, of
// scores that softmax makes of logits. It is NaN if a class has no samples, or all. All
// scores are kept on the device, 8 bytes for each of them and for each target.
func AUC(a Average, c ...ClassConfig) Metric {
	return ranked("auc", a, c, func(positive, negative *torch.Tensor) float64 {
		n, _ := negative.Sort(0, false)
		below := torch.Searchsorted(n, positive, false).Add(torch.Searchsorted(n, positive, true)).Sum() // twice
		return below.Item() / 2 / float64(positive.Numel()) / float64(negative.Numel())
	})
}

// AveragePrecision returns the metric "average_precision": the mean, over the samples of a
// class, of the precision of predicting the class for all that score as high; 0 without
// such samples (sklearn.metrics.average_precision_score). It keeps scores and averages
// classes as [AUC] does.
func AveragePrecision(a Average, c ...ClassConfig) Metric {
	return ranked("average_precision", a, c, func(positive, negative *torch.Tensor) float64 {
		if positive.Numel() == 0 {
			return 0
		}
		asHigh := func(scores *torch.Tensor) *torch.Tensor {
			sorted, _ := scores.Sort(0, false)
			return torch.Searchsorted(sorted, positive, false).Neg().AddScalar(scores.Numel()).ToDType(torch.Float64)
		}
		right := asHigh(positive)
		return right.Div(right.Add(asHigh(negative))).Mean().Item()
	})
}

// ranked returns the metric that is the average of what area makes of the scores of a
// class's own samples and of the others.
func ranked(name string, a Average, c []ClassConfig, area func(positive, negative *torch.Tensor) float64) Metric {
	config := first(c)
	const ignored, wrong = -1, math.MaxInt32
	return Metric{
		Name: name, Maximize: true, Keep: true,
		Batch: func(output, target *torch.Tensor) *torch.Tensor { // [N, scores and target]
			s := config.samples(name, output, target)
			x := s.scores.ToDType(torch.Float64)
			switch {
			case s.scores.Dim() == 1:
				x = x.Unsqueeze(1)
			case !config.Probabilities:
				x = x.Softmax(1)
			}
			class := s.target.MaskedFill(s.valid.LogicalNot(), wrong).MaskedFill(s.counts.LogicalNot(), ignored)
			return torch.Cat([]*torch.Tensor{x, class.ToDType(torch.Float64).Unsqueeze(1)}, 1)
		},
		Value: func(rows *torch.Tensor) float64 {
			n := rows.Size(1) - 1
			rows = rows.Index(rows.Select(1, n).NeScalar(ignored))
			target := rows.Select(1, n)
			checkTargets(name, int64(target.EqScalar(wrong).Sum().ItemInt()))
			if rows.Size(0) == 0 || rows.IsNaN().Any().Item() == 1 {
				return math.NaN()
			}
			of := func(scores, own *torch.Tensor) float64 {
				return area(scores.MaskedSelect(own), scores.MaskedSelect(own.LogicalNot()))
			}
			switch {
			case n <= 2:
				return of(rows.Select(1, n-1), target.EqScalar(1))
			case a == Binary:
				throw(name, "an average over %d classes cannot be binary", n)
			case a == Micro:
				classes := torch.Arange(0, n, 1, torch.Options{DType: torch.Float64, Device: rows.Device()})
				return of(rows.Narrow(1, 0, n), target.Unsqueeze(1).Eq(classes))
			}
			var values, weights []float64
			for class := range n {
				own, weight := target.EqScalar(class), 1.0
				if a == Weighted {
					weight = own.Sum().Item()
				}
				if weight > 0 {
					values, weights = append(values, of(rows.Select(1, class), own)), append(weights, weight)
				}
			}
			return stat.Mean(values, weights)
		},
	}
}
