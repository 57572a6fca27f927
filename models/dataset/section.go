// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"fmt"
	"slices"
)

// Section holds what [Validate] found for one network. The summaries are about what
// training would take; they are nil where there is nothing to report.
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
	Errors      int       `json:"errors"` // of the problems
	Warnings    int       `json:"warnings"`
	Problems    []Problem `json:"problems"` // errors first, each level by name

	LabelsSummary *LabelsSummary `json:"labels_summary,omitempty"`
	GroupsSummary *GroupsSummary `json:"groups_summary,omitempty"`
	Split         *SplitSummary  `json:"split,omitempty"`
	Duplicates    []Duplicate    `json:"duplicates"`       // the same content first, then the same features
	OtherFiles    []OtherFiles   `json:"other_files"`      // by extension
	Clips         *ClipsSummary  `json:"clips,omitempty"`  // of sounds
	Chords        *ChordsSummary `json:"chords,omitempty"` // of progressions
}

func newSection(network string, recommended int) *Section {
	return &Section{Network: network, Recommended: recommended, Problems: []Problem{}, Duplicates: []Duplicate{}, OtherFiles: []OtherFiles{}}
}

// entry is a file or a progression, for the checks that both share.
type entry struct {
	name, group      string
	labelled         bool
	valence, arousal float64
	found            finding
}

// judge checks amount, groups, duplicates and the split. what is the name of an
// entry: "file".
func (s *Section) judge(entries []entry, what string, split *Split) {
	s.enough(entries, what)
	s.groups(entries)
	val := s.divide(entries, split)
	s.duplicates(entries, what, val)
}

// enough checks that what is usable can be trained from.
func (s *Section) enough(entries []entry, what string) {
	different := map[string]bool{}
	for _, e := range entries {
		different[e.group] = true
	}
	s.Usable, s.Groups = len(entries), len(different)
	switch {
	case s.Usable == 0:
		s.add(LevelError, KindAmount, "no usable %s", what)
	case s.Groups == 1:
		s.add(LevelError, KindAmount, "all of it is one group: training and validation need a group each")
	}
	if s.Usable < s.Recommended {
		s.add(LevelWarning, KindAmount, "%d usable %ss: at least %d are recommended", s.Usable, what, s.Recommended)
	}
}

// add adds a problem of the whole section.
func (s *Section) add(level Level, kind Kind, format string, args ...any) {
	s.problem(level, kind, "", format, args...)
}

func (s *Section) problem(level Level, kind Kind, name, format string, args ...any) {
	s.Problems = append(s.Problems, Problem{level, kind, name, fmt.Sprintf(format, args...)})
}

// finish sorts the problems and counts them. "error" sorts before "warning".
func (s *Section) finish() {
	slices.SortStableFunc(s.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range s.Problems {
		if p.Level == LevelError {
			s.Errors++
		} else {
			s.Warnings++
		}
	}
}
