// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"
)

// Report holds the outcome of [Validate].
type Report struct {
	Root     string    `json:"root"`
	OK       bool      `json:"ok"` // no errors
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Sections []Section `json:"sections"` // by source
}

// Validate checks a data folder as training will find it: which folders and
// label files are there, whether each file can be read and has a label and each
// label a file, columns, ranges and scales of the labels and how they are spread,
// whether there is enough, what is there twice and would be on both sides of the
// split, names that other systems would not keep, files that are not read. Every
// file is decoded once, or taken from o.Cache; only names and hashes stay in memory,
// not features. A source without a folder is a warning as long as another has one.
// Validate returns an error if root is not a folder, and when ctx ends.
func Validate(ctx context.Context, root string, sources []Source, o Options) (*Report, error) {
	if err := isFolder(root); err != nil {
		return nil, err
	}
	r := &Report{Root: root}
	for _, source := range sources {
		section, err := source.Check(ctx, root, o)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dataset: %w", ctx.Err())
		}
		if err != nil {
			// Without any folder, this is what is wrong.
			section.add(LevelError, KindFolder, "%v", err)
		}
		r.Sections = append(r.Sections, *section)
	}
	r.finish()
	return r, nil
}

// finish weighs missing folders against the others, and counts.
func (r *Report) finish() {
	present := 0
	for _, s := range r.Sections {
		if s.Folder != "" {
			present++
		}
	}
	for i := range r.Sections {
		s := &r.Sections[i]
		if s.Folder == "" && present > 0 {
			for j := range s.Problems {
				s.Problems[j].Level = LevelWarning
			}
		}
		s.finish()
		r.Errors += s.Errors
		r.Warnings += s.Warnings
	}
	r.OK = r.Errors == 0
}

// Check reads a data folder, and reports what is wrong with it.
func (s Files) Check(ctx context.Context, root string, o Options) (*Section, error) {
	section := newSection(s.Network, s.Recommend)
	dir, labels, err := s.find(root)
	section.Folder, section.LabelFile = dir, labels
	if err != nil {
		return section, err
	}
	c, err := gather(s, root)
	if err != nil {
		return section, err
	}
	section.Files, section.Labels = len(c.index.names), len(c.labels)
	c.checking = true
	if err := c.decode(ctx, o); err != nil {
		return section, err
	}
	entries := make([]entry, len(c.items))
	for i, it := range c.items {
		entries[i] = entry{name: it.name, group: it.group, labelled: labels != "", valence: it.valence, arousal: it.arousal, found: it.found}
		section.Samples += len(it.found.samples)
		for _, n := range it.notes {
			section.problem(LevelWarning, KindMended, it.name, "%s", n)
		}
	}
	for _, p := range c.problems {
		if p.Kind != KindScale { // reported once, for the column
			section.Problems = append(section.Problems, p)
		}
	}
	section.names(c.index, s)
	section.clips(c.items)
	section.judge(entries, "file", o.Split)
	if labels != "" {
		section.labels(entries, c.labels)
	}
	return section, nil
}
