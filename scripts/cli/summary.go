// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/plain"
)

// printSummary writes the table of a run: each measure beside the constant
// prediction's. It fits a terminal of 80 columns.
func printSummary(w io.Writer, s runs.Summary) {
	t := newTable("network", "samples", "epochs", "best", "loss", "constant", "measures (constant)")
	worst := 0.0
	for _, spec := range models.All() {
		e, ok := s[spec.Name]
		if !ok {
			continue
		}
		worst = max(worst, float64(e.ONNX.MaxAbsDiff))
		row := []any{
			spec.Name, e.Samples, e.Epochs, e.BestEpoch + 1,
			fmt.Sprintf("%.5f", float64(e.ValLoss)), fmt.Sprintf("%.5f", float64(e.ConstantLoss)),
		}
		for _, measure := range headlines(spec, e) {
			t.row(append(row, measure)...)
			row = slices.Repeat([]any{""}, len(row))
		}
	}
	t.print(w)
	plain.Fprintf(w, "ONNX Runtime computes the same from the exported files, within %.1e.\n", worst)
}

// headlines returns the measures to look at first, each beside the constant's.
func headlines(spec models.Spec, e *runs.Entry) []string {
	var parts []string
	for _, name := range spec.Headlines {
		h := e.Headlines[name]
		parts = append(parts, fmt.Sprintf("%s %s (%s)", strings.TrimSuffix(name, " agreement"), brief(h.Value), brief(h.Constant)))
	}
	if parts == nil {
		return []string{""}
	}
	return parts
}

// verdict lists the networks that beat the constant prediction, and those that do not.
func verdict(s runs.Summary) (lines []string) {
	var better, worse []string
	for _, spec := range models.All() {
		switch e, ok := s[spec.Name]; {
		case ok && e.BeatsConstant:
			better = append(better, spec.Name)
		case ok:
			worse = append(worse, spec.Name)
		}
	}
	if better != nil {
		lines = append(lines, "Better than always predicting the mean: "+strings.Join(better, ", ")+".")
	}
	if worse != nil {
		lines = append(lines, "Not better than always predicting the mean: "+strings.Join(worse, ", ")+
			".", "More data, more --epochs or another --lr may help; as it is, a network has learned nothing there.")
	}
	return lines
}

// number prints a measure, "-" where it is undefined.
func number(n measure.Number) string { return printed("%.4g", n) }

// brief is number for a line that holds much else.
func brief(n measure.Number) string { return printed("%.2f", n) }

func printed(format string, n measure.Number) string {
	if !n.Defined() {
		return "-"
	}
	return fmt.Sprintf(format, float64(n))
}
