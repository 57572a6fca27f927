// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package measure tells how good a network's predictions are, in the units that
// people use for them, and how good a prediction that ignores its input would
// have been: the mean of the training targets. A network that does not beat this
// constant has learned nothing, however small its loss.
//
// Predictions and targets come as flat rows, one sample after another, so this
// package needs no libtorch.
package measure

import (
	"encoding/json"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
)

// Number is a measure. One that is undefined, such as the correlation with a
// constant, is NaN in Go and null in JSON.
type Number float64

// Undefined is the value of a measure that has none.
var Undefined = Number(math.NaN())

// Defined says whether the measure has a value.
func (n Number) Defined() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON writes null where the measure is undefined.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Undefined
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Report holds the same measures twice: of the network's predictions, and of the
// constant one.
type Report[M any] struct {
	Samples  int `json:"samples"`
	Measures M   `json:"measures"`
	Constant M   `json:"constant"`
}

// Mean gives the mean row of rows of the given width: of the training targets it
// is the constant prediction. It is nil without rows.
func Mean(rows []float32, width int) []float32 {
	if len(rows) == 0 {
		return nil
	}
	sum := make([]float64, width)
	for i, x := range rows {
		sum[i%width] += float64(x)
	}
	mean := make([]float32, width)
	for i, s := range sum {
		mean[i] = float32(s / float64(len(rows)/width))
	}
	return mean
}

// check refuses rows that do not fit each other and returns their number.
func check(network string, width int, predictions, targets, constant []float32) (int, error) {
	switch {
	case len(targets) == 0 || len(targets)%width != 0:
		return 0, fmt.Errorf("measure: %s: %d target values, want at least one row of %d", network, len(targets), width)
	case len(predictions) != len(targets):
		return 0, fmt.Errorf("measure: %s: %d predicted values for %d target values", network, len(predictions), len(targets))
	case len(constant) != width:
		return 0, fmt.Errorf("measure: %s: the constant prediction has %d values, want %d", network, len(constant), width)
	}
	return len(targets) / width, nil
}

// repeat gives n rows of the constant.
func repeat(constant []float32, n int) []float32 {
	rows := make([]float32, 0, n*len(constant))
	for range n {
		rows = append(rows, constant...)
	}
	return rows
}

// differences gives the mean squared and the mean absolute difference.
func differences(a, b []float32) (mse, mae Number) {
	var squares, sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		squares += d * d
		sum += math.Abs(d)
	}
	n := float64(len(a))
	return Number(squares / n), Number(sum / n)
}

// rmse gives the root of the mean squared difference.
func rmse(a, b []float64) Number {
	var squares float64
	for i := range a {
		squares += (a[i] - b[i]) * (a[i] - b[i])
	}
	return Number(math.Sqrt(squares / float64(len(a))))
}

// spread is the smallest standard deviation that is more than the rounding of
// float32 values near 1: below it a list counts as constant.
const spread = 1e-7

// correlation gives Pearson's r, undefined if either list is constant.
func correlation(a, b []float64) Number {
	if stat.PopStdDev(a, nil) < spread || stat.PopStdDev(b, nil) < spread {
		return Undefined
	}
	return Number(stat.Correlation(a, b, nil))
}

// concordance gives Lin's concordance correlation coefficient with moments of
// the population (Lin 1989, Biometrics 45:255): 2·cov / (var a + var b + (mean a
// − mean b)²). Undefined only where both lists are the same constant.
func concordance(a, b []float64) Number {
	meanA, varA := stat.PopMeanVariance(a, nil)
	meanB, varB := stat.PopMeanVariance(b, nil)
	var cov float64
	for i := range a {
		cov += (a[i] - meanA) * (b[i] - meanB)
	}
	cov /= float64(len(a))
	below := varA + varB + (meanA-meanB)*(meanA-meanB)
	if below < spread*spread {
		return Undefined
	}
	return Number(2 * cov / below)
}
