// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// ReadJSONLines reads a file with a JSON object on each line. Its fields are the columns:
// numbers, true and false (1 and 0), lists of numbers, nested too, that have one shape in
// all lines, and for classes, names and groups texts, numbers or booleans. A field that is
// null or not there is missing. A list alone makes a tensor [n, shape…]; numbers and lists
// of one dimension are joined to [n, numbers]. If c.Inputs is nil, X takes the fields of
// the first line that nothing else names. The file may be packed by gzip.
func ReadJSONLines(path string, c Columns) (*Content, error) {
	return open(path, func(f *os.File, _ int64) (*Content, error) { return readJSONLines(f, path, c) })
}

func readJSONLines(file io.Reader, path string, c Columns) (*Content, error) {
	text, err := utf8(file)
	if err != nil {
		return nil, err
	}
	var t *table
	var fields []string
	for line := 1; ; line++ {
		row, end := text.ReadBytes('\n')
		if end != nil && !errors.Is(end, io.EOF) {
			return nil, end
		}
		if len(bytes.TrimSpace(row)) > 0 {
			var values map[string]any
			d := json.NewDecoder(bytes.NewReader(row))
			d.UseNumber() // a class keeps its digits
			err := d.Decode(&values)
			if _, more := d.Token(); err == nil && (values == nil || !errors.Is(more, io.EOF)) {
				err = errors.New("not one object")
			}
			if t == nil {
				if err != nil {
					return nil, fmt.Errorf("line %d: %w; every line must be a JSON object", line, err)
				}
				if t, fields, err = fieldsOf(row, path, c); err != nil {
					return nil, err
				}
			}
			var of *column
			var p *problem
			if err != nil {
				p = &problem{err.Error(), "make it a JSON object on one line"}
			} else {
				for _, of = range t.columns {
					if p = t.addValue(of, values[of.name]); p != nil {
						break
					}
				}
			}
			if err := t.end(line, of, p); err != nil {
				return nil, err
			}
		}
		if end != nil {
			if t == nil {
				return nil, errors.New("it is empty")
			}
			return t.content(fields)
		}
	}
}

// fieldsOf makes the table, with the fields of the first line in their order and those
// that c names.
func fieldsOf(row []byte, path string, c Columns) (t *table, fields []string, err error) {
	d := json.NewDecoder(bytes.NewReader(row))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return nil, nil, err
		}
		if !seen[name.(string)] {
			fields = append(fields, name.(string))
		}
		seen[name.(string)] = true
	}
	if t, err = newTable(path, "field", c, fields); err != nil {
		return nil, nil, err
	}
	for _, c := range t.columns {
		c.width = 0
	}
	return t, fields, nil
}

// addValue takes the value of a field in row t.rows.
func (t *table) addValue(c *column, value any) *problem {
	text, single := "", true
	switch v := value.(type) {
	case nil:
		return t.hole(c)
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	default:
		single = false
	}
	switch {
	case single && t.missing[text]:
		return t.hole(c)
	case c.isText && !single:
		return &problem{"an object or a list is no class", "give the class as a text"}
	case c.isText:
		return c.word(text)
	}
	shape, ok := c.flatten(value)
	switch {
	case !ok:
		return &problem{fmt.Sprintf("%.60q is neither a finite number nor a list of such numbers with one shape", fmt.Sprint(value)), "correct it, or name the field in Classes"}
	case c.width == 0:
		c.setShape(t.rows, shape)
	case !slices.Equal(shape, c.shape):
		return &problem{fmt.Sprintf("the shape is %v, and in the lines before it is %v", shape, c.shape), "pad or cut the lists"}
	}
	return nil
}

// flatten appends a number, or those of a list, and returns the shape.
func (c *column) flatten(value any) (shape []int, ok bool) {
	switch v := value.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(v.String(), 32)
		c.numbers = append(c.numbers, float32(x))
		return nil, err == nil
	case bool:
		x := float32(0)
		if v {
			x = 1
		}
		c.numbers = append(c.numbers, x)
		return nil, true
	case []any:
		for i, element := range v {
			inner, ok := c.flatten(element)
			if inner = append([]int{len(v)}, inner...); !ok || i > 0 && !slices.Equal(inner, shape) {
				return nil, false
			}
			shape = inner
		}
		return shape, len(v) > 0
	}
	return nil, false
}
