// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"slices"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
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
	names = f.limit(names, maxRows)
	keys, lists, row := []key{{"network", first}}, [][]float64{values[:len(names)]}, 0.25*vg.Inch
	if constant != nil {
		keys, lists, row = append(keys, key{"constant prediction", second}), append(lists, constant[:len(names)]), 0.34*vg.Inch
		f.keys = keys
	}

	p := newPanel(unit, "", 10, 8.5)
	all := append(slices.Concat(lists...), 0)
	p.X.Min, p.X.Max = span(all...)
	if slices.Min(finite(all)) >= 0 {
		p.X.Min = 0 // bars stand on the axis
	}
	nameRows(p, names)
	each := row * 0.76 / vg.Length(len(lists))
	for i, list := range lists {
		chart := &plotter.BarChart{
			Values: slices.Clone(list), Width: each - 1, Color: keys[i].color, Horizontal: true,
			Offset: each * (vg.Length(len(lists)-1)/2 - vg.Length(i)),
		}
		var missing []int
		for j, v := range list {
			if !drawable(v) {
				chart.Values[j], missing = 0, append(missing, j)
			}
		}
		p.Add(chart, absent("undefined", missing, chart.Offset))
	}
	p.Add(vertical(p, 0, thin))
	f.rows(p, len(names), row)
	return f, nil
}
