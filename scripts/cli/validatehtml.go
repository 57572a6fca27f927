// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/plain"
	"github.com/etude-ml/etude/scripts/internal/report"
)

// Limits of a page; --json has all.
const (
	pageProblems   = 100 // of a kind
	pageDuplicates = 200
	pageNames      = 10 // in a cell
)

// validationPage makes a page of a report.
func validationPage(r *dataset.Report) report.Page {
	p := report.Page{Title: "Data in " + r.Root}
	verdict := "It can be trained on."
	if !r.OK {
		verdict = "The errors have to be fixed first."
	}
	p.Blocks = append(p.Blocks, report.Paragraph(fmt.Sprintf("%s, %s. %s", count(r.Errors, "error"), count(r.Warnings, "warning"), verdict)), folderTable(r))
	for _, s := range r.Sections {
		p.Blocks = append(p.Blocks, sectionBlocks(s)...)
	}
	return p
}

func folderTable(r *dataset.Report) report.Table {
	t := report.Table{
		Caption: "Folders",
		Header:  []string{"network", "usable", "files", "labels", "samples", "groups", "training", "validation", "repeated", "errors", "warnings", "folder"},
	}
	for _, s := range r.Sections {
		training, validation, repeated := sides(s)
		level := report.Good
		switch {
		case s.Errors > 0:
			level = report.Error
		case s.Warnings > 0:
			level = report.Warning
		}
		t.Rows = append(t.Rows, row(level, s.Network, s.Usable, s.Files, s.Labels, s.Samples, s.Groups,
			training, validation, repeated, s.Errors, s.Warnings, cmp.Or(s.Folder, "none")))
	}
	return t
}

func row(level report.Level, cells ...any) report.Row {
	r := report.Row{Level: level}
	for _, c := range cells {
		r.Cells = append(r.Cells, fmt.Sprint(c))
	}
	return r
}

// sectionBlocks describes the data of one network.
func sectionBlocks(s dataset.Section) []report.Block {
	blocks := []report.Block{report.Heading(s.Network)}
	if s.Folder == "" {
		return append(blocks, problemTable(s))
	}
	if s.Split != nil {
		blocks = append(blocks, report.Paragraph(fmt.Sprintf(
			"With seed %d and a share of %g, training gets %s of %s and validation %s of %s. Of those of validation, %d have the same numbers as one of training.",
			s.Split.Seed, s.Split.Share, count(s.Split.Training.Samples, "sample"), count(s.Split.Training.Groups, "group"),
			count(s.Split.Validation.Samples, "sample"), count(s.Split.Validation.Groups, "group"), s.Split.Repeated)))
	}
	blocks = append(blocks, problemTable(s))
	blocks = append(blocks, labelBlocks(s)...)
	blocks = append(blocks, clipBlocks(s)...)
	blocks = append(blocks, chordBlocks(s)...)
	blocks = append(blocks, groupBlocks(s)...)
	return append(blocks, foundTables(s)...)
}

func problemTable(s dataset.Section) report.Table {
	t := report.Table{Caption: "Problems", Header: []string{"kind", "where", "what, and how to fix it"}}
	for _, l := range []struct {
		of    dataset.Level
		shown report.Level
	}{{dataset.LevelError, report.Error}, {dataset.LevelWarning, report.Warning}} {
		for _, g := range groupProblems(s.Problems, l.of, pageProblems) {
			for _, p := range g.shown {
				t.Rows = append(t.Rows, row(l.shown, p.Kind, cmp.Or(plain.Text(p.Name), "the whole"), plain.Text(p.Reason)))
			}
			if g.more > 0 {
				t.Rows = append(t.Rows, row(l.shown, g.kind, "…", fmt.Sprintf("and %d more of this kind (--json lists all)", g.more)))
			}
		}
	}
	return t
}

// figure describes what a function of package report draws. The functions fail only
// where lists do not fit each other, which is a mistake in here.
func figure(alt string) func(f *report.Figure, err error) report.Block {
	return func(f *report.Figure, err error) report.Block {
		if err != nil {
			return report.Paragraph(err.Error())
		}
		f.Alt = alt
		return f
	}
}

