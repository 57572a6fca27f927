// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"path/filepath"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/report"
)

// plotMost is how many classes of an answer a picture shows, the likeliest ones.
const plotMost = 16

// plotAnswers draws answers: bars, of several networks for the first answer of each, or for
// windows of a sound a curve of what the first network answers.
func plotAnswers(path string, list []runs.Prediction, windows bool, classes func(network string) bool) error {
	var names []string
	var fig *report.Figure
	var err error
	if first := list[0]; windows {
		var at []float64
		values := make([][]float64, len(first.Values))
		for _, p := range list {
			if p.Network == first.Network {
				at = append(at, p.Start)
				for i, v := range p.Values {
					values[i] = append(values[i], v.Value)
				}
			}
		}
		for _, v := range first.Values {
			names = append(names, v.Name)
		}
		fig, err = report.Curve(first.Network+" of "+first.File, names, at, values, "seconds")
	} else {
		var values []float64
		several := list[len(list)-1].Network != first.Network
		for i, p := range list {
			if several && i > 0 && list[i-1].Network == p.Network {
				continue
			}
			drawn := p.Values
			if classes(p.Network) {
				drawn = p.Top(plotMost)
			}
			for _, v := range drawn {
				name := v.Name
				if several {
					name = p.Network + " " + name
				} else if len(list) > 1 {
					name += " of " + cmp.Or(p.Part, filepath.Base(p.File))
				}
				names, values = append(names, name), append(values, v.Value)
			}
		}
		title := "Answers to " + first.File
		if list[len(list)-1].File != first.File {
			title = "Answers"
		}
		fig, err = report.Bars(title, names, values, nil, "value")
	}
	if err != nil {
		return err
	}
	return fig.WriteFile(path)
}
