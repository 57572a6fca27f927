// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

// table collects the rows of a file, column by column.
type table struct {
	path    string
	kind    string // "column" or "field"
	c       Columns
	columns []*column // of tensors, names and groups
	missing map[string]bool
	longest int // bytes of a text in missing; most numbers are longer
	rows    int
	skipped []data.Skip
}

// column collects the values of a column: numbers, or the numbers of classes.
type column struct {
	name string
	at   int // its place in a row

	shape   []int // of the numbers of a row; nil for one number
	width   int   // how many numbers that are; 0 in JSON before the first value
	numbers []float32

	isText bool
	codes  []int64 // of the texts, numbered as they come
	words  []string
	number map[string]int64
	fixed  bool // other words are errors

	fill  string
	fills bool
	value float32 // fill as a number
	holes []int   // rows without a value
}

// problem is why a value cannot be used, and the cure.
type problem struct{ reason, cure string }

func newTable(path, kind string, c Columns, there []string) (*table, error) {
	names, err := c.named(kind, there)
	if err != nil {
		return nil, err
	}
	t := &table{path: path, kind: kind, c: c, missing: map[string]bool{}}
	if c.Missing == nil {
		c.Missing = missing
	}
	for _, text := range c.Missing {
		t.missing[text] = true
		t.longest = max(t.longest, len(text))
	}
	place := make(map[string]int, len(there))
	for at, name := range there {
		place[name] = at
	}
	for _, name := range names {
		col := &column{name: name, at: place[name], width: 1, number: map[string]int64{}}
		words, isClass := c.Classes[name]
		isName := name == c.Names || name == c.Groups
		if isName && !isClass && c.isTensor(name) {
			return nil, fmt.Errorf("the %s %q has names or groups; for a tensor of it too, name it in Classes", kind, name)
		}
		col.isText = isClass || isName
		if col.fixed = words != nil; col.fixed {
			for _, word := range words {
				col.code(word)
			}
		}
		if col.fill, col.fills = c.Fill[name]; !col.fills {
			col.fill, col.fills = c.Fill["*"]
		}
		if col.fills && col.fill != Mean && !col.isText {
			x, err := strconv.ParseFloat(col.fill, 32)
			if err != nil {
				return nil, fmt.Errorf("Fill has %q for the %s %q; it must be a number, or files.Mean", col.fill, kind, name)
			}
			col.value = float32(x)
		}
		t.columns = append(t.columns, col)
	}
	for name := range c.Fill {
		if name != "*" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("Fill has the %s %q, which becomes part of nothing; there are %q", kind, name, there)
		}
	}
	return t, nil
}

// code returns the number of a word, a new one for a new word.
func (c *column) code(word string) int64 {
	n, known := c.number[word]
	if !known {
		word = strings.Clone(word) // it may be part of a whole line
		n = int64(len(c.words))
		c.words = append(c.words, word)
		c.number[word] = n
	}
	return n
}

// add takes the text of row t.rows.
func (t *table) add(c *column, text string) *problem {
	text = strings.TrimSpace(text)
	switch {
	case len(text) <= t.longest && t.missing[text]:
		return t.hole(c)
	case c.isText:
		return c.word(text)
	}
	x, err := strconv.ParseFloat(text, 32)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return &problem{fmt.Sprintf("%.60q is too large for float32", text), "scale the column"}
	case err != nil:
		return &problem{fmt.Sprintf("%.60q is not a number", text), "correct it, name the column in Classes, or add the text to Missing"}
	case math.IsInf(x, 0) || math.IsNaN(x):
		return &problem{fmt.Sprintf("%.60q is not finite", text), "correct it, or add the text to Missing"}
	}
	c.numbers = append(c.numbers, float32(x))
	return nil
}

// word takes a class, a name or a group.
func (c *column) word(text string) *problem {
	if _, known := c.number[text]; c.fixed && !known {
		return &problem{fmt.Sprintf("%.60q is not among the classes %q", text, c.words), "correct it, or add the class to Classes"}
	}
	c.codes = append(c.codes, c.code(text))
	return nil
}

// hole takes a row without a value.
func (t *table) hole(c *column) *problem {
	switch {
	case !c.fills:
		return &problem{"the value is missing", "give the column a value in Fill"}
	case c.isText && c.fill == Mean:
		return &problem{"the value is missing, and classes have no mean", "give the column a class in Fill"}
	}
	c.holes = append(c.holes, t.rows)
	if c.isText {
		return c.word(c.fill)
	}
	for range c.width {
		c.numbers = append(c.numbers, c.value)
	}
	return nil
}

