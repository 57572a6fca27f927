// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"math"

	"gonum.org/v1/plot/plotter"
)

// finite returns the values that can be drawn. Those beyond 1e30 cannot: sums and
// differences of such values leave the range of a number.
func finite(values []float64) []float64 {
	var list []float64
	for _, x := range values {
		if drawable(x) {
			list = append(list, x)
		}
	}
	return list
}

func drawable(x float64) bool { return math.Abs(x) <= 1e30 } // false for NaN

// span returns the range of values with room on both sides, and 0 to 1 without any.
func span(values ...float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if drawable(x) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	if lo > hi {
		return 0, 1
	}
	room := (hi - lo) * 0.05
	if same(lo, hi) {
		room = 0.1 * size(lo, hi)
	}
	return lo - room, hi + room
}

// same reports whether two values are too close for an axis from one to the other.
func same(lo, hi float64) bool { return hi-lo <= 1e-9*size(lo, hi) }

// size returns the order of values that are the same, 1 if they are next to nothing.
func size(lo, hi float64) float64 {
	if s := max(math.Abs(lo), math.Abs(hi)); s > 1e-30 {
		return s
	}
	return 1
}

// pairs returns the points that can be drawn.
func pairs(xs, ys []float64) plotter.XYs {
	var points plotter.XYs
	for i, x := range xs {
		if drawable(x) && drawable(ys[i]) {
			points = append(points, plotter.XY{X: x, Y: ys[i]})
		}
	}
	return points
}

// thinOut chooses at most so many points, at even distances in their order.
func thinOut(points plotter.XYs, most int) plotter.XYs {
	if len(points) <= most {
		return points
	}
	chosen := make(plotter.XYs, most)
	for i := range chosen {
		chosen[i] = points[i*len(points)/most]
	}
	return chosen
}

func coordinates(points plotter.XYs) (xs, ys []float64) {
	for _, p := range points {
		xs, ys = append(xs, p.X), append(ys, p.Y)
	}
	return xs, ys
}
