// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/etude-ml/etude/trainer/figure"
)

// Curve draws quantities over time: values[i] are those of the one with names[i] at the
// times xs. unit is the label of the axis of time: "seconds". Of more than 4 quantities the
// first 4 are drawn. It is an error if the lists do not fit each other.
func Curve(title string, names []string, xs []float64, values [][]float64, unit string) (*Figure, error) {
	if len(values) != len(names) {
		return nil, misfit(title, "%d names for %d curves", len(names), len(values))
	}
	f := &Figure{title: title, width: 7.5 * vg.Inch, height: 3.6 * vg.Inch}
	colors := []color.RGBA{first, second, figure.Green, figure.Vermilion}
	names = f.limit(names, len(colors))
	p := newPanel(unit, "", 10, 8.5)
	left := 0
	for i, name := range names {
		if len(values[i]) != len(xs) {
			return nil, misfit(title, "%q: %d values at %d times", name, len(values[i]), len(xs))
		}
		points := pairs(xs, values[i])
		if left += len(xs) - len(points); len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, misfit(title, "%q: %w", name, err)
		}
		line.Color, line.Width, dots.Color, dots.Radius = colors[i], vg.Points(1.6), colors[i], vg.Points(2)
		p.Add(line)
		if len(points) <= 40 { // so that one value shows at all
			p.Add(dots)
		}
		f.keys = append(f.keys, key{name, colors[i]})
	}
	if f.keys == nil {
		return f.empty("no values"), nil
	}
	f.notes = append(f.notes, leftOut(left)...)
	p.X.Min, p.X.Max = span(xs...)
	p.Y.Min, p.Y.Max = span(slices.Concat(values[:len(names)]...)...)
	f.body = p.Draw
	return f, nil
}
