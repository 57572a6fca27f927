// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ReadCSV reads a file of comma-separated values (RFC 4180, as encoding/csv reads it), or
// of tab-separated values. Its first line names the columns, unless c.NoHeader is set.
// The text is UTF-8, with or without a byte order mark, and may be packed by gzip. Spaces
// around values do not count. Numbers are rounded to float32.
func ReadCSV(path string, c Columns) (*Content, error) {
	if c.Comma == 0 && filepath.Ext(strings.TrimSuffix(path, ".gz")) == ".tsv" {
		c.Comma = '\t'
	}
	return open(path, func(f *os.File, _ int64) (*Content, error) { return readCSV(f, path, c) })
}

func readCSV(file io.Reader, path string, c Columns) (*Content, error) {
	text, err := utf8(file)
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(text)
	r.ReuseRecord = true
	if c.Comma != 0 {
		r.Comma = c.Comma
	}
	row, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	header, first := slices.Clone(row), c.NoHeader
	seen := make(map[string]int, len(header))
	for i := range header {
		if c.NoHeader {
			header[i] = strconv.Itoa(i)
		}
		if at, again := seen[header[i]]; again {
			return nil, fmt.Errorf("line 1: columns %d and %d are both called %q; rename one", at+1, i+1, header[i])
		}
		seen[header[i]] = i
	}
	t, err := newTable(path, "column", c, header)
	if err != nil {
		return nil, err
	}
	for ; ; first = false {
		if !first {
			row, err = r.Read()
		}
		if errors.Is(err, io.EOF) {
			return t.content(header)
		}
		if err != nil && !errors.Is(err, csv.ErrFieldCount) {
			// Where the next row begins is not known any more.
			return nil, fmt.Errorf("%w; put fields with quotes into quotes, and double those inside", err)
		}
		line, _ := r.FieldPos(0)
		var of *column
		var p *problem
		if err != nil {
			p = &problem{fmt.Sprintf("%d fields, not %d", len(row), len(header)), "put fields with a separator into quotes"}
		} else {
			for _, of = range t.columns {
				if p = t.add(of, row[of.at]); p != nil {
					line, _ = r.FieldPos(of.at)
					break
				}
			}
		}
		if err := t.end(line, of, p); err != nil {
			return nil, err
		}
	}
}

// utf8 unpacks gzip, skips a byte order mark, and refuses that of UTF-16.
func utf8(r io.Reader) (*bufio.Reader, error) {
	const packed = "\x1f\x8b"
	text := bufio.NewReaderSize(r, 1<<16)
	if mark, _ := text.Peek(2); string(mark) == packed {
		unpacked, err := gzip.NewReader(text)
		if err != nil {
			return nil, err
		}
		text = bufio.NewReaderSize(unpacked, 1<<16)
	}
	mark, _ := text.Peek(3) // a short file has none
	switch {
	case bytes.HasPrefix(mark, []byte(packed)):
		return nil, errors.New("it is packed twice; unpack it once")
	case bytes.Equal(mark, []byte("\ufeff")):
		_, err := text.Discard(3)
		return text, err
	case bytes.HasPrefix(mark, []byte{0xff, 0xfe}), bytes.HasPrefix(mark, []byte{0xfe, 0xff}):
		return nil, errors.New("it is UTF-16; save it as UTF-8")
	}
	return text, nil
}