// end ends row t.rows, which began in a line; p is its first problem, or nil.
func (t *table) end(line int, c *column, p *problem) error {
	if p == nil {
		t.rows++
		return nil
	}
	where := ""
	if c != nil {
		where = fmt.Sprintf("%s %q: ", t.kind, c.name)
	}
	if !t.c.SkipBad {
		return fmt.Errorf("line %d: %s%s; %s, or set SkipBad", line, where, p.reason, p.cure)
	}
	t.skipped = append(t.skipped, data.Skip{Name: fmt.Sprintf("%s: line %d", t.path, line), Reason: where + p.reason})
	for _, c := range t.columns { // forget what the row left
		c.numbers = c.numbers[:min(len(c.numbers), t.rows*c.width)]
		c.codes = c.codes[:min(len(c.codes), t.rows)]
		if n := len(c.holes); n > 0 && c.holes[n-1] == t.rows {
			c.holes = c.holes[:n-1]
		}
		if t.kind == "field" && len(c.holes) == t.rows { // the shape was this row's
			c.shape, c.width, c.numbers = nil, 0, nil
		}
	}
	return nil
}

// content makes the set.
func (t *table) content(there []string) (*Content, error) {
	if t.rows == 0 {
		reason := "it has no rows"
		if len(t.skipped) > 0 {
			reason = fmt.Sprintf("all of its %d rows were left out; the first, %s: %s", len(t.skipped), t.skipped[0].Name, t.skipped[0].Reason)
		}
		return nil, errors.New(reason)
	}
	out := &Content{Inputs: t.c.Inputs, Classes: map[string][]string{}, Skipped: t.skipped}
	byName := map[string]*column{}
	for _, c := range t.columns {
		byName[c.name] = c
		if len(c.holes) > 0 {
			if err := c.fillIn(t.rows); err != nil {
				return nil, err
			}
			out.Filled = append(out.Filled, Filled{c.name, c.fill, len(c.holes)})
		}
		if _, isClass := t.c.Classes[c.name]; isClass {
			c.sort()
			out.Classes[c.name] = c.words
		}
	}
	for _, name := range there {
		if byName[name] == nil {
			out.Unused = append(out.Unused, name)
		}
	}
	set, err := t.c.set(func(name string) *torch.Tensor {
		c := byName[name]
		if c.isText {
			return torch.FromSlice(c.codes)
		}
		shape := c.shape
		if shape == nil {
			shape = []int{1}
		}
		return torch.FromSlice(c.numbers, append([]int{t.rows}, shape...)...)
	})
	if err != nil {
		return nil, err
	}
	texts := func(name string) (list []string) {
		if c := byName[name]; name != "" {
			for _, code := range c.codes {
				list = append(list, c.words[code])
			}
		}
		return list
	}
	out.Set = set
	set.Names, set.Groups = texts(t.c.Names), texts(t.c.Groups)
	return out, nil
}

// setShape is called with the first value, after rows without one.
func (c *column) setShape(rows int, shape []int) {
	c.shape, c.width = shape, 1
	for _, n := range shape {
		c.width *= n
	}
	c.numbers = append(slices.Repeat([]float32{c.value}, rows*c.width), c.numbers...)
}

// fillIn replaces the holes by the means of the other rows' values.
func (c *column) fillIn(rows int) error {
	switch {
	case c.isText:
		return nil
	case c.fill != Mean:
		if c.width == 0 { // no line had a value
			c.setShape(rows, nil)
		}
		return nil
	}
	if len(c.holes) == rows {
		return fmt.Errorf("%q: no row has a value, so there is no mean; leave it out, or fill it with a number", c.name)
	}
	sums := make([]float64, c.width)
	for i, x := range c.numbers {
		sums[i%c.width] += float64(x) // holes hold zeros
	}
	means := make([]string, c.width)
	for j := range sums {
		mean := float32(sums[j] / float64(rows-len(c.holes)))
		for _, row := range c.holes {
			c.numbers[row*c.width+j] = mean
		}
		means[j] = strconv.FormatFloat(float64(mean), 'g', -1, 32)
	}
	c.fill = strings.Join(means, " ")
	return nil
}

// sort numbers the words of the rows in their order, unless that was given.
func (c *column) sort() {
	if c.fixed {
		return
	}
	used := make([]bool, len(c.words)) // a row that was left out may have had another one
	for _, code := range c.codes {
		used[code] = true
	}
	place := make([]int64, len(c.words)) // by the number so far
	c.words = slices.DeleteFunc(c.words, func(word string) bool { return !used[c.number[word]] })
	whole := make(map[string]int, len(c.words))
	for _, word := range c.words {
		if n, err := strconv.Atoi(word); err == nil {
			whole[word] = n
		}
	}
	slices.SortFunc(c.words, func(a, b string) int {
		if len(whole) == len(c.words) && whole[a] != whole[b] {
			return cmp.Compare(whole[a], whole[b])
		}
		return strings.Compare(a, b)
	})
	for i, word := range c.words {
		place[c.number[word]] = int64(i)
	}
	for i, code := range c.codes {
		c.codes[i] = place[code]
	}
}
