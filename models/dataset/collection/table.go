// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// table is an index in CSV.
type table struct {
	name    string
	read    *dataset.Table
	columns map[string]int // those that were asked for
	rows    []row
}

// row is a line of it.
type row struct {
	table *table
	dataset.Row
}

// get returns a field without the space around it; empty where it is missing.
func (r row) get(column string) string {
	i, ok := r.table.columns[column]
	if !ok {
		i, _ = r.table.read.Column(column) // the first, of columns that are not needed
		r.table.columns[column] = i
	}
	return strings.TrimSpace(r.Field(i))
}

// path returns a field that is a path, with slashes.
func (r row) path(column string) string {
	return path.Clean(strings.ReplaceAll(r.get(column), `\`, "/"))
}

// where names a row in a report.
func (r row) where() string { return fmt.Sprintf("%s line %d", path.Base(r.table.name), r.Line) }

// table reads an index, which must have the columns in needs, as labels.csv is
// read. Rows that cannot be read are left out.
func (r *reader) table(name string, needs ...string) (*table, error) {
	text, err := r.files.text(name)
	if err != nil {
		return nil, err
	}
	read, err := dataset.ReadTable(text)
	if err != nil {
		return nil, fmt.Errorf("%s: its first line does not name columns: %w", name, err)
	}
	if len(read.Rows) > maxFiles {
		return nil, fmt.Errorf("%s: more than %d rows: no published collection has so many; take the publisher's file as it is", name, maxFiles)
	}
	t := &table{name: name, read: read, columns: map[string]int{}}
	for _, column := range needs {
		if t.columns[column], err = read.Column(column); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if t.columns[column] < 0 {
			return nil, fmt.Errorf("%s: no column %q in its first line %q: take the publisher's file as it is", name, column, read.Header)
		}
	}
	for _, x := range read.Rows {
		switch {
		case x.Fault != "":
			r.leave(row{t, x}.where(), "the row cannot be read: %s", x.Fault)
		case !x.Blank():
			t.rows = append(t.rows, row{t, x})
		}
	}
	return t, nil
}

// index finds an index, as find does, and reads the first one that is found.
func (r *reader) index(fix string, patterns []string, needs ...string) (*table, error) {
	found, err := r.find(fix, patterns...)
	if err != nil {
		return nil, err
	}
	return r.table(found[0], needs...)
}

// rating reads valence and arousal of a row, both published as low to high, or reports
// why it cannot.
func (r *reader) rating(row row, valence, arousal string, low, high float64) (v, a float64, ok bool) {
	v, fault := number(valence, row.get(valence), low, high)
	a, fault2 := number(arousal, row.get(arousal), low, high)
	if fault = cmp.Or(fault, fault2); fault != "" {
		r.leave(row.where(), "%s", fault)
	}
	return v, a, fault == ""
}

// number reads a field whose values are published as low to high.
func number(field, text string, low, high float64) (v float64, fault string) {
	if text == "" {
		return 0, field + " is missing"
	}
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(v):
		return 0, fmt.Sprintf("%s is %q, no number", field, text)
	case v < low || v > high:
		return 0, fmt.Sprintf("%s is %s, outside the published range %g to %g", field, text, low, high)
	}
	return v, ""
}

// rescale takes low to high to the range from to to, linearly. Six decimals are
// more than any rater gives.
func rescale(v, low, high, from, to float64) float64 {
	return round(from+(to-from)*(v-low)/(high-low), 6)
}

func round(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale)/scale + 0 // no negative zero
}

// quadrant returns the centre of a quadrant of the plane of valence and arousal. A
// label that names a quadrant does not tell the place in it; the centre is our choice.
func quadrant(positive, high bool) (valence, arousal float64) {
	valence, arousal = -0.5, 0.25
	if positive {
		valence = 0.5
	}
	if high {
		arousal = 0.75
	}
	return valence, arousal
}
