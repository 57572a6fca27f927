// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/torch"
)

// Average says how the values of several classes become one.
type Average int

// The averages of scikit-learn.
const (
	Macro    Average = iota // the mean over the classes that occur
	Micro                   // the value of all samples' decisions together
	Weighted                // the mean weighted by how often a class is a target
	Binary                  // the value of class 1; there must be two
)

// String returns scikit-learn's name.
func (a Average) String() string {
	if a < Macro || a > Binary {
		return fmt.Sprintf("Average(%d)", int(a))
	}
	return [...]string{"macro", "micro", "weighted", "binary"}[a]
}

// confusion counts a batch: element [i][j] is how often class j was predicted for a target
// of class i. A further row is for targets that are none of the classes, a further column
// for outputs that are NaN.
func (c ClassConfig) confusion(name string, output, target *torch.Tensor) *torch.Tensor {
	s := c.samples(name, output, target)
	class, nan := s.predicted(c.threshold())
	n := s.classes + 1
	row, column := s.target.MaskedFill(s.valid.LogicalNot(), s.classes), class.MaskedFill(nan, s.classes)
	zeros := torch.Zeros([]int{n * n}, torch.Options{DType: torch.Int64, Device: row.Device()})
	return zeros.ScatterAdd(0, row.MulScalar(n).Add(column), s.counts.ToDType(torch.Int64)).Reshape(n, n)
}

// ConfusionMatrix returns how often class j was predicted, int64 [C, C], for a target of
// class i (sklearn.metrics.confusion_matrix). The matrices of several batches may be added.
// The host waits for it, to refuse outputs that are NaN and targets that are no classes.
func ConfusionMatrix(output, target *torch.Tensor, c ...ClassConfig) *torch.Tensor {
	const name = "confusion matrix"
	all := first(c).confusion(name, output, target)
	n := all.Size(0) - 1
	checkTargets(name, int64(all.Select(0, n).Sum().ItemInt()))
	if nan := all.Select(1, n).Sum().ItemInt(); nan > 0 {
		throw(name, "%d outputs are NaN", nan)
	}
	return all.Narrow(0, 0, n).Narrow(1, 0, n)
}

// tally holds how often one class was predicted rightly, predicted wrongly, and missed.
type tally struct{ right, wrong, missed float64 }

func (t tally) targets() float64   { return t.right + t.missed }
func (t tally) predicted() float64 { return t.right + t.wrong }

// tallied returns the metric that value makes of the tallies of all classes. It is NaN
// without samples.
func tallied(name string, c []ClassConfig, value func([]tally) float64) Metric {
	config := first(c)
	return Metric{
		Name: name, Maximize: true,
		Batch: func(output, target *torch.Tensor) *torch.Tensor { return config.confusion(name, output, target) },
		Value: func(total *torch.Tensor) float64 {
			cells, n := torch.ToSlice[int64](total), total.Size(0)
			tallies, samples := make([]tally, n), int64(0)
			for i := range n {
				for j := range n {
					count := cells[i*n+j]
					samples += count
					if i == j {
						tallies[i].right = float64(count)
						continue
					}
					tallies[i].missed += float64(count)
					tallies[j].wrong += float64(count)
				}
			}
			last := tallies[n-1]
			checkTargets(name, int64(last.targets()))
			if samples == 0 || last.wrong > 0 {
				return math.NaN()
			}
			return value(tallies[:n-1])
		},
	}
}

// averaged returns the metric that is the average of each class's value.
func averaged(name string, a Average, c []ClassConfig, value func(tally) float64) Metric {
	return tallied(name, c, func(classes []tally) float64 {
		var all tally
		values, weights := make([]float64, len(classes)), make([]float64, len(classes))
		for i, t := range classes {
			all = tally{all.right + t.right, all.wrong + t.wrong, all.missed + t.missed}
			values[i], weights[i] = value(t), t.targets()
			if a == Macro {
				weights[i] = min(t.targets()+t.wrong, 1) // for a class that occurs
			}
		}
		switch a {
		case Micro:
			return value(all)
		case Binary:
			if len(classes) != 2 {
				throw(name, "an average over %d classes cannot be binary", len(classes))
			}
			return values[1]
		}
		return stat.Mean(values, weights)
	})
}

// ratio returns a/b, and 0 where scikit-learn warns that b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// Precision returns the metric "precision": of the samples that a class is predicted for,
// the share that is of it; 0 for a class that is never predicted
// (sklearn.metrics.precision_score). Like [Recall], [F1] and [MCC] it keeps the counts of
// all pairs of classes.
func Precision(a Average, c ...ClassConfig) Metric {
	return averaged("precision", a, c, func(t tally) float64 { return ratio(t.right, t.predicted()) })
}

// Recall returns the metric "recall": of the samples of a class, the share that it is
// predicted for; 0 for a class that is never a target (sklearn.metrics.recall_score). Its
// Macro average is the balanced accuracy where no absent class is predicted.
func Recall(a Average, c ...ClassConfig) Metric {
	return averaged("recall", a, c, func(t tally) float64 { return ratio(t.right, t.targets()) })
}

// F1 returns the metric "f1": the harmonic mean of precision and recall, by class; 0 for a
// class that is never predicted rightly (sklearn.metrics.f1_score).
func F1(a Average, c ...ClassConfig) Metric {
	return averaged("f1", a, c, func(t tally) float64 { return ratio(2*t.right, t.targets()+t.predicted()) })
}

// MCC returns the metric "mcc": Matthews' correlation coefficient of predicted classes and
// targets, from -1 to 1, and for any number of classes (Gorodkin 2004, Computational
// Biology and Chemistry 28:367); 0 where either are all of one class
// (sklearn.metrics.matthews_corrcoef).
func MCC(c ...ClassConfig) Metric {
	return tallied("mcc", c, func(classes []tally) float64 {
		var n, right, both, predicted, targets float64
		for _, t := range classes {
			n += t.targets()
			right += t.right
			both += t.targets() * t.predicted()
			predicted += t.predicted() * t.predicted()
			targets += t.targets() * t.targets()
		}
		return ratio(right*n-both, math.Sqrt((n*n-predicted)*(n*n-targets)))
	})
}
