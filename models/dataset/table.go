// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Table is text in CSV: a header, then rows. The fields are separated by commas,
// or else by the semicolons or tabs that Excel writes.
type Table struct {
	Header []string
	Rows   []Row
	comma  rune
}

// Row is a row below the header.
type Row struct {
	Line   int // in the text, from 1
	Fields []string
	Fault  string // why the row cannot be read; empty if it can
}

// Blank reports whether nothing is in the row: spreadsheets leave such rows.
func (r Row) Blank() bool {
	return r.Fault == "" && strings.Trim(strings.Join(r.Fields, ""), " \t") == ""
}

// ReadTable reads text that [DecodeText] has decoded. Space between a separator
// and a quote does not count. A row that cannot be read has a Fault; the error is
// about the header.
func ReadTable(text []byte) (*Table, error) {
	t := &Table{comma: findComma(text)}
	r := csv.NewReader(bytes.NewReader(trimQuotes(text, t.comma)))
	r.Comma = t.comma
	r.FieldsPerRecord = -1 // rows are judged one by one
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	t.Header = header
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			t.Rows = append(t.Rows, Row{Line: bad.StartLine,
				Fault: fmt.Sprintf("%v: put a field that holds quotes or commas in quotes, and double the quotes inside", bad.Err)})
			continue
		}
		if err != nil {
			return nil, err
		}
		row := Row{Fields: fields}
		row.Line, _ = r.FieldPos(0)
		if len(fields) > len(header) && strings.Join(fields[len(header):], "") != "" {
			row.Fault = fmt.Sprintf("%d fields under a header of %d: put a name that holds a comma in quotes", len(fields), len(header))
		}
		t.Rows = append(t.Rows, row)
	}
}

// Column returns the place of the column that has the first of the names that occurs;
// -1 where none does. Names may differ in case, spaces and underscores. Two
// columns of that name are an error.
func (t *Table) Column(names ...string) (int, error) {
	plain := strings.NewReplacer(" ", "", "\t", "", "_", "")
	for _, name := range names {
		same := func(h string) bool { return plain.Replace(strings.ToLower(h)) == plain.Replace(name) }
		i := slices.IndexFunc(t.Header, same)
		if i < 0 {
			continue
		}
		if slices.ContainsFunc(t.Header[i+1:], same) {
			return i, fmt.Errorf("two columns are called %q: rename one", strings.TrimSpace(t.Header[i]))
		}
		return i, nil
	}
	return -1, nil
}

// Field returns a field of a row; empty where the row, or the table, has no such
// column.
func (r Row) Field(column int) string {
	if column < 0 || column >= len(r.Fields) {
		return ""
	}
	return r.Fields[column]
}

// text writes the table. All rows get as many fields as the header.
func (t *Table) text() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = t.comma
	_ = w.Write(t.Header) // into memory
	for _, row := range t.Rows {
		fields := row.Fields[:min(len(row.Fields), len(t.Header))]
		_ = w.Write(append(slices.Clone(fields), make([]string, len(t.Header)-len(fields))...))
	}
	w.Flush()
	return b.Bytes()
}

// findComma returns what separates the fields of the first line: whichever of the
// three is there most often, and the comma where none is.
func findComma(text []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(text, "\n"), []byte("\n"))
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := bytes.Count(line, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// trimQuotes removes the space between quotes and separators, which encoding/csv
// takes for a part of the field.
func trimQuotes(text []byte, comma rune) []byte {
	beside := func(pair string) bool { return bytes.Contains(text, []byte(pair)) }
	if !slices.ContainsFunc([]string{` "`, `" `, "\t\"", "\"\t"}, beside) {
		return text // which is much quicker
	}
	separator, space := string(comma), " \t"
	if comma == '\t' {
		space = " "
	}
	quoted := `[` + space + `]*("(?:[^"]|"")*")[` + space + `]*([` + separator + `\n]|\z)`
	plain := `([^` + separator + `\n]*(?:[` + separator + `\n]|\z))`
	return regexp.MustCompile(quoted+"|"+plain).ReplaceAll(text, []byte("$1$2$3"))
}
