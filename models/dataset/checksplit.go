// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"math"
	"slices"

	"github.com/etude-ml/etude/torch/data"
)

// defaultSplit is the one of training.
var defaultSplit = Split{Share: 0.2, Seed: 42}

const (
	largestGroups = 10
	// Above this share of the samples in one group, or so far from the share that
	// was asked for, a split is not the one that people expect.
	groupLimit = 0.5
	splitLimit = 0.1
	// fewGroups: the split of fewer groups than this is not judged, as it cannot be precise.
	fewGroups = 5
)

// groups summarises the groups, and checks that what is usable can be trained from. what
// is the name of an item.
func (s *Section) groups(items []item, what string) {
	byName := map[string]*GroupShare{}
	for _, i := range items {
		g := byName[i.group]
		if g == nil {
			g = &GroupShare{Name: groupName(i.group)}
			byName[i.group] = g
		}
		g.Entries++
		g.Samples += len(i.found.samples)
	}
	s.Usable, s.Groups = len(items), len(byName)
	switch s.Groups {
	case 0:
		s.add(LevelError, KindAmount, "no usable %s", what)
	case 1:
		s.add(LevelError, KindAmount, "all of it is one group: training and validation need a group each")
	}
	if s.Usable < s.Recommended {
		s.add(LevelWarning, KindAmount, "%s: at least %d are recommended", plural(s.Usable, "usable "+what), s.Recommended)
	}
	if s.Groups == 0 {
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

// divide splits the samples as training will, and returns for each item whether it
// is for validation; nil where there is no split.
func (s *Section) divide(items []item, split *Split) (inValidation []bool) {
	if split == nil {
		split = &defaultSplit
	}
	// The group, the mark and the item of each sample.
	groups, marks, of := make([]string, 0, s.Samples), make([]mark, 0, s.Samples), make([]int, 0, s.Samples)
	for n, i := range items {
		for _, m := range i.found.samples {
			groups, marks, of = append(groups, i.group), append(marks, m), append(of, n)
		}
	}
	train, val, err := data.Split(groups, split.Share, split.Seed)
	if err != nil {
		if s.Groups > 1 { // else groups has reported it
			s.add(LevelError, KindAmount, "%v", err)
		}
		return nil
	}
	s.Split = &SplitSummary{Share: split.Share, Seed: split.Seed, Training: side(groups, train), Validation: side(groups, val)}
	trained := map[mark]bool{}
	for _, i := range train {
		trained[marks[i]] = true
	}
	inValidation = make([]bool, len(items))
	for _, i := range val {
		inValidation[of[i]] = true
		if trained[marks[i]] {
			s.Split.Repeated++
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
