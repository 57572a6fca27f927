// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/etude-ml/etude/trainer/figure"
)

const (
	maxPanels = 64
	maxDots   = 6000 // of a figure; more only make it large
)

// PredictedTrue draws predicted values over true ones, a panel for each output.
// predicted[i] and truth[i] are the samples of the output with names[i]; a perfect
// prediction lies on the dashed line. Of more than 64 outputs the first 64 are drawn. It
// is an error if the lists do not fit each other.
func PredictedTrue(title string, names []string, predicted, truth [][]float64) (*Figure, error) {
	if len(predicted) != len(names) || len(truth) != len(names) {
		return nil, misfit(title, "%d names for %d predicted and %d true outputs", len(names), len(predicted), len(truth))
	}
	for i, name := range names {
		if len(predicted[i]) != len(truth[i]) {
			return nil, misfit(title, "output %q: %d predicted values for %d true ones", name, len(predicted[i]), len(truth[i]))
		}
	}
	f := &Figure{title: title}
	names = f.limit(names, maxPanels)
	if len(names) == 0 {
		return f.empty("no outputs"), nil
	}
	cols := int(math.Ceil(math.Sqrt(float64(len(names)))))
	rows := (len(names) + cols - 1) / cols
	side := vg.Length(max(1.45, min(4.5, 9.6/float64(cols)))) * vg.Inch
	f.width, f.height = vg.Length(cols)*side+20, vg.Length(rows)*(side+20)+20

	panels, absent, drawn := make([][]*plot.Plot, rows), 0, 0
	for i := range panels {
		panels[i] = make([]*plot.Plot, cols)
	}
	for i, name := range names {
		points := pairs(truth[i], predicted[i])
		absent += len(truth[i]) - len(points)
		shown := thinOut(points, max(20, maxDots/len(names)))
		if len(shown) < len(points) {
			drawn = len(shown)
		}
		panels[i/cols][i%cols] = identityPanel(name, points, shown, side)
	}
	if drawn > 0 {
		f.notes = append(f.notes, fmt.Sprintf("%d samples of each output are drawn, evenly chosen.", drawn))
	}
	f.notes = append(f.notes, leftOut(absent)...)
	f.body = func(c draw.Canvas) { drawTiles(c, panels) }
	return f, nil
}

// identityPanel returns a panel with the range of all points on both axes.
func identityPanel(name string, all, shown plotter.XYs, side vg.Length) *plot.Plot {
	size := 7.0
	if side > 2*vg.Inch {
		size = 9
	}
	p := newPanel("", "", size, size)
	title := textStyle(size+1, ink)
	title.XAlign, title.YAlign = draw.XCenter, draw.YBottom
	p.Add(painter(func(c draw.Canvas, _, _ func(float64) vg.Length) { // a plot's own would not stand in line
		c.FillText(title, vg.Point{X: c.Center().X, Y: c.Max.Y + 3}, elide(name, title, side-10))
	}))
	xs, ys := coordinates(all)
	p.X.Min, p.X.Max = span(append(xs, ys...)...)
	p.Y.Min, p.Y.Max = p.X.Min, p.X.Max
	marker := figure.Ticks{Most: max(2, float64(side/vg.Inch)*1.4)}
	p.X.Tick.Marker, p.Y.Tick.Marker = marker, marker
	if len(all) == 0 {
		p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks{}, plot.ConstantTicks{}
		p.Add(words("no values"))
		return p
	}
	lo, hi := p.X.Min, p.X.Max
	p.Add(&plotter.Line{XYs: plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}}, LineStyle: dashed}, dots{shown, max(1.1, min(2.2, side/vg.Inch*0.7))})
	return p
}

// drawTiles draws panels with the same axes, which it labels once.
func drawTiles(c draw.Canvas, panels [][]*plot.Plot) {
	style := textStyle(10, ink)
	style.XAlign, style.YAlign = draw.XCenter, draw.YBottom
	c.FillText(style, vg.Point{X: c.Center().X + 10, Y: c.Min.Y}, "true")
	style.Rotation, style.YAlign = math.Pi/2, draw.YTop
	c.FillText(style, vg.Point{X: c.Min.X, Y: c.Center().Y + 10}, "predicted")
	tiles := draw.Tiles{Rows: len(panels), Cols: len(panels[0]), PadTop: 16, PadX: 7, PadY: 20}
	canvases := plot.Align(panels, tiles, draw.Crop(c, 20, 0, 20, 0))
	for i, row := range panels {
		for j, p := range row {
			if p != nil {
				p.Draw(canvases[i][j])
			}
		}
	}
}
