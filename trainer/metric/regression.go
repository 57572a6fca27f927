// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package metric

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/torch"
)

// MSE returns the metric "mse": the mean squared error over all elements of outputs and
// targets of one shape (sklearn.metrics.mean_squared_error).
func MSE() Metric {
	return Mean("mse", false, func(output, target *torch.Tensor) *torch.Tensor {
		return difference("mse", output, target).Square()
	})
}

// MAE returns the metric "mae": the mean absolute error over all elements of outputs and
// targets of one shape (sklearn.metrics.mean_absolute_error).
func MAE() Metric {
	return Mean("mae", false, func(output, target *torch.Tensor) *torch.Tensor {
		return difference("mae", output, target).Abs()
	})
}

// RMSE returns the metric "rmse": the root of the mean squared error of each output, and
// the mean over the outputs (sklearn.metrics.root_mean_squared_error). As in [R2],
// [Pearson] and [CCC], outputs and targets are [N] or [N, outputs…], of one shape.
func RMSE() Metric {
	return Metric{
		Name: "rmse",
		Batch: func(output, target *torch.Tensor) *torch.Tensor { // [sum and count, outputs]
			errors := columns(difference("rmse", output, target))
			n, outputs := errors.Size(0), errors.Size(1)
			return torch.Stack([]*torch.Tensor{errors.Square().Sum(0), count(errors, n).Expand(outputs)}, 0)
		},
		Value: func(total *torch.Tensor) float64 {
			return total.Select(0, 0).Div(total.Select(0, 1)).Sqrt().Mean().Item()
		},
	}
}

// R2 returns the metric "r2": the coefficient of determination of each output, 1 minus
// squared errors by squared deviations of the targets from their mean, and the mean over
// the outputs. Where an output's targets are constant it is 1 for predictions without an
// error, else 0; with a single sample it is NaN (sklearn.metrics.r2_score).
func R2() Metric {
	return byOutput("r2", func(m moments) float64 {
		errors := m.outputs - 2*m.both + m.targets + m.n*m.apart()*m.apart()
		switch {
		case m.n < 2:
			return math.NaN()
		case m.targets == 0 && errors == 0:
			return 1
		case m.targets == 0:
			return 0
		}
		return 1 - errors/m.targets
	})
}

// Pearson returns the metric "pearson": the correlation of each output with its targets,
// from -1 to 1, and the mean over the outputs; NaN if either are constant
// (scipy.stats.pearsonr).
func Pearson() Metric {
	return byOutput("pearson", func(m moments) float64 {
		return min(max(m.both/math.Sqrt(m.outputs*m.targets), -1), 1) // rounding can lead past ±1
	})
}

// CCC returns the metric "ccc": the concordance correlation coefficient of each output with
// its targets, 2·cov / (var output + var target + (mean output − mean target)²) with
// moments of the population (Lin 1989, Biometrics 45:255), and the mean over the outputs;
// NaN if both are the same constant.
func CCC() Metric {
	return byOutput("ccc", func(m moments) float64 {
		return 2 * m.both / (m.outputs + m.targets + m.n*m.apart()*m.apart())
	})
}

// checkShapes refuses outputs and targets that are not compared one by one.
func checkShapes(name string, output, target *torch.Tensor) {
	out, want := output.Shape(), target.Shape()
	if !slices.Equal(out, want) || output.DType().IsComplex() || target.DType().IsComplex() {
		panic(&torch.Error{Op: "metric " + name, Shapes: [][]int{out, want}, Message: "outputs and targets need one shape, and real numbers"})
	}
}

// difference returns output − target in float64.
func difference(name string, output, target *torch.Tensor) *torch.Tensor {
	checkShapes(name, output, target)
	return output.ToDType(torch.Float64).Sub(target.ToDType(torch.Float64))
}

// moments are those of one output and its targets.
type moments struct {
	n                      float64
	outputMean, targetMean float64
	outputs, targets, both float64 // sums of squares and of products of what differs from the means
}

func (m moments) apart() float64 { return m.outputMean - m.targetMean }

// byOutput returns the metric that is the mean, over the outputs, of a value of their
// moments.
func byOutput(name string, value func(moments) float64) Metric {
	return Metric{
		Name: name, Maximize: true,
		// The fields of moments [6, outputs].
		Batch: func(output, target *torch.Tensor) *torch.Tensor {
			checkShapes(name, output, target)
			x := torch.Stack([]*torch.Tensor{columns(output.ToDType(torch.Float64)), columns(target.ToDType(torch.Float64))}, 0)
			n, outputs := x.Size(1), x.Size(2)
			mean := x.SumDim([]int{1}, true).DivScalar(max(n, 1))
			x = x.Sub(mean)
			return torch.Cat([]*torch.Tensor{
				count(x, n).Expand(1, outputs), mean.Squeeze(1), x.Square().Sum(1), x.Select(0, 0).Mul(x.Select(0, 1)).SumDim([]int{0}, true),
			}, 0)
		},
		// Chan, Golub and LeVeque 1983, The American Statistician 37:242: nothing cancels.
		Merge: func(parts *torch.Tensor) *torch.Tensor {
			n, means := parts.Narrow(1, 0, 1), parts.Narrow(1, 1, 2)
			total := n.Sum(0)
			mean := means.Mul(n).Sum(0).Div(total.ClampMin(1))
			apart := means.Sub(mean)
			weighed := apart.Mul(n)
			between := torch.Cat([]*torch.Tensor{weighed.Mul(apart), weighed.Narrow(1, 0, 1).Mul(apart.Narrow(1, 1, 1))}, 1)
			return torch.Cat([]*torch.Tensor{total, mean, parts.Narrow(1, 3, 3).Add(between).Sum(0)}, 0)
		},
		Value: func(total *torch.Tensor) float64 {
			rows := total.T().Float64s()
			values := make([]float64, len(rows)/6)
			for i := range values {
				r := rows[6*i:]
				m := moments{r[0], r[1], r[2], r[3], r[4], r[5]}
				if constant(m.outputs, m.n, m.outputMean) {
					m.outputs, m.both = 0, 0
				}
				if constant(m.targets, m.n, m.targetMean) {
					m.targets, m.both = 0, 0
				}
				values[i] = value(m)
			}
			return stat.Mean(values, nil)
		},
	}
}

// columns returns t as [N, outputs].
func columns(t *torch.Tensor) *torch.Tensor {
	switch t.Dim() {
	case 0:
		return t.Reshape(1, 1)
	case 1:
		return t.Unsqueeze(1)
	}
	return t.Flatten(1, -1)
}

// constant reports whether a sum of squared deviations is no more than the rounding of
// their mean.
func constant(squares, n, mean float64) bool {
	const ulps = 16
	rounding := ulps * 0x1p-52 * mean
	return squares <= n*rounding*rounding
}
