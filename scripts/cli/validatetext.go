// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"fmt"
	"io"
	"strconv"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/plain"
)

// shownProblems limits the printed problems of a kind; --json has all.
const shownProblems = 5

// printReport writes tables of the folders and labels, then the errors, then the
// warnings, and their numbers.
func printReport(w io.Writer, r *dataset.Report) {
	printFolders(w, r)
	printLabels(w, r)
	for _, level := range []dataset.Level{dataset.LevelError, dataset.LevelWarning} {
		for i, line := range problemLines(r, level) {
			if i == 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintln(w, line)
		}
	}
	plain.Fprintf(w, "\n%s, %s\n", count(r.Errors, "error"), count(r.Warnings, "warning"))
}

func printFolders(w io.Writer, r *dataset.Report) {
	t := newTable("network", "usable", "files", "labels", "samples", "groups", "training", "validation", "repeated", "folder")
	for _, s := range r.Sections {
		training, validation, repeated := sides(s)
		t.row(s.Network, s.Usable, s.Files, s.Labels, s.Samples, s.Groups, training, validation, repeated, cmp.Or(s.Folder, "none"))
	}
	t.print(w)
}

// sides returns the numbers of samples on each side of the split, and on both.
func sides(s dataset.Section) (training, validation, repeated string) {
	if s.Split == nil {
		return "-", "-", "-"
	}
	return strconv.Itoa(s.Split.Training.Samples), strconv.Itoa(s.Split.Validation.Samples), strconv.Itoa(s.Split.Repeated)
}

// labelHeader heads a table of labels, and labelCells returns a row of it.
var labelHeader = []string{"labels", "valence", "mean", "deviation", "arousal", "mean", "deviation", "happy", "angry", "sad", "calm", "none"}

func labelCells(s dataset.Section) []string {
	l := s.LabelsSummary
	cells := []string{s.Network}
	for _, d := range []*dataset.Distribution{l.Valence, l.Arousal} {
		cells = append(cells, fmt.Sprintf("%.3g to %.3g", d.Min, d.Max), fmt.Sprintf("%.2f", d.Mean), fmt.Sprintf("%.2f", d.Std))
	}
	for _, n := range []int{l.Quadrants.Q1, l.Quadrants.Q2, l.Quadrants.Q3, l.Quadrants.Q4, l.Unlabelled} {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}

func printLabels(w io.Writer, r *dataset.Report) {
	t := &table{rows: [][]string{labelHeader}}
	for _, s := range r.Sections {
		if s.LabelsSummary != nil && s.LabelsSummary.Count > 0 {
			t.rows = append(t.rows, labelCells(s))
		}
	}
	if len(t.rows) > 1 {
		fmt.Fprintln(w)
		t.print(w)
	}
}

// problemLines returns the problems of a level, those of one kind together.
func problemLines(r *dataset.Report, level dataset.Level) []string {
	var lines []string
	for _, s := range r.Sections {
		for _, g := range groupProblems(s.Problems, level, shownProblems) {
			for _, p := range g.shown {
				at := s.Network
				if p.Name != "" {
					at += ": " + p.Name
				}
				lines = append(lines, plain.Text(fmt.Sprintf("%s: %s: %s", level, at, p.Reason)))
			}
			if g.more > 0 {
				lines = append(lines, fmt.Sprintf("%s: %s: and %d more of this kind, %q (--json lists all)", level, s.Network, g.more, g.kind))
			}
		}
	}
	return lines
}

// problemGroup holds the problems of one level and kind.
type problemGroup struct {
	kind  dataset.Kind
	shown []dataset.Problem
	more  int
}

// groupProblems groups the problems of a level by kind, in the order in which the
// kinds appear.
func groupProblems(problems []dataset.Problem, level dataset.Level, most int) []problemGroup {
	var groups []problemGroup
	at := map[dataset.Kind]int{}
	for _, p := range problems {
		if p.Level != level {
			continue
		}
		i, ok := at[p.Kind]
		if !ok {
			i = len(groups)
			at[p.Kind] = i
			groups = append(groups, problemGroup{kind: p.Kind})
		}
		if len(groups[i].shown) < most {
			groups[i].shown = append(groups[i].shown, p)
		} else {
			groups[i].more++
		}
	}
	return groups
}
