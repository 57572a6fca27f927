// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"math"

	"gonum.org/v1/gonum/stat"
)

// meanStd gives the mean and the deviation of the population, 0 and 0 of an
// empty list.
func meanStd(x []float64) (mean, std float64) {
	if len(x) == 0 {
		return 0, 0
	}
	return stat.PopMeanStdDev(x, nil)
}

// percentile interpolates linearly at the place p·(n−1) of a sorted list, which
// is numpy's default and no method of gonum's. It is 0 of an empty list.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	whole, part := math.Modf(p * float64(len(sorted)-1))
	i := int(whole)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + part*(sorted[i+1]-sorted[i])
}

// constant tells whether all values are one, which rounding would hide from a
// variance.
func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// ratio is a/b, 0 where that is undefined.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func clip(v float64) float32 { return float32(min(max(v, 0), 1)) }
