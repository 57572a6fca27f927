// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/etude-ml/etude/trainer/figure"
)

// Histogram draws how values are distributed. The label is that of the values' axis,
// with their unit: "duration (s)".
func Histogram(title, label string, values []float64) *Figure {
	shown := finite(values)
	f := &Figure{title: title, notes: leftOut(len(values) - len(shown)), width: 6.5 * vg.Inch, height: 3.4 * vg.Inch}
	counts, lo, width := count(shown, bins(len(shown)))

	p := newPanel(label, "count", 10, 8.5)
	p.X.Min, p.X.Max = span(lo, lo+width*float64(len(counts)))
	p.Y.Min, p.Y.Max = 0, float64(slices.Max(counts))*1.05
	p.Y.Tick.Marker = figure.Ticks{Most: 6, Least: 1}
	if len(shown) == 0 {
		p.Y.Max = 1
		p.Add(words("no values"))
	}
	bars := &plotter.Histogram{FillColor: first}
	for i, n := range counts {
		left := lo + width*float64(i)
		bars.Bins = append(bars.Bins, plotter.HistogramBin{Min: left + 0.03*width, Max: left + 0.97*width, Weight: float64(n)})
	}
	p.Add(bars)
	f.body = p.Draw
	return f
}

// bins returns how many bins n values get: the root of n, from 5 to 60.
func bins(n int) int { return min(max(int(math.Sqrt(float64(n))), 5), 60) }

// count sorts values into bins of the same width, at least one. The last one holds
// its upper end too.
func count(values []float64, bins int) (counts []int, lo, width float64) {
	if len(values) == 0 {
		return make([]int, bins), 0, 1 / float64(bins)
	}
	lo, hi := slices.Min(values), slices.Max(values)
	if same(lo, hi) { // a bar with room on both sides
		width = 0.02 * size(lo, hi)
		counts = make([]int, 11)
		counts[5] = len(values)
		return counts, lo - 5.5*width, width
	}
	width = (hi - lo) / float64(bins)
	counts = make([]int, bins)
	for _, x := range values {
		counts[min(int((x-lo)/width), bins-1)]++
	}
	return counts, lo, width
}

// Scatter draws ys over xs. The labels are those of the axes, with units. Of more than
// 6000 points so many are drawn. It is an error if the lists differ in length.
func Scatter(title, xLabel, yLabel string, xs, ys []float64) (*Figure, error) {
	if len(xs) != len(ys) {
		return nil, misfit(title, "%d values of %q for %d of %q", len(xs), xLabel, len(ys), yLabel)
	}
	points := pairs(xs, ys)
	shown := thinOut(points, maxDots)
	f := &Figure{title: title, width: 6 * vg.Inch, height: 4.6 * vg.Inch}
	if len(shown) < len(points) {
		f.notes = append(f.notes, fmt.Sprintf("%d of %d points are drawn, evenly chosen.", len(shown), len(points)))
	}
	f.notes = append(f.notes, leftOut(len(xs)-len(points))...)

	p := newPanel(xLabel, yLabel, 10, 8.5)
	px, py := coordinates(points)
	p.X.Min, p.X.Max = span(px...)
	p.Y.Min, p.Y.Max = span(py...)
	p.Add(dots{shown, vg.Length(max(1, min(2.2, 60/math.Sqrt(float64(len(shown))))))})
	if len(points) == 0 {
		p.Add(words("no values"))
	}
	f.body = p.Draw
	return f, nil
}
