// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// duplicates finds what is the same. inValidation says of each entry on which side
// of the split it stands; nil where there is no split.
func (s *Section) duplicates(items []item, what string, inValidation []bool) {
	same := SameContent
	if what != "file" {
		same = SameChords
	}
	first := s.sameContent(items, same, inValidation)
	if same == SameContent {
		s.sameFeatures(items, first, inValidation)
	}
	for _, d := range s.Duplicates {
		s.addDuplicate(d, items)
	}
}

// sameContent finds the sets of the same content. It gives for each entry the
// first one that is the same.
func (s *Section) sameContent(items []item, same string, inValidation []bool) (first []int) {
	sets := map[mark][]int{}
	first = make([]int, len(items))
	for i, e := range items {
		first[i] = i
		if e.found.content == (mark{}) {
			continue
		}
		set := append(sets[e.found.content], i)
		sets[e.found.content] = set
		first[i] = set[0]
	}
	var found [][]int
	for _, set := range sets {
		if len(set) > 1 {
			found = append(found, set)
		}
	}
	slices.SortFunc(found, func(a, b []int) int { return a[0] - b[0] })
	for _, set := range found {
		s.Duplicates = append(s.Duplicates, duplicate(same, items, set, inValidation))
	}
	return first
}

// sameFeatures finds the sets of files that share samples across groups. Of
// files of the same content the first stands for all.
func (s *Section) sameFeatures(items []item, first []int, inValidation []bool) {
	sets := map[mark][]int{} // ascending, without repeats
	for i, e := range items {
		if first[i] != i {
			continue
		}
		for _, p := range e.found.samples {
			if set := sets[p]; len(set) == 0 || set[len(set)-1] != i {
				sets[p] = append(set, i)
			}
		}
	}
	type shared struct {
		set     []int
		samples int
	}
	found := map[string]*shared{}
	for _, set := range sets {
		if len(set) < 2 || !severalGroups(items, set) {
			continue
		}
		key := fmt.Sprint(set)
		if found[key] == nil {
			found[key] = &shared{set: set}
		}
		found[key].samples++
	}
	list := make([]*shared, 0, len(found))
	for _, f := range found {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *shared) int { return slices.Compare(a.set, b.set) })
	for _, f := range list {
		d := duplicate(SameFeatures, items, f.set, inValidation)
		d.Samples = f.samples
		s.Duplicates = append(s.Duplicates, d)
	}
}

func severalGroups(items []item, set []int) bool {
	return slices.ContainsFunc(set, func(i int) bool { return items[i].group != items[set[0]].group })
}

// duplicate describes a set of entries.
func duplicate(same string, items []item, set []int, inValidation []bool) Duplicate {
	d := Duplicate{Same: same, Leak: severalGroups(items, set)}
	for _, i := range set {
		e, f := items[i], items[set[0]]
		d.Names = append(d.Names, e.name)
		d.Groups = append(d.Groups, groupName(e.group))
		// An emotion is part of what HarmonyPredictor is given: the same chords may
		// have several.
		d.Conflict = d.Conflict || same == SameContent && e.labelled && (e.Valence != f.Valence || e.Arousal != f.Arousal)
		d.Divided = d.Divided || inValidation != nil && inValidation[i] != inValidation[set[0]]
	}
	slices.Sort(d.Names)
	slices.Sort(d.Groups)
	d.Groups = slices.Compact(d.Groups)
	return d
}

// addDuplicate records a duplicate as a problem.
func (s *Section) addDuplicate(d Duplicate, items []item) {
	others := firstFew(d.Names[1:])
	var text string
	switch d.Same {
	case SameContent:
		text = "the same content as " + others
	case SameChords:
		text = "the same chords as " + others
	case SameFeatures:
		text = fmt.Sprintf("%s of the same numbers as %s", plural(d.Samples, "sample"), others)
	}
	leak := ""
	if d.Leak {
		leak = fmt.Sprintf(", in different groups (%s)", firstFew(d.Groups))
		if slices.Equal(d.Groups, d.Names) {
			leak = ", each in a group of its own"
		}
		if d.Divided {
			leak += ", which the split puts on both sides"
		} else {
			leak += ", which a split may put on both sides"
		}
	}
	switch {
	case d.Conflict:
		s.problem(LevelError, KindConflict, d.Names[0], "%s, but another label: %s%s: correct the label and keep one", text, labelsIn(d, items), leak)
	case d.Leak:
		s.problem(LevelWarning, KindLeak, d.Names[0], "%s%s: %s", text, leak, s.fixLeak(d))
	default:
		s.problem(LevelWarning, KindDuplicate, d.Names[0], "%s: it counts %s: keep one", text, times(len(d.Names)))
	}
}

func (s *Section) fixLeak(d Duplicate) string {
	switch {
	case d.Same == SameChords:
		return "give them the same title and artist, or keep one"
	case s.LabelFile == "":
		return "keep one"
	}
	return "give them the same group in " + filepath.Base(s.LabelFile) + ", or keep one"
}

func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// labelsIn describes the label of the first, and the first one that differs.
func labelsIn(d Duplicate, items []item) string {
	at := func(name string) item {
		i, _ := slices.BinarySearchFunc(items, name, func(i item, name string) int { return cmp.Compare(i.name, name) })
		return items[i]
	}
	f := at(d.Names[0])
	for _, name := range d.Names[1:] {
		if e := at(name); e.Valence != f.Valence || e.Arousal != f.Arousal {
			return fmt.Sprintf("valence %g and arousal %g, and of %q %g and %g", f.Valence, f.Arousal, name, e.Valence, e.Arousal)
		}
	}
	return ""
}

// groupName returns a group as people read it: that of a progression has two parts.
func groupName(group string) string { return strings.ReplaceAll(group, "\x00", " / ") }
