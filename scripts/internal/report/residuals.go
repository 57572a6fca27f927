// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const maxRows = 128 // of a figure with a row for each output

// box summarises one output: the 0th, 5th, 25th, 50th, 75th, 95th and 100th
// percentile. It is empty without values.
type box []float64

func newBox(values []float64) box {
	if len(values) == 0 {
		return nil
	}
	slices.Sort(values)
	var b box
	for _, share := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
		// Linear between the nearest two, as NumPy does it.
		at := share * float64(len(values)-1)
		i := min(int(at), len(values)-1)
		next := values[min(i+1, len(values)-1)]
		b = append(b, values[i]+(next-values[i])*(at-float64(i)))
	}
	return b
}

// Residuals draws what predictions miss by, predicted less true, a box for each output.
// residuals[i] are the samples of the output with names[i]. Of more than 128 outputs the
// first 128 are drawn. It is an error if there are not as many names.
func Residuals(title string, names []string, residuals [][]float64) (*Figure, error) {
	if len(residuals) != len(names) {
		return nil, misfit(title, "%d names for the residuals of %d outputs", len(names), len(residuals))
	}
	f := &Figure{title: title}
	if len(names) == 0 {
		return f.empty("no outputs"), nil
	}
	if len(names) > maxRows {
		f.notes = append(f.notes, fmt.Sprintf("The first %d of %d outputs.", maxRows, len(names)))
		names = names[:maxRows]
	}
	f.notes = append(f.notes, "Box: the middle half, with the median. Whiskers: 5 % to 95 %. Dots: the extremes.")

	boxes, absent, ends := make([]box, len(names)), 0, []float64{0}
	for i := range names {
		values := finite(residuals[i])
		absent += len(residuals[i]) - len(values)
		boxes[i] = newBox(values)
		if boxes[i] != nil {
			ends = append(ends, boxes[i][0], boxes[i][6])
		}
	}
	f.notes = append(f.notes, leftOut(absent)...)

	p := newPanel("predicted − true", "", 10, 8.5)
	p.X.Min, p.X.Max = span(ends...)
	nameRows(p, names)
	p.Add(painter(func(c draw.Canvas, x, y func(float64) vg.Length) {
		c.StrokeLine2(dashed, x(0), c.Min.Y, x(0), c.Max.Y)
		for i, b := range boxes {
			row := y(float64(len(boxes) - 1 - i))
			half := min((y(1)-y(0))*0.32, 9)
			b.draw(c, x, row, half)
		}
	}))
	f.rows(p, len(names), 0.27*vg.Inch)
	return f, nil
}

func (b box) draw(c draw.Canvas, x func(float64) vg.Length, y, half vg.Length) {
	if b == nil {
		undefined(c, x(0), y, "no values")
		return
	}
	c.StrokeLine2(thin, x(b[1]), y, x(b[5]), y)
	for _, end := range []float64{b[1], b[5]} {
		c.StrokeLine2(thin, x(end), y-half/2, x(end), y+half/2)
	}
	rectangle(c, boxColor, x(b[2]), y-half, x(b[4]), y+half)
	c.StrokeLines(thin, []vg.Point{
		{X: x(b[2]), Y: y - half}, {X: x(b[4]), Y: y - half}, {X: x(b[4]), Y: y + half}, {X: x(b[2]), Y: y + half}, {X: x(b[2]), Y: y - half},
	})
	c.StrokeLine2(thick, x(b[3]), y-half, x(b[3]), y+half)
	dot := draw.GlyphStyle{Color: first, Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
	c.DrawGlyph(dot, vg.Point{X: x(b[0]), Y: y})
	c.DrawGlyph(dot, vg.Point{X: x(b[6]), Y: y})
}

// undefined says in a row why there is nothing.
func undefined(c draw.Canvas, x, y vg.Length, why string) {
	style := textStyle(8, muted)
	style.YAlign = draw.YCenter
	c.FillText(style, vg.Point{X: x + 4, Y: y}, why)
}
