// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/semaphore"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/torch/data"
)

// Files is a folder of files, each of which gives one or several samples.
type Files struct {
	Network    string   // its name, for messages
	Folder     string   // below training/
	Extensions []string // of the files, lower case
	Holds      string   // what the files are, for messages: "MIDI files"
	Labels     string   // name of the label file, .csv or .json; empty where there are no labels
	Recommend  int      // usable files below which Check warns
	Feature    Feature
	// Windows, if set, reads the windows of a file that begin every so many seconds, each as
	// Feature reads a file. Parts have a Start and no name.
	Windows func(ctx context.Context, path string, every float64) (*Features, error)
}

// Present reports whether DATA has the folder.
func (s Files) Present(data string) bool {
	_, found := Folder(data, s.Folder)
	return found
}

// Reads lists the extensions of the files.
func (s Files) Reads() []string { return s.Extensions }

// Features reads one file.
func (s Files) Features(path string) (*Features, error) {
	return s.Feature.guarded(context.Background(), path)
}

// List returns the paths of the files in DATA that Samples would decode, by name.
func (s Files) List(root string) ([]string, error) {
	c, x, err := s.gather(root)
	if err == nil && x.failed != nil {
		err = stopped(x.failed)
	}
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", s.Network, err)
	}
	paths := make([]string, len(c.items))
	for i, it := range c.items {
		paths[i] = filepath.Join(c.dir, filepath.FromSlash(it.name))
	}
	return paths, nil
}

// Kept reads one file as Samples does: from a cache if that has it, or else into it.
func (s Files) Kept(ctx context.Context, kept *cache.Cache, path string) (*Features, error) {
	return s.Feature.through(ctx, kept, keptMemory, path)
}

// keptMemory bounds what all files need that Kept decodes at one time.
var keptMemory = semaphore.NewWeighted(decodeMemory)

// Samples reads DATA, or its folder training. A missing folder or label file, a label
// file that cannot be understood, and a folder with no usable file are errors that
// name the path and what belongs there. A label without a group puts its file in one
// of its own.
func (s Files) Samples(ctx context.Context, root string, o Options) (*data.Samples, error) {
	samples, err := s.samples(ctx, root, o)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", s.Network, err)
	}
	return samples, nil
}

func (s Files) samples(ctx context.Context, root string, o Options) (*data.Samples, error) {
	c, x, err := s.gather(root)
	if err != nil {
		return nil, err
	}
	// On another scale, the few labels that happen to be in range mean something else.
	for _, scale := range findScales(c.labels) {
		if scale.Outside > 0 {
			return nil, fmt.Errorf("%s: %s", c.labelFile, scale.text())
		}
	}
	if x.failed != nil {
		return nil, stopped(x.failed)
	}
	if err := c.decode(ctx, s.Feature, false, o); err != nil {
		return nil, err
	}
	if len(c.items)+len(c.problems) == 0 {
		return nil, fmt.Errorf("%s holds no %s", c.dir, s.Holds)
	}
	return c.samples()
}

// Check reads a data folder, and reports what is wrong with it.
func (s Files) Check(ctx context.Context, root string, o Options) (*Section, error) {
	section := newSection(s.Network, s.Recommend)
	c, x, err := s.gather(root)
	section.Folder, section.LabelFile = c.dir, c.labelFile
	if err != nil {
		return section, err
	}
	section.Files, section.Labels = len(x.names), len(c.labels)
	if err := c.decode(ctx, s.Feature, true, o); err != nil {
		return section, err
	}
	c.list(section, KindMended)
	section.names(x, s.Extensions, s.Holds)
	section.clips(c.items)
	c.judge(section, o.Split)
	return section, nil
}

// find returns the source's folder and label file in DATA. Without a folder both are
// empty.
func (s Files) find(data string) (dir, labels string, err error) {
	if err := isFolder(data); err != nil {
		return "", "", err
	}
	wanted := wantedJSON
	switch {
	case strings.HasSuffix(s.Labels, ".csv"):
		wanted = "the columns filename,valence,arousal and, if you like, group"
	case s.Labels == ChordsFile:
		wanted = wantedChords
	}
	dir, found := Folder(data, s.Folder)
	if !found {
		what := s.Holds
		if s.Labels != "" {
			if what != "" {
				what += " and "
			}
			what += fmt.Sprintf("a file %s (%s)", s.Labels, wanted)
		}
		return "", "", fmt.Errorf("no folder %s: make it and put %s into it", dir, what)
	}
	if s.Labels == "" {
		return dir, "", nil
	}
	labels, found = LabelFile(dir, s.Labels)
	if !found {
		return dir, "", fmt.Errorf("no file %s in %s or in %s: write one with %s", s.Labels, dir, filepath.Dir(dir), wanted)
	}
	return dir, labels, nil
}

// gather lists the files of the source's folder in DATA, and reads the label file, if there
// is one. With an error the collection has no more than their names.
func (s Files) gather(data string) (c *collection, x *index, err error) {
	c = &collection{what: "file"}
	if c.dir, c.labelFile, err = s.find(data); err != nil {
		return c, nil, err
	}
	if x, c.problems, err = listFiles(c.dir, s.Extensions); err != nil {
		return c, nil, err
	}
	if c.labelFile == "" {
		for _, name := range x.names {
			c.items = append(c.items, item{name: name, group: name})
		}
		return c, x, nil
	}
	if c.labels, err = readLabels(c.labelFile); err != nil {
		return c, nil, err
	}
	c.match(x)
	return c, x, nil
}

// match brings labels and files together.
func (c *collection) match(x *index) {
	file := filepath.Base(c.labelFile)
	problem := func(level Level, kind Kind, name, format string, args ...any) {
		c.problems = append(c.problems, Problem{level, kind, name, fmt.Sprintf(format, args...)})
	}
	columns := readColumns(c.labels)
	claimed := map[string][]label{} // the sound labels of each file that has one of any kind
	for _, l := range c.labels {
		name, reason := x.resolve(l.name)
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
		i := item{name: name, group: cmp.Or(first.Group, name), labelled: true, Label: first.Label}
		agree := true
		for _, l := range mine[1:] {
			if !first.Same(l.Label) {
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
	for _, name := range x.names {
		if _, ok := claimed[name]; !ok {
			problem(LevelWarning, KindUnlabelled, name, "no label in %s: add one or remove the file", file)
		}
	}
}
