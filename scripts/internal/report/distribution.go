// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Histogram draws how values are distributed, as a PNG or SVG file. The label is
// that of the values' axis, with their unit: "duration (s)". There are at most 500
// bins; with 0 their number is the root of that of the values, from 5 to 60.
func Histogram(path, title, label string, values []float64, bins int) error {
	return histogram(title, label, values, bins).save(path)
}

// HistogramSVG is [Histogram] for a [Page].
func HistogramSVG(title, label string, values []float64, bins int) ([]byte, error) {
	return histogram(title, label, values, bins).svg()
}

// Scatter draws ys over xs, as a PNG or SVG file. The labels are those of the axes,
// with units. Of more than 6000 points so many are drawn. It is an error if the
// lists differ in length.
func Scatter(path, title, xLabel, yLabel string, xs, ys []float64) error {
	f, err := scatter(title, xLabel, yLabel, xs, ys)
	if err != nil {
		return fmt.Errorf("report: %s: %w", path, err)
	}
	return f.save(path)
}

// ScatterSVG is [Scatter] for a [Page].
func ScatterSVG(title, xLabel, yLabel string, xs, ys []float64) ([]byte, error) {
	f, err := scatter(title, xLabel, yLabel, xs, ys)
	if err != nil {
		return nil, fmt.Errorf("report: %s: %w", plain(title), err)
	}
	return f.svg()
}

func histogram(title, label string, values []float64, bins int) *figure {
	shown := finite(values)
	f := &figure{title: title, notes: leftOut(len(values) - len(shown)), width: 6.5 * vg.Inch, height: 3.4 * vg.Inch}
	counts, lo, width := count(shown, bins)

	p := newPanel(label, "count", 10, 8.5)
	p.X.Min, p.X.Max = span(lo, lo+width*float64(len(counts)))
	p.Y.Min, p.Y.Max = 0, float64(slices.Max(counts))*1.05
	p.Y.Tick.Marker = ticks{most: 6, least: 1}
	if len(shown) == 0 {
		p.Y.Max = 1
		p.Add(words("no values"))
	}
	p.Add(painter(func(c draw.Canvas, x, y func(float64) vg.Length) {
		for i, n := range counts {
			left, right := x(lo+width*float64(i)), x(lo+width*float64(i+1))
			gap := min(0.5, (right-left)*0.1)
			if n > 0 {
				rectangle(c, first, left+gap, y(0), right-gap, y(float64(n)))
			}
		}
	}))
	f.body = p.Draw
	return f
}

// count sorts values into bins of the same width, at least one. The last one holds
// its upper end too.
func count(values []float64, bins int) (counts []int, lo, width float64) {
	if bins < 1 {
		bins = min(max(int(math.Sqrt(float64(len(values)))), 5), 60)
	}
	bins = min(bins, 500)
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

func scatter(title, xLabel, yLabel string, xs, ys []float64) (*figure, error) {
	if len(xs) != len(ys) {
		return nil, fmt.Errorf("%d values of %q for %d of %q", len(xs), xLabel, len(ys), yLabel)
	}
	points := pairs(xs, ys)
	shown := thinOut(points, maxDots)
	f := &figure{title: title, width: 6 * vg.Inch, height: 4.6 * vg.Inch}
	if len(shown) < len(points) {
		f.notes = append(f.notes, fmt.Sprintf("%d of %d points are drawn, evenly chosen.", len(shown), len(points)))
	}
	f.notes = append(f.notes, leftOut(len(xs)-len(points))...)

	p := newPanel(xLabel, yLabel, 10, 8.5)
	p.X.Min, p.X.Max = span(axis(points, func(p plotter.XY) float64 { return p.X })...)
	p.Y.Min, p.Y.Max = span(axis(points, func(p plotter.XY) float64 { return p.Y })...)
	p.Add(dots{shown, vg.Length(max(1, min(2.2, 60/math.Sqrt(float64(len(shown))))))})
	if len(points) == 0 {
		p.Add(words("no values"))
	}
	f.body = p.Draw
	return f, nil
}

func axis(points plotter.XYs, of func(plotter.XY) float64) []float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = of(p)
	}
	return values
}
