// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/runs"
)

// printSweep writes a table with a line for each network and combination.
func printSweep(w io.Writer, s *runs.SweepSummary) {
	columns := []string{"network"}
	for _, axis := range s.Grid {
		columns = append(columns, axis.Name)
	}
	t := newTable(append(columns, "n", "epochs", "loss", "constant", "better", "measures")...)
	for _, c := range s.Combinations {
		row := []any{c.Network}
		for _, axis := range s.Grid {
			row = append(row, c.Settings[axis.Name])
		}
		better, n := 0, 0
		for _, r := range c.Runs {
			if r.Done {
				n++
				if r.BeatsConstant {
					better++
				}
			}
		}
		spread := func(name, format string) string {
			m := c.Measures[name]
			switch m.N {
			case 0:
				return "-"
			case 1:
				return printed(format, m.Mean)
			}
			return printed(format, m.Mean) + " ± " + printed(format, m.Std)
		}
		var measures []string
		if spec, err := models.ByName(c.Network); err == nil {
			for _, name := range spec.Headlines {
				measures = append(measures, strings.TrimSuffix(name, " agreement")+" "+spread(name, "%.3f"))
			}
		}
		t.row(append(row, n, spread("epochs", "%.0f"), spread("val_loss", "%.5f"), spread("constant_loss", "%.5f"),
			fmt.Sprintf("%d of %d", better, n), strings.Join(measures, ", "))...)
	}
	t.print(w)
}
