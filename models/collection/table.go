// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// table is an index in CSV.
type table struct {
	name string
	rows []row
}

// row is a line of it, by the names of the columns.
type row struct {
	table  *table
	line   int
	fields map[string]string
}

// get gives a field without the space around it; empty where it is missing.
func (r row) get(column string) string { return r.fields[column] }

// where is what a row is called in a report.
func (r row) where() string { return fmt.Sprintf("%s line %d", path.Base(r.table.name), r.line) }

// table reads an index, which must have the columns in needs. Their names may
// differ in case and in the space around them: DEAM has ", valence_mean". Rows
// that cannot be read are left out.
func (r *reader) table(name string, needs ...string) (*table, error) {
	text, err := r.files.text(name)
	if err != nil {
		return nil, err
	}
	in := csv.NewReader(strings.NewReader(string(text)))
	in.FieldsPerRecord = -1
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: its first line does not name columns: %w", name, err)
	}
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(header[i]))
	}
	for _, column := range needs {
		if !slices.Contains(header, column) {
			return nil, fmt.Errorf("%s: no column %q in its first line %q: take the publisher's file as it is", name, column, header)
		}
	}
	t := &table{name: name}
	for {
		record, err := in.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case errors.As(err, &bad):
			r.leave(row{table: t, line: bad.StartLine}.where(), "the row cannot be read: %v", bad.Err)
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(t.rows) == maxFiles {
			return nil, fmt.Errorf("%s: more than %d rows: no published collection has so many; take the publisher's file as it is", name, maxFiles)
		}
		line, _ := in.FieldPos(0)
		x := row{t, line, map[string]string{}}
		for i, field := range record {
			if i < len(header) {
				x.fields[header[i]] = strings.TrimSpace(field)
			}
		}
		t.rows = append(t.rows, x)
	}
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
