// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/etude-ml/etude/scripts/internal/plain"
)

// table prints rows in columns as wide as they need to be.
type table struct{ rows [][]string }

func newTable(columns ...string) *table { return &table{rows: [][]string{columns}} }

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = plain.Text(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

// print writes the cells of all columns but the last as wide as the widest of their
// column, and two spaces between them. It takes a buffer: text/tabwriter hands its
// writer every cell by itself, which for a million rows takes a minute.
func (t *table) print(w io.Writer) {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	out := bufio.NewWriter(w)
	for _, row := range t.rows {
		last := len(row) - 1
		for i, cell := range row[:last] {
			fmt.Fprintf(out, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(out, row[last])
	}
	_ = out.Flush() // the writer keeps its error
}
