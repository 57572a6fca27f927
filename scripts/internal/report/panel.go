// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/etude-ml/etude/trainer/figure"
)

// newPanel returns a plot without a background. Sizes are in points.
func newPanel(x, y string, labelSize, tickSize float64) *plot.Plot {
	p := figure.New(plain(x), plain(y), labelSize, tickSize)
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Tick.Length, a.Tick.Marker = vg.Points(4), figure.Ticks{Most: 8}
	}
	return p
}

// nameRows makes the vertical axis one of names, row i at i, the first at the top.
func nameRows(p *plot.Plot, names []string) {
	labels := make(plot.ConstantTicks, len(names))
	for i, name := range names {
		labels[i] = plot.Tick{Value: float64(i), Label: elide(name, p.Y.Tick.Label, 2.2*vg.Inch)}
	}
	p.Y.Tick.Marker, p.Y.Tick.Length, p.Y.LineStyle.Width = labels, 0, 0
	p.Y.Scale = plot.InvertedScale{Normalizer: plot.LinearScale{}}
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
}

// absent writes into rows why they are empty, that far above their middle.
func absent(why string, rows []int, above vg.Length) plot.Plotter {
	style := textStyle(8, muted)
	style.YAlign = draw.YCenter
	labels := &plotter.Labels{Offset: vg.Point{X: 4, Y: above}}
	for _, row := range rows {
		labels.XYs = append(labels.XYs, plotter.XY{Y: float64(row)})
		labels.Labels, labels.TextStyle = append(labels.Labels, why), append(labels.TextStyle, style)
	}
	return labels
}

// vertical is a line across all rows.
func vertical(p *plot.Plot, x float64, style draw.LineStyle) plot.Plotter {
	return &plotter.Line{XYs: plotter.XYs{{X: x, Y: p.Y.Min}, {X: x, Y: p.Y.Max}}, LineStyle: style}
}

// dots draws points as discs that shine through, so that crowds are darker. They
// lie on four layers, each a single path: an SVG with a path for each would be
// three times the size.
type dots struct {
	points plotter.XYs
	radius vg.Length
}

// Plot draws the points.
func (d dots) Plot(c draw.Canvas, p *plot.Plot) {
	const layers = 4
	x, y := p.Transforms(&c)
	c.SetColor(color.NRGBA{first.R, first.G, first.B, 0x99})
	for layer := range layers {
		var path vg.Path
		for i := layer; i < len(d.points); i += layers {
			center := vg.Point{X: x(d.points[i].X), Y: y(d.points[i].Y)}
			path.Move(vg.Point{X: center.X + d.radius, Y: center.Y})
			path.Arc(center, d.radius, 0, 2*math.Pi)
			path.Close()
		}
		if path != nil {
			c.Fill(path)
		}
	}
}

// painter draws something of its own onto a panel, with the functions that turn
// the panel's values into places.
type painter func(c draw.Canvas, x, y func(float64) vg.Length)

// Plot draws it.
func (f painter) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	f(c, x, y)
}

// words puts a text into the middle of a panel without values.
func words(s string) painter {
	return func(c draw.Canvas, _, _ func(float64) vg.Length) {
		style := textStyle(9, muted)
		style.XAlign, style.YAlign = draw.XCenter, draw.YCenter
		c.FillText(style, c.Center(), s)
	}
}

var (
	thin   = draw.LineStyle{Color: ink, Width: vg.Points(0.8)}
	thick  = draw.LineStyle{Color: ink, Width: vg.Points(1.6)}
	dashed = draw.LineStyle{Color: muted, Width: vg.Points(0.8), Dashes: []vg.Length{vg.Points(4), vg.Points(3)}}
)
