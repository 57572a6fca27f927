// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"fmt"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch/data"
)

// Options names what is imported, and where to.
type Options struct {
	From string // the collection: a folder, or a zip archive
	To   string // DATA; made if it is not there
	// Replace takes the collection's label, or file, where DATA holds another of
	// the same name. Without it, that is an error and nothing is written.
	Replace bool
	// Progress, if set, is called for each file once it is in its place, with done
	// counting from 1 to total.
	Progress func(done, total int, name string)
}

// Info describes a collection to people who may import it.
type Info struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Gives    string `json:"gives"`    // what it becomes
	Download string `json:"download"` // what to get and how it is to lie
	Licence  string `json:"licence"`  // as far as it is known
}

// Report holds the outcome of [Import].
type Report struct {
	Collection string      `json:"collection"`
	From       string      `json:"from"`
	To         string      `json:"to"`
	Kinds      []Count     `json:"kinds"`
	LeftOut    []data.Skip `json:"left_out"`
}

// Count counts what became of one kind of data. Imported is the sum of Linked,
// Copied and Unchanged; progressions, which are no files, are only Imported.
type Count struct {
	Kind      string         `json:"kind"` // audio, midi, dynamics, drums, chords
	Folder    string         `json:"folder"`
	Imported  int            `json:"imported"`
	Linked    int            `json:"linked"`
	Copied    int            `json:"copied"`
	Unchanged int            `json:"unchanged"` // there before, with the same content
	LabelFile string         `json:"label_file,omitempty"`
	Labels    dataset.Merged `json:"labels"`
}

// Imported counts the files and progressions of the collection that DATA now holds.
func (r *Report) Imported() int {
	sum := 0
	for _, k := range r.Kinds {
		sum += k.Imported
	}
	return sum
}

// conflicts counts the labels that differ from those in DATA.
type conflicts struct {
	count int
	first string
}

func (c *conflicts) add(name, has, given string) {
	if c.count++; c.count == 1 {
		c.first = fmt.Sprintf("%s has %s there, and %s in the collection", name, has, given)
	}
}

func (c *conflicts) err(file string) error {
	if c.count == 0 {
		return nil
	}
	more := ""
	if c.count > 1 {
		more = fmt.Sprintf("; %d more differ", c.count-1)
	}
	return fmt.Errorf("%s: %s%s: correct the file, or give --replace to take the collection's", file, c.first, more)
}
