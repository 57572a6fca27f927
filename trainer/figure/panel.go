// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package figure gives plots one look: the fonts, colours and axes that the plot of a
// history and the figures of a report share.
package figure

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Colours that people who cannot tell red from green can tell apart (Okabe and Ito).
var (
	Ink       = color.RGBA{0x30, 0x30, 0x30, 0xff} // of text and axes
	Grid      = color.RGBA{0xdc, 0xdc, 0xdc, 0xff}
	Blue      = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	Orange    = color.RGBA{0xe6, 0x9f, 0x00, 0xff}
	Vermilion = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	PaleBlue  = color.RGBA{0x9c, 0xc8, 0xe4, 0xff}
	Green     = color.RGBA{0x00, 0x7a, 0x5a, 0xff}
)

// New returns a plot with a grid and labelled axes. Sizes of text are in points.
func New(x, y string, labelSize, tickSize float64) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size = vg.Points(labelSize), vg.Points(tickSize)
		a.Label.TextStyle.Font.Variant, a.Tick.Label.Font.Variant = "Sans", "Sans"
		a.Label.TextStyle.Color, a.Tick.Label.Color = Ink, Ink
		a.Label.Padding, a.Padding = vg.Points(4), vg.Points(4)
		a.Color, a.Tick.Color = Ink, Ink
		a.Tick.Marker = Ticks{Most: 6}
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = Grid, Grid
	p.Add(grid)
	return p
}
