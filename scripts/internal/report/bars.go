// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bars draws a bar for each output, and below it that of the constant prediction. The
// unit is the label of the axis: "RMSE", "files". Without constant values (nil) there is
// one bar each, which serves for counts too. A value that is not finite counts as
// undefined. Of more than 128 outputs the first 128 are drawn. It is an error if the
// lists do not fit each other.
func Bars(title string, names []string, values, constant []float64, unit string) (*Figure, error) {
	if len(values) != len(names) || constant != nil && len(constant) != len(names) {
		return nil, misfit(title, "%d names for %d values and %d of the constant prediction", len(names), len(values), len(constant))
	}
	f := &Figure{title: title}
	if len(names) == 0 {
		return f.empty("nothing to compare"), nil
	}
	if len(names) > maxRows {
		f.notes = append(f.notes, fmt.Sprintf("The first %d of %d.", maxRows, len(names)))
		names, values = names[:maxRows], values[:maxRows]
		constant = constant[:min(maxRows, len(constant))]
	}
	series, row := []key{{"network", first}}, 0.25*vg.Inch
	if constant != nil {
		series, row = append(series, key{"constant prediction", second}), 0.34*vg.Inch
		f.keys = series
	}

	p := newPanel(unit, "", 10, 8.5)
	all := append(append([]float64{0}, values...), constant...)
	p.X.Min, p.X.Max = span(all...)
	if slices.Min(finite(all)) >= 0 {
		p.X.Min = 0 // bars stand on the axis
	}
	nameRows(p, names)
	p.Add(painter(func(c draw.Canvas, x, y func(float64) vg.Length) {
		each := (y(1) - y(0)) * 0.76 / vg.Length(len(series))
		for i := range names {
			top := y(float64(len(names)-1-i)) + each*vg.Length(len(series))/2
			for j, s := range series {
				v := [][]float64{values, constant}[j][i]
				upper, lower := top-each*vg.Length(j)-0.5, top-each*vg.Length(j+1)+0.5
				if !drawable(v) {
					undefined(c, x(0), (upper+lower)/2, "undefined")
					continue
				}
				rectangle(c, s.color, x(0), lower, x(v), upper)
			}
		}
		c.StrokeLine2(thin, x(0), c.Min.Y, x(0), c.Max.Y)
	}))
	f.rows(p, len(names), row)
	return f, nil
}

// rows makes a panel with n named rows the body of a figure that grows with them.
func (f *Figure) rows(p *plot.Plot, n int, row vg.Length) {
	f.width, f.height = 7.5*vg.Inch, vg.Length(max(n, 2))*row+0.6*vg.Inch
	f.body = p.Draw
}
