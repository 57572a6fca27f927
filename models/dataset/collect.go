// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// collection holds what was read from a folder.
type collection struct {
	source         Files
	dir, labelFile string
	index          *index
	labels         []label
	items          []item
	problems       []Problem // by name
	checking       bool      // items keep what is found of their samples instead of these
}

// item is a usable file.
type item struct {
	name             string // its path from the folder, with slashes
	group            string
	valence, arousal float64
	parts            []Part
	notes            []string
	found            finding
	clip             *Clip
}

// collect reads a source's folder: labels, files, then the decoding of each
// labelled file.
func collect(ctx context.Context, s Files, root string, o Options) (*collection, error) {
	c, err := gather(s, root)
	if err != nil {
		return nil, err
	}
	// On another scale, the few labels that happen to be in range mean something else.
	for _, scale := range findScales(c.labels) {
		if scale.Outside > 0 {
			return nil, fmt.Errorf("dataset: %s: %s: %s", s.Network, c.labelFile, scale.text())
		}
	}
	if err := c.decode(ctx, o); err != nil {
		return nil, err
	}
	return c, nil
}

// gather does what collect does, without the decoding.
func gather(s Files, root string) (*collection, error) {
	dir, labelFile, err := s.find(root)
	if err != nil {
		return nil, err
	}
	idx, problems, err := s.list(dir)
	if err != nil {
		return nil, err
	}
	c := &collection{source: s, dir: dir, labelFile: labelFile, index: idx, problems: problems}
	if labelFile == "" {
		for _, name := range idx.names {
			c.items = append(c.items, item{name: name, group: name})
		}
		return c, nil
	}
	if c.labels, err = s.readLabels(labelFile); err != nil {
		return nil, err
	}
	c.match()
	return c, nil
}

// match brings labels and files together.
func (c *collection) match() {
	idx, file := c.index, filepath.Base(c.labelFile)
	problem := func(level Level, kind Kind, name, format string, args ...any) {
		c.problems = append(c.problems, Problem{level, kind, name, fmt.Sprintf(format, args...)})
	}
	columns := readColumns(c.labels)
	claimed := map[string][]label{} // the sound labels of each file that has one of any kind
	for _, l := range c.labels {
		name, reason := idx.resolve(l.name)
		switch {
		case l.fault != "" && l.name == "": // a row that could not be read
			problem(LevelError, KindLabel, file, "%s", l.fault)
		case reason != "":
			problem(LevelError, KindOrphan, cmp.Or(l.name, file), "%s line %d: %s", file, l.line, reason)
		case l.fault != "":
			problem(LevelError, l.faultKind(columns), name, "%s", l.fault)
			if _, ok := claimed[name]; !ok {
				claimed[name] = nil // it has a label, if a bad one
			}
		default:
			claimed[name] = append(claimed[name], l)
		}
	}
	for name, mine := range claimed {
		if len(mine) == 0 {
			continue
		}
		first := mine[0]
		i := item{name: name, group: cmp.Or(first.group, name), valence: first.valence, arousal: first.arousal}
		agree := true
		for _, l := range mine[1:] {
			if !first.same(l) {
				problem(LevelError, KindConflict, name, "%s lines %d and %d disagree: keep one", file, first.line, l.line)
				agree = false
				break
			}
			i.notes = append(i.notes, fmt.Sprintf("%s line %d repeats line %d", file, l.line, first.line))
		}
		if agree {
			c.items = append(c.items, i)
		}
	}
	slices.SortFunc(c.items, func(a, b item) int { return cmp.Compare(a.name, b.name) })
	for _, name := range idx.names {
		if _, ok := claimed[name]; !ok {
			problem(LevelWarning, KindUnlabelled, name, "no label in %s: add one or remove the file", file)
		}
	}
}
