// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// golden is a case of gen_metrics.py.
type golden struct {
	Kind           string // classes, binary or regression
	Output, Target []*float64
	Shape          []int
	TargetShape    []int `json:"target_shape"`
	Double, Ints   bool
	Ignore         *int
	Probabilities  bool
	Want           map[string]any // a number; nil for NaN; "refused"; the cells of a confusion matrix
}

// tensors returns output and target.
func (g golden) tensors() (output, target *torch.Tensor) {
	list := func(xs []*float64, shape []int, d torch.DType) *torch.Tensor {
		values := make([]float64, len(xs))
		for i, x := range xs {
			values[i] = math.NaN()
			if x != nil {
				values[i] = *x
			}
		}
		return torch.FromSlice(values, shape...).ToDType(d)
	}
	floats, ints := torch.Float32, torch.Float32
	if g.Double {
		floats, ints = torch.Float64, torch.Float64
	}
	if g.Ints {
		ints = torch.Int64
	}
	return list(g.Output, g.Shape, floats), list(g.Target, g.TargetShape, ints)
}

// metric returns the metric of a name such as "f1 macro".
func (g golden) metric(t *testing.T, name string) Metric {
	c := ClassConfig{IgnoreIndex: g.Ignore, Probabilities: g.Probabilities}
	name, average, _ := strings.Cut(name, " ")
	a := Macro
	for a.String() != average && a < Binary {
		a++
	}
	switch name {
	case "accuracy":
		return Accuracy(c)
	case "top1", "top2":
		return TopK(int(name[3]-'0'), c)
	case "precision":
		return Precision(a, c)
	case "recall":
		return Recall(a, c)
	case "f1":
		return F1(a, c)
	case "mcc":
		return MCC(c)
	case "auc":
		return AUC(a, c)
	case "average_precision":
		return AveragePrecision(a, c)
	case "perplexity":
		return Perplexity(c)
	case "mse":
		return MSE()
	case "mae":
		return MAE()
	case "rmse":
		return RMSE()
	case "r2":
		return R2()
	case "pearson":
		return Pearson()
	case "ccc":
		return CCC()
	}
	require.FailNow(t, "no such metric", name)
	return Metric{}
}

// tolerance is relative to values of about 1. Both sides compute in float64, in another
// order. The logarithms of the perplexity are of float32, and the mean of numbers near 1e8
// with a deviation of 1 is rounded to 1e-8.
func tolerance(title, name string) float64 {
	switch {
	case name == "perplexity":
		return 1e-6
	case title == "far from zero":
		return 2e-8
	}
	return 1e-12
}

// row is what became of a metric: values that are defined, the largest relative difference,
// and values that are not.
type row struct {
	defined   int
	apart     float64
	undefined int
}

// Every metric has scikit-learn's value, for batches of any size, on the device of the
// tests too. It is NaN where scikit-learn's is, and where scikit-learn refuses the data.
func TestAgainstScikitLearn(t *testing.T) {
	torchtest.NoLeaks(t)
	var cases map[string]golden
	torchtest.Golden(t, "testdata/metrics.json", &cases)
	require.Equal(t, 47, len(cases))
	device, table, compared, undefined := torchtest.Accelerator(t), map[string]row{}, 0, 0
	for title, g := range cases {
		t.Run(title, func(t *testing.T) {
			torch.Scope(func() {
				output, target := g.tensors()
				for name, want := range g.Want {
					if name == "confusion" {
						g.confusion(t, output, target, want)
						continue
					}
					for size, d := range map[int]torch.Device{1: torch.CPU, 7: device, max(1, target.Size(0)): torch.CPU} {
						a := g.metric(t, name).New()
						add := func(i, n int) { a.Add(output.Narrow(0, i, n).To(d), target.Narrow(0, i, n).To(d)) }
						add(0, 0) // empty batches change nothing, at the beginning, together and at the end
						add(0, 0)
						for i := 0; i < target.Size(0); i += size {
							add(i, min(size, target.Size(0)-i))
						}
						add(0, 0)
						what := fmt.Sprintf("%s in batches of %d on %s", name, size, d)
						r := table[name]
						if x, ok := want.(float64); ok {
							assert.InDelta(t, x, a.Value(), tolerance(title, name)*max(1, math.Abs(x)), what)
							r.defined++
							r.apart = max(r.apart, math.Abs(x-a.Value())/max(1, math.Abs(x)))
						} else {
							assert.True(t, math.IsNaN(a.Value()), "%s: %v, scikit-learn: %v", what, a.Value(), want)
							r.undefined++
						}
						table[name] = r
						a.Close()
					}
				}
			})
		})
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		r := table[name]
		t.Logf("%-28s %3d values, at most %7.1e apart, and %2d undefined", name, r.defined, r.apart, r.undefined)
		compared += r.defined
		undefined += r.undefined
	}
	assert.Greater(t, compared, 1600)
	assert.Greater(t, undefined, 250)
}

func (g golden) confusion(t *testing.T, output, target *torch.Tensor, want any) {
	c := ClassConfig{IgnoreIndex: g.Ignore, Probabilities: g.Probabilities}
	var matrix *torch.Tensor
	err := torch.Try(func() { matrix = ConfusionMatrix(output, target, c) })
	cells, ok := want.([]any)
	switch {
	case ok:
		require.NoError(t, err)
		var flat []any
		for _, n := range matrix.Float64s() {
			flat = append(flat, n)
		}
		assert.Equal(t, cells, flat)
	case err == nil: // no samples
		assert.Zero(t, matrix.Sum().ItemInt())
		assert.Zero(t, target.NeScalar(*g.Ignore).Sum().ItemInt())
	default:
		require.ErrorContains(t, err, "torch: metric confusion matrix: 1 outputs are NaN")
	}
}
