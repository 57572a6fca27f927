// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package report

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// Page is one file of HTML that needs nothing else: no network, no scripts, no
// files beside it. It follows the reader's choice of light or dark, fits a phone
// and prints. All text is escaped; line breaks in paragraphs and cells stay.
type Page struct {
	Title  string
	Blocks []Block // from top to bottom
}

// Block is a part of a page: [Heading], [Paragraph], [Table] or *[Figure].
type Block interface {
	check() error
}

// Heading starts a section.
type Heading string

// Paragraph is a paragraph of text.
type Paragraph string

// Table is a table. Columns of numbers are set to the right. The first cell of a
// row names the row. Each row must have as many cells as the header; a table
// without a header needs rows of the same length.
type Table struct {
	Caption string // may be empty
	Header  []string
	Rows    []Row
}

// Row is a row of a table.
type Row struct {
	Cells []string
	Level Level
}

// Level is the importance of a row of a table. It shows as a colour and a word.
type Level int

const (
	Plain Level = iota
	Good
	Warning
	Error
)

// String returns the word that a row begins with; none for Plain.
func (l Level) String() string {
	switch l {
	case Good:
		return "good"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return ""
}

// HTML returns the page. It is an error if a table's rows do not fit its header or if
// a figure has no alternative text.
func (p Page) HTML() ([]byte, error) {
	for i, b := range p.Blocks {
		if err := b.check(); err != nil {
			return nil, fmt.Errorf("report: page %q: block %d: %w", plain(p.Title), i+1, err)
		}
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("report: page %q: %w", plain(p.Title), err)
	}
	return b.Bytes(), nil
}

// Write writes the page to a file, which it replaces as a whole.
func (p Page) Write(path string) error {
	content, err := p.HTML()
	if err != nil {
		return err
	}
	return writeFile(path, content)
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"is":      func(b Block, kind string) bool { return fmt.Sprintf("%T", b) == kind },
	"plain":   func(text any) string { return plain(fmt.Sprint(text)) },
	"lines":   func(text any) string { return lines(fmt.Sprint(text)) },
	"numbers": Table.numbers,
	"svg":     (*Figure).html,
}).Parse(pageText))

func (Heading) check() error   { return nil }
func (Paragraph) check() error { return nil }

func (t Table) check() error {
	width := len(t.Header)
	if width == 0 && len(t.Rows) > 0 {
		width = len(t.Rows[0].Cells)
	}
	for i, r := range t.Rows {
		if len(r.Cells) != width {
			return fmt.Errorf("table %q: row %d has %d cells, want %d", t.Caption, i+1, len(r.Cells), width)
		}
	}
	return nil
}

// numbers reports whether a column holds numbers, with or without a unit, and nothing
// else but dashes.
func (t Table) numbers(column int) bool {
	found := false
	for _, r := range t.Rows {
		c := strings.TrimSpace(r.Cells[column])
		if c == "" || c == "-" || c == "–" || c == "—" {
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSuffix(strings.ReplaceAll(c, "−", "-"), "%"), " ")
		_, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
		if err != nil || strings.Contains(unit, " ") { // a text may begin with a number
			return false
		}
		found = true
	}
	return found
}

func (f *Figure) check() error {
	if plain(f.Alt) == "" {
		return errors.New("a figure has no alternative text; say in Alt what it shows")
	}
	return nil
}
