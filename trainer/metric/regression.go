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
	return byOutput("rmse", false, func(m moments) float64 { return math.Sqrt(m.squares / m.n) })
}

// R2 returns the metric "r2": the coefficient of determination of each output, 1 minus
// squared errors by squared deviations of the targets from their mean, and the mean over
// the outputs. Where an output's targets are constant it is 1 for predictions without an
// error, else 0; with a single sample it is NaN (sklearn.metrics.r2_score).
func R2() Metric {
	return byOutput("r2", true, func(m moments) float64 {
		switch {
		case m.n < 2:
			return math.NaN()
		case m.targets == 0 && m.squares == 0:
			return 1
		case m.targets == 0:
			return 0
		}
		return 1 - m.squares/m.targets
	})
}

// Pearson returns the metric "pearson": the correlation of each output with its targets,
// from -1 to 1, and the mean over the outputs; NaN if either are constant
// (scipy.stats.pearsonr).
func Pearson() Metric {
	return byOutput("pearson", true, func(m moments) float64 {
		return min(max(m.both/math.Sqrt(m.outputs*m.targets), -1), 1) // rounding can lead past ±1
	})
}

// CCC returns the metric "ccc": the concordance correlation coefficient of each output with
// its targets, 2·cov / (var output + var target + (mean output − mean target)²) with
// moments of the population (Lin 1989, Biometrics 45:255), and the mean over the outputs;
// NaN if both are the same constant.
func CCC() Metric {
	return byOutput("ccc", true, func(m moments) float64 {
		d := m.outputMean - m.targetMean
		return 2 * m.both / (m.outputs + m.targets + m.n*d*d)
	})
}

// difference returns output − target in float64.
func difference(name string, output, target *torch.Tensor) *torch.Tensor {
	out, want := output.Shape(), target.Shape()
	if !slices.Equal(out, want) || output.DType().IsComplex() || target.DType().IsComplex() {
		panic(&torch.Error{Op: "metric " + name, Shapes: [][]int{out, want}, Message: "outputs and targets need one shape, and real numbers"})
	}
	return output.ToDType(torch.Float64).Sub(target.ToDType(torch.Float64))
}

// moments are those of one output and its targets.
type moments struct {
	n                      float64
	outputMean, targetMean float64
	outputs, targets       float64 // Σ (x − mean)²
	both                   float64 // Σ (output − mean)·(target − mean)
	squares                float64 // Σ (output − target)²
}

// byOutput returns the metric that is the mean, over the outputs, of a value of their
// moments. These are centred in each batch and joined by Chan, Golub and LeVeque's
// formula (1983, The American Statistician 37:242), so that they do not cancel.
func byOutput(name string, maximize bool, value func(moments) float64) Metric {
	return Metric{
		Name: name, Maximize: maximize,
		Batch: func(output, target *torch.Tensor) *torch.Tensor { // the fields of moments [7, outputs]
			error := columns(difference(name, output, target))
			x := torch.Stack([]*torch.Tensor{columns(output).ToDType(torch.Float64), columns(target).ToDType(torch.Float64)}, 0)
			n := error.Size(0)
			mean := x.Sum(1).DivScalar(max(n, 1))
			x = x.Sub(mean.Unsqueeze(1))
			return torch.Cat([]*torch.Tensor{
				count(x, n).Expand(1, error.Size(1)), mean, x.Square().Sum(1),
				torch.Stack([]*torch.Tensor{x.Select(0, 0).Mul(x.Select(0, 1)), error.Square()}, 0).Sum(1),
			}, 0)
		},
		Merge: func(total, batch *torch.Tensor) *torch.Tensor {
			n := total.Narrow(0, 0, 1).Add(batch.Narrow(0, 0, 1))
			share := batch.Narrow(0, 0, 1).Div(n.ClampMin(1))
			apart := batch.Narrow(0, 1, 2).Sub(total.Narrow(0, 1, 2))
			products := torch.Cat([]*torch.Tensor{apart.Square(), apart.Narrow(0, 0, 1).Mul(apart.Narrow(0, 1, 1))}, 0)
			sums := total.Narrow(0, 3, 4).Add(batch.Narrow(0, 3, 4))
			sums.Narrow(0, 0, 3).AddInPlace(products.Mul(total.Narrow(0, 0, 1)).Mul(share))
			return torch.Cat([]*torch.Tensor{n, total.Narrow(0, 1, 2).Add(apart.Mul(share)), sums}, 0)
		},
		Value: func(total *torch.Tensor) float64 {
			values := make([]float64, total.Size(1))
			fields := total.Float64s()
			for i := range values {
				var f [7]float64
				for j := range f {
					f[j] = fields[j*len(values)+i]
				}
				m := moments{f[0], f[1], f[2], f[3], f[4], f[5], f[6]}
				if constant(m.outputs, m.n, m.outputMean) {
					m.outputs, m.both = 0, 0
				}
				if constant(m.targets, m.n, m.targetMean) {
					m.targets, m.both = 0, 0
				}
				values[i] = math.NaN()
				if m.n > 0 {
					values[i] = value(m)
				}
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
