// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// csvLabels holds labels.csv: a header, then a row per file. Columns may come in
// any order and among others; their names may differ in case and spaces. The
// means of several raters, as published with DEAM, are called valence_mean and
// arousal_mean.
type csvLabels struct {
	*Table
	// Columns; -1 where there is none.
	name, valence, arousal, group, derived int
}

// readCSV returns a label for each row; that of a blank row has no line.
func readCSV(text []byte) (form, []label, error) {
	t, err := ReadTable(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the first line must be filename,valence,arousal or filename,valence,arousal,group", err)
	}
	c := &csvLabels{Table: t}
	for _, column := range []struct {
		at       *int
		required bool
		names    []string
	}{
		{&c.name, true, []string{"filename"}},
		{&c.valence, true, []string{"valence", "valencemean"}},
		{&c.arousal, true, []string{"arousal", "arousalmean"}},
		{&c.group, false, []string{"group"}},
		{&c.derived, false, []string{"derived"}},
	} {
		if *column.at, err = t.Column(column.names...); err != nil {
			return nil, nil, err
		}
		if *column.at < 0 && column.required {
			return nil, nil, fmt.Errorf("no column %s in the header %q: the first line does not name the columns filename, valence and arousal: add them",
				column.names[0], t.Header)
		}
	}
	all := make([]label, len(c.Rows))
	for i, row := range c.Rows {
		if !row.Blank() {
			all[i] = c.label(row)
		}
	}
	return c, all, nil
}

func (c *csvLabels) label(row Row) label {
	l := label{name: row.Field(c.name), line: row.Line, fault: row.Fault, unreadable: row.Fault != ""}
	l.Group = plainGroup(strings.TrimSpace(row.Field(c.group)))
	if l.unreadable {
		return l
	}
	valence, arousal := row.Field(c.valence), row.Field(c.arousal)
	if c.comma != ',' { // where commas do not separate fields, they are decimal commas
		valence, arousal = strings.Replace(valence, ",", ".", 1), strings.Replace(arousal, ",", ".", 1)
	}
	l.set(valence, arousal)
	return l
}

func (c *csvLabels) set(n int, name string, l Label) {
	for _, column := range []struct {
		name string
		at   *int
	}{{"group", &c.group}, {"derived", &c.derived}} {
		if *column.at < 0 {
			*column.at = len(c.Header)
			c.Header = append(c.Header, column.name)
		}
	}
	if n == len(c.Rows) {
		c.Rows = append(c.Rows, Row{})
	}
	fields := make([]string, len(c.Header))
	copy(fields, c.Rows[n].Fields)
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	fields[c.name], fields[c.valence], fields[c.arousal] = name, number(l.Valence), number(l.Arousal)
	fields[c.group], fields[c.derived] = quotedGroup(l.Group), l.Derived
	c.Rows[n].Fields = fields
}

// formula lists the characters at the start of a cell that spreadsheets take for a
// formula, and run (CWE-1236).
const formula = "=+-@\t\r"

// quotedGroup puts an apostrophe before a group that a spreadsheet would run,
// as spreadsheets themselves do, and plainGroup takes it away.
func quotedGroup(group string) string {
	if group != "" && (strings.Contains(formula, group[:1]) || plainGroup(group) != group) {
		return "'" + group
	}
	return group
}

func plainGroup(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && rest != "" && strings.Contains(formula+"'", rest[:1]) {
		return rest
	}
	return cell
}
