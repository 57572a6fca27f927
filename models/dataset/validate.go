// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"
	"slices"
)

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
		return nil, fmt.Errorf("dataset: %w", err)
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
	present := slices.ContainsFunc(r.Sections, func(s Section) bool { return s.Folder != "" })
	for i := range r.Sections {
		s := &r.Sections[i]
		if s.Folder == "" && present {
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
