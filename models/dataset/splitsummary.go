// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch/data"
)

// Split sets how samples are divided, see data.Split.
type Split struct {
	Share float64 // of the samples that validation gets, between 0 and 1
	Seed  uint64
}

// defaultSplit is the one of training.
var defaultSplit = Split{Share: 0.2, Seed: 42}

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

const (
	largestGroups = 10
	// Above this share of the samples in one group, or so far from the share that
	// was asked for, a split is no longer what people think it is.
	groupLimit = 0.5
	splitLimit = 0.1
	// fewGroups: the split of fewer groups than this is not judged, as it cannot be precise.
	fewGroups = 5
)

// groups summarises the groups.
func (s *Section) groups(entries []entry) {
	byName := map[string]*GroupShare{}
	for _, e := range entries {
		g := byName[e.group]
		if g == nil {
			g = &GroupShare{Name: groupName(e.group)}
			byName[e.group] = g
		}
		g.Entries++
		g.Samples += len(e.found.samples)
	}
	if len(byName) == 0 {
		return
	}
	list := make([]GroupShare, 0, len(byName))
	for _, g := range byName {
		if s.Samples > 0 {
			g.Share = float64(g.Samples) / float64(s.Samples)
		}
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b GroupShare) int { return cmp.Or(b.Samples-a.Samples, cmp.Compare(a.Name, b.Name)) })
	s.GroupsSummary = &GroupsSummary{Count: len(list), Largest: list[:min(largestGroups, len(list))]}
	for _, g := range list {
		s.GroupsSummary.Sizes = append(s.GroupsSummary.Sizes, g.Samples)
	}
	if g := list[0]; len(list) > 1 && g.Share > groupLimit {
		s.add(LevelWarning, KindBalance, "group %q holds %.0f %% of the samples, and stands on one side of the split as a whole: give finer groups, or add others", g.Name, 100*g.Share)
	}
}

// divide splits the samples as training will, and says of each entry whether it
// is for validation; nil where there is no split.
func (s *Section) divide(entries []entry, split *Split) (inValidation []bool) {
	if split == nil {
		split = &defaultSplit
	}
	groups := make([]string, 0, s.Samples)
	of := make([]int, 0, s.Samples) // the entry of each sample
	for i, e := range entries {
		for range e.found.samples {
			groups, of = append(groups, e.group), append(of, i)
		}
	}
	train, val, err := data.Split(groups, split.Share, split.Seed)
	if err != nil {
		if s.Groups > 1 { // else enough has reported it
			s.add(LevelError, KindAmount, "%v", err)
		}
		return nil
	}
	inValidation = make([]bool, len(entries))
	for _, i := range val {
		inValidation[of[i]] = true
	}
	s.Split = &SplitSummary{Share: split.Share, Seed: split.Seed, Training: side(groups, train), Validation: side(groups, val)}
	trained := map[mark]bool{}
	for i, e := range entries {
		if !inValidation[i] {
			for _, p := range e.found.samples {
				trained[p] = true
			}
		}
	}
	for i, e := range entries {
		if inValidation[i] {
			for _, p := range e.found.samples {
				if trained[p] {
					s.Split.Repeated++
				}
			}
		}
	}
	if got := float64(len(val)) / float64(len(groups)); math.Abs(got-split.Share) > splitLimit && s.Groups >= fewGroups {
		s.add(LevelWarning, KindBalance, "validation would get %.0f %% of the samples instead of %.0f %%, as whole groups go there: give finer groups, add others, or take another seed",
			100*got, 100*split.Share)
	}
	return inValidation
}

func side(groups []string, of []int) Side {
	different := map[string]bool{}
	for _, i := range of {
		different[groups[i]] = true
	}
	return Side{len(of), len(different)}
}
