// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// mergeCSV adds labels to the text of labels.csv, in whose rows and columns it
// changes nothing else. Without anything to add, the text stays as it is.
func mergeCSV(old []byte, items []*item, replace bool, c *conflicts) ([]byte, Merged, error) {
	sheet, err := readSheet(old)
	if err != nil {
		return nil, Merged{}, err
	}
	var m Merged
	for _, i := range items {
		rows := sheet.byName[i.name]
		if len(rows) == 0 {
			m.Added++
			sheet.append(i)
			continue
		}
		same := true
		for _, n := range rows {
			if has := sheet.label(n); !has.same(*i.label) {
				same = false
				if !replace {
					c.add(i.name, has, i.label)
				}
				sheet.set(n, i)
			}
		}
		if same {
			m.Unchanged++
		} else {
			m.Replaced++
		}
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	return sheet.text(), m, nil
}

// sheet is labels.csv. Its columns are found as the readers find them.
type sheet struct {
	rows   [][]string // the first names the columns
	byName map[string][]int
	// columns
	name, valence, arousal, group, derived int
}

func readSheet(text []byte) (*sheet, error) {
	s := &sheet{byName: map[string][]int{}}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("filename,valence,arousal,group,derived\n")
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord = -1
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: correct the row", err)
		}
		s.rows = append(s.rows, row)
	}
	header := s.rows[0]
	find := func(names ...string) int {
		for _, name := range names {
			if i := slices.IndexFunc(header, func(h string) bool { return plain(h) == name }); i >= 0 {
				return i
			}
		}
		return -1
	}
	s.name, s.valence, s.arousal = find("filename"), find("valence", "valencemean"), find("arousal", "arousalmean")
	if min(s.name, s.valence, s.arousal) < 0 {
		return nil, fmt.Errorf("its first line %q does not name the columns filename, valence and arousal: add them", header)
	}
	for _, column := range []struct {
		name string
		at   *int
	}{{"group", &s.group}, {"derived", &s.derived}} {
		if *column.at = find(column.name); *column.at < 0 {
			*column.at = len(s.rows[0])
			s.rows[0] = append(s.rows[0], column.name)
		}
	}
	for n, row := range s.rows[1:] {
		for len(row) > len(header) && row[len(row)-1] == "" {
			row = row[:len(row)-1] // spreadsheets add empty fields
		}
		if len(row) > len(header) {
			return nil, fmt.Errorf("row %d has %d fields under a first line of %d: put a name that holds a comma in quotes", n+1, len(row), len(header))
		}
		for len(row) < len(s.rows[0]) {
			row = append(row, "")
		}
		s.rows[n+1] = row
		s.byName[row[s.name]] = append(s.byName[row[s.name]], n+1)
	}
	return s, nil
}

// plain is a column's name without what its writers differ in.
func plain(column string) string {
	return strings.NewReplacer(" ", "", "\t", "", "_", "").Replace(strings.ToLower(column))
}

// label is what a row says; other numbers than any label has where it says none.
func (s *sheet) label(n int) label {
	number := func(text string) float64 {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return -2
		}
		return v
	}
	row := s.rows[n]
	return label{Valence: number(row[s.valence]), Arousal: number(row[s.arousal]), Group: strings.TrimSpace(row[s.group])}
}

func (s *sheet) append(i *item) {
	s.rows = append(s.rows, make([]string, len(s.rows[0])))
	s.set(len(s.rows)-1, i)
}

func (s *sheet) set(n int, i *item) {
	row := s.rows[n]
	row[s.name], row[s.group], row[s.derived] = i.name, i.label.Group, i.label.Derived
	row[s.valence] = strconv.FormatFloat(i.label.Valence, 'f', -1, 64)
	row[s.arousal] = strconv.FormatFloat(i.label.Arousal, 'f', -1, 64)
}

func (s *sheet) text() []byte {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	_ = out.WriteAll(s.rows) // into memory
	return b.Bytes()
}
