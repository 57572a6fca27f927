// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package measure

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// differences returns the mean squared and the mean absolute difference.
func differences[F float32 | float64](a, b []F) (mse, mae Number) {
	var squares, sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		squares += d * d
		sum += math.Abs(d)
	}
	n := float64(len(a))
	return Number(squares / n), Number(sum / n)
}

// root returns the root mean squared difference of a mean squared one.
func root(mse Number) Number { return Number(math.Sqrt(float64(mse))) }

// spread is the smallest standard deviation that is more than the rounding of
// float32 values near 1: below it a list counts as constant.
const spread = 1e-7

// correlation returns Pearson's r, undefined if either list is constant.
func correlation(a, b []float64) Number {
	if stat.PopStdDev(a, nil) < spread || stat.PopStdDev(b, nil) < spread {
		return Undefined
	}
	// Rounding can lead past ±1.
	return Number(min(max(stat.Correlation(a, b, nil), -1), 1))
}

// concordance returns Lin's concordance correlation coefficient with moments of
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