func labelBlocks(s dataset.Section) []report.Block {
	l := s.LabelsSummary
	if l == nil || l.Count == 0 {
		return nil
	}
	return []report.Block{
		report.Table{Caption: "Labels of what can be used", Header: labelHeader, Rows: []report.Row{{Cells: labelCells(s)}}},
		figure("Each label as a point of valence and arousal")(report.Scatter(s.Network+": labels", "valence", "arousal", l.Valences, l.Arousals)),
		figure("How valence is distributed")(report.Histogram(s.Network+": valence", "valence", l.Valences), nil),
		figure("How arousal is distributed")(report.Histogram(s.Network+": arousal", "arousal", l.Arousals), nil),
	}
}

func clipBlocks(s dataset.Section) []report.Block {
	c := s.Clips
	if c == nil {
		return nil
	}
	return []report.Block{
		report.Table{
			Caption: "Clips", Header: []string{"clips", "shorter than 2 s", "below 22050 Hz", "clipped", "formats", "channels"},
			Rows: []report.Row{row(report.Plain, c.Count, len(c.Short), len(c.LowRate), len(c.Clipped), counts(c.Formats), counts(c.Channels))},
		},
		figure("How long the clips are, of which two seconds are heard")(report.Histogram(s.Network+": what is heard of the clips", "length (s)", c.Lengths), nil),
		figure("The largest sample of each clip")(report.Histogram(s.Network+": peaks", "peak (full scale is 1)", c.Peaks), nil),
		figure("How many clips there are of each sample rate")(bars(s.Network+": sample rates", "clips", slices.Sorted(maps.Keys(c.Rates)), func(rate int) (string, int) {
			return fmt.Sprintf("%d Hz", rate), c.Rates[rate]
		})),
	}
}

// counts returns a text such as "mp3: 3, wav: 10", by key.
func counts[K cmp.Ordered](m map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%v: %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}

// bars draws counts.
func bars[T any](title, unit string, list []T, bar func(T) (string, int)) (*report.Figure, error) {
	var names []string
	var values []float64
	for _, x := range list {
		name, n := bar(x)
		names, values = append(names, name), append(values, float64(n))
	}
	return report.Bars(title, names, values, nil, unit)
}

func chordBlocks(s dataset.Section) []report.Block {
	if s.Chords == nil {
		return nil
	}
	return []report.Block{figure("How often each chord class occurs")(bars(s.Network+": chords, seen from the tonic", "chords", s.Chords.Classes,
		func(c dataset.ClassCount) (string, int) { return c.Name, c.Count }))}
}

func groupBlocks(s dataset.Section) []report.Block {
	g := s.GroupsSummary
	if g == nil {
		return nil
	}
	sizes := make([]float64, len(g.Sizes))
	for i, n := range g.Sizes {
		sizes[i] = float64(n)
	}
	return []report.Block{
		figure("The samples of the largest groups")(bars(fmt.Sprintf("%s: the largest of %s", s.Network, count(g.Count, "group")), "samples", g.Largest,
			func(g dataset.GroupShare) (string, int) { return plain.Text(g.Name), g.Samples })),
		figure("How large the groups are")(report.Histogram(s.Network+": sizes of groups", "samples of a group", sizes), nil),
	}
}

// foundTables list duplicates and files that are not read, where there are any.
func foundTables(s dataset.Section) []report.Block {
	var blocks []report.Block
	if len(s.Duplicates) > 0 {
		t := report.Table{Caption: "The same more than once", Header: []string{"same", "names", "groups", "other labels", "both sides of the split"}}
		if more := len(s.Duplicates) - pageDuplicates; more > 0 {
			t.Caption += fmt.Sprintf(" (the first %d; %d more)", pageDuplicates, more)
		}
		for _, d := range s.Duplicates[:min(pageDuplicates, len(s.Duplicates))] {
			level := report.Plain
			switch {
			case d.Conflict:
				level = report.Error
			case d.Leak:
				level = report.Warning
			}
			t.Rows = append(t.Rows, row(level, d.Same, someNames(d.Names), someNames(d.Groups), yes(d.Conflict), yes(d.Divided)))
		}
		blocks = append(blocks, t)
	}
	if len(s.OtherFiles) > 0 {
		t := report.Table{Caption: "Files that are not read", Header: []string{"extension", "files", "names"}}
		for _, o := range s.OtherFiles {
			t.Rows = append(t.Rows, row(report.Plain, o.Extension, len(o.Names), someNames(o.Names)))
		}
		blocks = append(blocks, t)
	}
	return blocks
}

func someNames(names []string) string {
	var shown []string
	for _, name := range names[:min(pageNames, len(names))] {
		shown = append(shown, plain.Text(name))
	}
	if more := len(names) - pageNames; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, "\n")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
