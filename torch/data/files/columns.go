// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package files reads data sets: tables as CSV, TSV and JSON lines, arrays of NumPy,
// tensors of safetensors and PyTorch, and folders of images by class.
//
//	iris, err := files.ReadCSV("iris.csv", files.Columns{
//		Targets: []string{"species"}, Classes: map[string][]string{"species": nil},
//	})
//	train, val, err := data.SplitStratified(torch.ToSlice[int64](iris.Y), 0.2, 42)
//	… iris.Select(train), iris.Select(val) …
//
// Package data shows how a network is trained with these two sets. [OpenImages] is for
// images that do not fit in memory.
//
// A value that cannot be used is an error that names the file, the line, the column and
// what to do, or it is left out and reported: nothing is guessed.
package files

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
)

// Mean, as a value of [Columns.Fill], stands for the mean of the column's other values.
const Mean = "mean"

// Columns names the columns of a table, the fields of JSON lines or the tensors of a file,
// and says what becomes of them.
//
// The columns of one tensor are joined: n rows of three columns of numbers become [n, 3],
// float32. A column of classes alone becomes [n], int64, as nn.CrossEntropyLoss takes it;
// several become [n, columns]. Numbers and classes do not mix in a tensor.
type Columns struct {
	Inputs  []string            // of X; nil takes every column that nothing else names
	Targets []string            // of Y
	More    map[string][]string // of further tensors, by their names

	Names, Groups string // the columns with the name and group of each sample

	// Classes names the columns that hold classes, as text, and lists the classes, which
	// are numbered in that order. For nil they are those of the file, sorted: by value if
	// all are whole numbers, else by their bytes. The result's Classes, given to another
	// file, number its classes alike.
	Classes map[string][]string

	// Missing lists the texts that mean that there is no value; nil is pandas's list: an
	// empty text, NA, NaN, null and others. A missing value is an error, unless Fill has a
	// value for its column: a number, a class, or Mean. The key "*" stands for the columns
	// that Fill does not name. For means over the training samples only, fill in with
	// their numbers.
	Missing []string
	Fill    map[string]string

	SkipBad  bool // leave out rows that have an error, and report them
	NoHeader bool // CSV: the first line is a row, and the columns are called "0", "1", …
	Comma    rune // CSV: what separates fields; 0 is a tab in files called .tsv, and else a comma

	Device torch.Device // of the tensors
}

// Content is what was read. The set's tensors belong to no scope: [data.Set.Close] frees
// them.
type Content struct {
	*data.Set

	Inputs  []string            // the columns of X, in their order
	Unused  []string            // columns that became part of nothing
	Classes map[string][]string // by column: what the numbers stand for
	Skipped []data.Skip         // rows and files that were left out, and why
	Filled  []Filled            // what was filled in, for each column that lacked values
}

// Filled reports values that were missing in a column.
type Filled struct {
	Column, With string
	Count        int
}

// missing is what pandas.read_csv takes for no value.
var missing = []string{"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
	"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}

// named returns the columns that c names, each once, after checking that there are all; a
// column is a field or a tensor in other files.
func (c *Columns) named(column string, there []string) (list []string, err error) {
	const absent, taken = 0, 2 // and 1 for one that is there
	state := make(map[string]int, len(there))
	for _, name := range there {
		state[name] = 1
	}
	add := func(names ...string) {
		for _, name := range names {
			switch state[name] {
			case absent:
				err = cmp.Or(err, fmt.Errorf("no %s is called %q; there are %q", column, name, there))
			case taken:
				continue
			}
			state[name] = taken
			list = append(list, name)
		}
	}
	add(c.Targets...)
	for _, name := range slices.Sorted(maps.Keys(c.More)) {
		if len(c.More[name]) == 0 {
			err = cmp.Or(err, fmt.Errorf("More[%q] names no %s", name, column))
		}
		add(c.More[name]...)
	}
	for _, name := range []string{c.Names, c.Groups} {
		if name != "" {
			add(name)
		}
	}
	if c.Inputs == nil {
		c.Inputs = slices.DeleteFunc(slices.Clone(there), func(name string) bool { return state[name] == taken })
	}
	add(c.Inputs...)
	for _, name := range slices.Sorted(maps.Keys(c.Classes)) {
		if state[name] != taken {
			err = cmp.Or(err, fmt.Errorf("Classes has the %s %q, which becomes part of nothing; name it in Inputs, Targets or More", column, name))
		}
	}
	if len(c.Inputs) == 0 {
		err = cmp.Or(err, fmt.Errorf("no %s is left for Inputs; there are %q", column, there))
	}
	return list, err
}

// isTensor reports whether a column becomes part of a tensor.
func (c *Columns) isTensor(name string) bool {
	for _, names := range c.More {
		if slices.Contains(names, name) {
			return true
		}
	}
	return slices.Contains(c.Inputs, name) || slices.Contains(c.Targets, name)
}

// set joins the tensors of the columns and copies them to the device.
func (c *Columns) set(column func(name string) *torch.Tensor) (set *data.Set, err error) {
	build := func() {
		scoped := &data.Set{}
		join := func(what string, names []string) (joined *torch.Tensor) {
			if len(names) == 0 || err != nil {
				return nil
			}
			parts := make([]*torch.Tensor, len(names))
			for i, name := range names {
				parts[i] = column(name)
			}
			if len(parts) == 1 {
				return parts[0]
			}
			for i, p := range parts {
				if p.Dim() == 1 {
					parts[i] = p.Unsqueeze(1)
				}
				if p.DType() != parts[0].DType() || p.Dim() > 2 {
					i, q := max(i, 1), parts[max(i, 1)]
					err = fmt.Errorf("%s cannot join %q, %s %v, and %q, %s %v; give one of them a tensor of its own in More",
						what, names[0], parts[0].DType(), parts[0].Shape(), names[i], q.DType(), q.Shape())
					return nil
				}
			}
			return torch.Cat(parts, 1)
		}
		scoped.X, scoped.Y = join("Inputs", c.Inputs), join("Targets", c.Targets)
		for name, names := range c.More {
			if scoped.More == nil {
				scoped.More = map[string]*torch.Tensor{}
			}
			scoped.More[name] = join(fmt.Sprintf("More[%q]", name), names)
		}
		if err == nil {
			torch.NoGrad(func() { set = scoped.To(c.Device) }) // parameters become tensors
		}
	}
	failed := torch.Try(func() { torch.Scope(build) })
	return set, cmp.Or(err, failed)
}
