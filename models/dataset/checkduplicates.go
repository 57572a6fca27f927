// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// duplicates finds what is the same. inValidation tells for each item whether it is
// on validation's side of the split; it is nil where there is no split.
func (s *Section) duplicates(items []item, what string, inValidation []bool) {
	same := SameContent
	if what != "file" {
		same = SameChords
	}
	first := make([]int, len(items)) // the first item of the same content
	content := setsOf(items, func(i int) []mark {
		first[i] = i
		if items[i].found.content == (mark{}) {
			return nil
		}
		return []mark{items[i].found.content}
	})
	for _, set := range content {
		for _, i := range set.items {
			first[i] = set.items[0]
		}
		s.duplicate(same, items, set, inValidation)
	}
	if same == SameChords {
		return
	}
	// Of files of the same content the first stands for all.
	for _, set := range setsOf(items, func(i int) []mark {
		if first[i] != i {
			return nil
		}
		return items[i].found.samples
	}) {
		if severalGroups(items, set.items) {
			s.duplicate(SameFeatures, items, set, inValidation)
		}
	}
}

// set is a set of items, and the number of marks that all of them have.
type set struct {
	items []int // ascending
	marks int
}

// setsOf returns the sets of several items that have a mark in common, in the order of
// their items.
func setsOf(items []item, marks func(i int) []mark) []set {
	having := map[mark][]int{} // ascending, without repeats
	for i := range items {
		for _, m := range marks(i) {
			if list := having[m]; len(list) == 0 || list[len(list)-1] != i {
				having[m] = append(list, i)
			}
		}
	}
	found := map[string]set{}
	for _, list := range having {
		if len(list) > 1 {
			key := fmt.Sprint(list)
			found[key] = set{list, found[key].marks + 1}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b set) int { return slices.Compare(a.items, b.items) })
}

func severalGroups(items []item, set []int) bool {
	return slices.ContainsFunc(set, func(i int) bool { return items[i].group != items[set[0]].group })
}

// duplicate records a set of items as a duplicate and as a problem.
func (s *Section) duplicate(same string, items []item, set set, inValidation []bool) {
	d := Duplicate{Same: same, Leak: severalGroups(items, set.items)}
	f, other := items[set.items[0]], item{} // the first, and the first with another label
	for _, n := range set.items {
		i := items[n]
		d.Names = append(d.Names, i.name)
		d.Groups = append(d.Groups, groupName(i.group))
		d.Divided = d.Divided || inValidation != nil && inValidation[n] != inValidation[set.items[0]]
		// An emotion is part of what HarmonyPredictor is given: the same chords may
		// have several.
		if same == SameContent && !d.Conflict && i.labelled && (i.Valence != f.Valence || i.Arousal != f.Arousal) {
			d.Conflict, other = true, i
		}
	}
	slices.Sort(d.Names)
	slices.Sort(d.Groups)
	d.Groups = slices.Compact(d.Groups)
	text := "the same content as "
	switch same {
	case SameChords:
		text = "the same chords as "
	case SameFeatures:
		d.Samples = set.marks
		text = plural(d.Samples, "sample") + " of the same numbers as "
	}
	s.Duplicates = append(s.Duplicates, d)

	text += firstFew(d.Names[1:])
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
	fix := "keep one"
	switch {
	case same == SameChords:
		fix = "give them the same title and artist, or keep one"
	case s.LabelFile != "":
		fix = "give them the same group in " + filepath.Base(s.LabelFile) + ", or keep one"
	}
	switch {
	case d.Conflict:
		s.problem(LevelError, KindConflict, d.Names[0], "%s, but another label: valence %g and arousal %g, and of %q %g and %g%s: correct the label and keep one",
			text, f.Valence, f.Arousal, other.name, other.Valence, other.Arousal, leak)
	case d.Leak:
		s.problem(LevelWarning, KindLeak, d.Names[0], "%s%s: %s", text, leak, fix)
	default:
		times := "twice"
		if n := len(d.Names); n > 2 {
			times = fmt.Sprintf("%d times", n)
		}
		s.problem(LevelWarning, KindDuplicate, d.Names[0], "%s: it counts %s: keep one", text, times)
	}
}

// groupName returns a group as people read it: that of a progression has two parts.
func groupName(group string) string { return strings.ReplaceAll(group, "\x00", " / ") }
