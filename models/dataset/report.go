// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"fmt"
	"slices"
)

// Report holds the outcome of [Validate].
type Report struct {
	Root     string    `json:"root"`
	OK       bool      `json:"ok"` // no errors
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Sections []Section `json:"sections"` // by source
}

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

// Distribution describes numbers. Std is the deviation of the population.
type Distribution struct {
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
	Std  float64 `json:"std"`
}

// LabelsSummary describes how labels are spread.
type LabelsSummary struct {
	Count      int           `json:"count"`      // usable files, or progressions, with a label; what follows is about them
	Unlabelled int           `json:"unlabelled"` // usable progressions without an emotion
	Valence    *Distribution `json:"valence,omitempty"`
	Arousal    *Distribution `json:"arousal,omitempty"`
	Quadrants  Quadrants     `json:"quadrants"`
	Scales     []ColumnScale `json:"scales,omitempty"` // of columns that look like another scale
	// Valences and Arousals are the labels themselves, for plots.
	Valences, Arousals []float64 `json:"-"`
}

// Quadrants counts labels by the sides of valence 0 and arousal 0.5 (Russell's
// circumplex; numbered as EMOPIA does). What lies on a border counts as above it.
type Quadrants struct {
	Q1 int `json:"q1"` // positive valence, high arousal: happy
	Q2 int `json:"q2"` // negative, high: angry
	Q3 int `json:"q3"` // negative, low: sad
	Q4 int `json:"q4"` // positive, low: calm
}

// SplitSummary describes what a split would put on each side.
type SplitSummary struct {
	Share      float64 `json:"share"` // that was asked for
	Seed       uint64  `json:"seed"`
	Training   Side    `json:"training"`
	Validation Side    `json:"validation"`
	// Repeated counts the samples of validation of which training has one of the
	// same numbers: input and target, as far as they come from the file. Where the
	// label gives the input, the file's part alone is compared.
	Repeated int `json:"repeated_samples"`
}

// Side is one side of a split.
type Side struct {
	Samples int `json:"samples"`
	Groups  int `json:"groups"`
}

// GroupsSummary describes how samples are spread over groups.
type GroupsSummary struct {
	Count   int          `json:"count"`
	Largest []GroupShare `json:"largest"` // at most ten, the largest first
	// Sizes, the samples of each group, largest first, is for plots.
	Sizes []int `json:"-"`
}

// GroupShare describes the part of a section that a group holds.
type GroupShare struct {
	Name    string  `json:"name"`
	Entries int     `json:"entries"` // files, or progressions
	Samples int     `json:"samples"`
	Share   float64 `json:"share"` // of the samples, 0 to 1
}

// The ways in which things can be the same.
const (
	SameContent  = "content"  // files, byte for byte
	SameChords   = "chords"   // progressions, chord for chord from the tonic
	SameFeatures = "features" // files of different content, of which some samples are the same numbers
)

// Duplicate is a set of files, or of progressions, that are the same. Samples of
// progressions that are the same, though all of their chords are not, are common
// in music and stand in [SplitSummary] alone.
type Duplicate struct {
	Same    string   `json:"same"`              // [SameContent], [SameChords] or [SameFeatures]
	Names   []string `json:"names"`             // sorted
	Groups  []string `json:"groups"`            // the different ones, sorted
	Samples int      `json:"samples,omitempty"` // that are shared; of SameFeatures
	// Conflict means that files of the same content have different labels; Leak
	// that the groups differ, so that a split may put what is the same on both
	// sides; Divided that the split of the section does.
	Conflict bool `json:"conflict"`
	Leak     bool `json:"leak"`
	Divided  bool `json:"divided"`
}

// OtherFiles are files of a folder that look like data and are not read.
type OtherFiles struct {
	Extension string   `json:"extension"` // lower case
	Names     []string `json:"names"`     // sorted
}

// ClipsSummary describes the usable clips of a section.
type ClipsSummary struct {
	Count    int            `json:"count"`
	Seconds  *Distribution  `json:"seconds"`  // at most 2, as no more is used
	Formats  map[string]int `json:"formats"`  // clips by format
	Rates    map[int]int    `json:"rates"`    // by sample rate in Hz
	Channels map[int]int    `json:"channels"` // by number of channels
	Short    []string       `json:"short"`    // names of those below 2 s, sorted
	LowRate  []string       `json:"low_rate"` // below 22,050 Hz
	Clipped  []string       `json:"clipped"`  // with 1 % of their samples cut off at full scale
	// Lengths, of each clip in seconds, and Peaks, of each clip from 0 to 1, are for
	// plots.
	Lengths, Peaks []float64 `json:"-"`
}

// ChordsSummary counts the chords of progressions, seen from their tonics.
type ChordsSummary struct {
	Count   int          `json:"count"`   // chords of the usable progressions
	Classes []ClassCount `json:"classes"` // those that occur, in the order of package chords
}

// ClassCount counts one chord class.
type ClassCount struct {
	Name  string `json:"name"` // see chords.ClassName
	Count int    `json:"count"`
}

func newSection(network string, recommended int) *Section {
	return &Section{Network: network, Recommended: recommended, Problems: []Problem{}, Duplicates: []Duplicate{}, OtherFiles: []OtherFiles{}}
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
