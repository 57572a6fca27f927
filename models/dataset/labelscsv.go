// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// columns are the places of a label's fields in a row; -1 where there is none.
type columns struct{ name, valence, arousal, group int }

// parseCSV reads labels.csv: a header, then a row per file. Columns may come in
// any order and among others; their names may differ in case and spaces. The
// means of several raters, as published with DEAM, are called valence_mean and
// arousal_mean.
func parseCSV(text []byte) ([]label, error) {
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1 // rows are judged one by one
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: its first line must be filename,valence,arousal or filename,valence,arousal,group")
	}
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	at, err := findColumns(header)
	if err != nil {
		return nil, err
	}
	var labels []label
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return labels, nil
		}
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			labels = append(labels, label{line: bad.StartLine,
				fault: fmt.Sprintf("%v: put a field that holds quotes or commas in quotes, and double the quotes inside", bad.Err)})
			continue
		case err != nil:
			return nil, err
		case strings.Trim(strings.Join(row, ""), " \t") == "":
			continue // spreadsheets leave rows of commas
		}
		line, _ := r.FieldPos(0)
		labels = append(labels, at.label(row, line, len(header)))
	}
}

func (at columns) label(row []string, line, width int) label {
	field := func(i int) string {
		if i < 0 || i >= len(row) {
			return ""
		}
		return row[i]
	}
	l := label{name: field(at.name), line: line, group: strings.TrimSpace(field(at.group))}
	if len(row) > width && strings.Join(row[width:], "") != "" {
		l.fault = fmt.Sprintf("%d fields under a header of %d: put a name that holds a comma in quotes", len(row), width)
		return l
	}
	l.set(field(at.valence), field(at.arousal))
	return l
}

func findColumns(header []string) (columns, error) {
	plain := make([]string, len(header))
	for i, h := range header {
		plain[i] = strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t_", r) {
				return -1
			}
			return r
		}, strings.ToLower(h))
	}
	var failed error
	find := func(names ...string) int {
		for _, name := range names {
			i := slices.Index(plain, name)
			if i >= 0 && slices.Contains(plain[i+1:], name) && failed == nil {
				failed = fmt.Errorf("two columns are called %q: rename one", strings.TrimSpace(header[i]))
			}
			if i >= 0 {
				return i
			}
		}
		return -1
	}
	at := columns{find("filename"), find("valence", "valencemean"), find("arousal", "arousalmean"), find("group")}
	if failed != nil {
		return at, failed
	}
	for _, need := range []struct {
		name string
		at   int
	}{{"filename", at.name}, {"valence", at.valence}, {"arousal", at.arousal}} {
		if need.at < 0 {
			hint := "the first line must name the columns filename, valence and arousal"
			if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
				hint = "the columns must be separated by commas"
			}
			return at, fmt.Errorf("no column %s in the header %q: %s", need.name, header, hint)
		}
	}
	return at, nil
}
