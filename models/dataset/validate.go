// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"
	"os"
)

// Level says how bad a problem is.
type Level string

// An error costs a labelled sample or keeps a network from training; a warning
// does neither.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
)

// Problem is something wrong with a file, a label, or a whole folder (without a
// name then), and what mends it.
type Problem struct {
	Level  Level  `json:"level"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason"`
}

// Section is what [Validate] found for one network.
type Section struct {
	Network     string    `json:"network"`
	Folder      string    `json:"folder,omitempty"` // empty where it is missing
	LabelFile   string    `json:"label_file,omitempty"`
	Files       int       `json:"files"`   // of the network's kinds
	Labels      int       `json:"labels"`  // entries of the label file
	Usable      int       `json:"usable"`  // files, or progressions, that training would take
	Samples     int       `json:"samples"` // that they give
	Groups      int       `json:"groups"`  // different groups among those
	Recommended int       `json:"recommended"`
	Problems    []Problem `json:"problems"`
}

// Report is the outcome of [Validate].
type Report struct {
	Root     string    `json:"root"`
	OK       bool      `json:"ok"` // no errors
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Sections []Section `json:"sections"` // by source
}

// Validate checks a data folder as training will find it: which folders and
// label files are there, whether each file can be read and has a label and each
// label a file, columns and ranges of the labels, whether there is enough. Every
// file is decoded. A source without a folder is a warning as long as another
// has one. The error is for a root that is no folder and for ctx.
func Validate(ctx context.Context, root string, sources []Source, o Options) (*Report, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("dataset: %s is a file: name the folder that holds training/", root)
	}
	r := &Report{Root: root}
	for _, source := range sources {
		section, err := source.Check(ctx, root, o)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dataset: %w", ctx.Err())
		}
		if err != nil {
			// Without any folder, this is what is wrong.
			section.add(LevelError, "%v", err)
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
		for _, p := range s.Problems {
			if p.Level == LevelError {
				r.Errors++
			} else {
				r.Warnings++
			}
		}
	}
	r.OK = r.Errors == 0
}

func newSection(network string, recommended int) *Section {
	return &Section{Network: network, Recommended: recommended, Problems: []Problem{}}
}

// Check reads a data folder, and says what is wrong with it.
func (s Files) Check(ctx context.Context, root string, o Options) (*Section, error) {
	section := newSection(s.Network, s.Recommend)
	dir, labels, err := s.find(root)
	section.Folder, section.LabelFile = dir, labels
	if err != nil {
		return section, err
	}
	c, err := collect(ctx, s, root, o)
	if err != nil {
		return section, err
	}
	section.Files, section.Labels = c.fileCount, c.labelCount
	section.Problems = append(section.Problems, c.problems...)
	groups := make([]string, len(c.items))
	for i, it := range c.items {
		groups[i] = it.group
		section.Samples += len(it.parts)
	}
	section.enough(groups, "file")
	return section, nil
}

// enough checks that what is usable can be trained from. what is its name.
func (s *Section) enough(groups []string, what string) {
	different := map[string]bool{}
	for _, g := range groups {
		different[g] = true
	}
	s.Usable, s.Groups = len(groups), len(different)
	switch {
	case s.Usable == 0:
		s.add(LevelError, "no usable %s", what)
	case s.Groups == 1:
		s.add(LevelError, "all of it is one group: training and validation need a group each")
	}
	if s.Usable < s.Recommended {
		s.add(LevelWarning, "%d usable %ss: at least %d are recommended", s.Usable, what, s.Recommended)
	}
}

// add adds a problem of the whole section.
func (s *Section) add(level Level, format string, args ...any) { s.problem(level, "", format, args...) }

func (s *Section) problem(level Level, name, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{level, name, fmt.Sprintf(format, args...)})
}
