// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

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
	names = f.limit(names, maxRows)
	f.notes = append(f.notes, "Box: the middle half, with the median. Whiskers: 5 % to 95 %. Dots: the extremes.")

	p := newPanel("predicted − true", "", 10, 8.5)
	nameRows(p, names)
	const row = 0.27 * vg.Inch
	left, ends, missing := 0, []float64{0}, []int(nil)
	for i := range names {
		values := finite(residuals[i])
		left += len(residuals[i]) - len(values)
		b := newBox(values)
		if b == nil {
			missing = append(missing, i)
			continue
		}
		ends = append(ends, b[0], b[6])
		drawn, err := b.plotter(row*0.64, float64(i))
		if err != nil {
			return nil, misfit(title, "output %q: %w", names[i], err)
		}
		p.Add(drawn)
	}
	f.notes = append(f.notes, leftOut(left)...)
	p.X.Min, p.X.Max = span(ends...)
	p.Add(vertical(p, 0, dashed), absent("no values", missing, 0))
	f.rows(p, len(names), row)
	return f, nil
}

// plotter draws the box at a row of a panel.
func (b box) plotter(width vg.Length, row float64) (plot.Plotter, error) {
	drawn, err := plotter.NewBoxPlot(width, row, plotter.Values(b))
	if err != nil {
		return nil, err
	}
	drawn.AdjLow, drawn.Quartile1, drawn.Median, drawn.Quartile3, drawn.AdjHigh = b[1], b[2], b[3], b[4], b[5]
	drawn.Outside = []int{0, len(b) - 1}
	drawn.Horizontal, drawn.FillColor, drawn.CapWidth = true, boxColor, width/2
	drawn.BoxStyle, drawn.WhiskerStyle, drawn.MedianStyle = thin, thin, thick
	drawn.GlyphStyle = draw.GlyphStyle{Color: first, Radius: vg.Points(1.6), Shape: draw.CircleGlyph{}}
	return drawn, nil
}
