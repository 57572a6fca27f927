// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

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

// mark stands for content or numbers: half of a SHA-256, by which two of a
// billion agree with a probability below 1e-20.
type mark [16]byte

// finding identifies the content of a file, or of a progression, and its samples.
type finding struct {
	content mark // zero: nothing else can be the same
	samples []mark
}

// fingerprint identifies the numbers of a sample, in which nil differs from none.
func fingerprint(parts ...[]float32) mark {
	h := sha256.New()
	buf := make([]byte, 0, 1024)
	for _, values := range parts {
		buf = binary.LittleEndian.AppendUint64(buf[:0], uint64(len(values)))
		for _, v := range values {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		h.Write(buf)
	}
	return mark(h.Sum(nil)[:len(mark{})])
}

// fingerprints identifies the samples that a file gives.
func fingerprints(parts []Part) []mark {
	prints := make([]mark, len(parts))
	for i, p := range parts {
		prints[i] = fingerprint(p.Input, p.Target)
	}
	return prints
}

// duplicates finds what is the same. inValidation says of each entry on which side
// of the split it stands; nil where there is no split.
func (s *Section) duplicates(entries []entry, what string, inValidation []bool) {
	same := SameContent
	if what != "file" {
		same = SameChords
	}
	first := s.sameContent(entries, same, inValidation)
	if same == SameContent {
		s.sameFeatures(entries, first, inValidation)
	}
	for _, d := range s.Duplicates {
		s.addDuplicate(d, entries)
	}
}

// sameContent finds the sets of the same content. It gives for each entry the
// first one that is the same.
func (s *Section) sameContent(entries []entry, same string, inValidation []bool) (first []int) {
	sets := map[mark][]int{}
	first = make([]int, len(entries))
	for i, e := range entries {
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
		s.Duplicates = append(s.Duplicates, duplicate(same, entries, set, inValidation))
	}
	return first
}

// sameFeatures finds the sets of files that share samples across groups. Of
// files of the same content the first stands for all.
func (s *Section) sameFeatures(entries []entry, first []int, inValidation []bool) {
	sets := map[mark][]int{} // ascending, without repeats
	for i, e := range entries {
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
		if len(set) < 2 || !severalGroups(entries, set) {
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
		d := duplicate(SameFeatures, entries, f.set, inValidation)
		d.Samples = f.samples
		s.Duplicates = append(s.Duplicates, d)
	}
}

func severalGroups(entries []entry, set []int) bool {
	return slices.ContainsFunc(set, func(i int) bool { return entries[i].group != entries[set[0]].group })
}

// duplicate describes a set of entries.
func duplicate(same string, entries []entry, set []int, inValidation []bool) Duplicate {
	d := Duplicate{Same: same, Leak: severalGroups(entries, set)}
	for _, i := range set {
		e, f := entries[i], entries[set[0]]
		d.Names = append(d.Names, e.name)
		d.Groups = append(d.Groups, groupName(e.group))
		// An emotion is part of what HarmonyPredictor is given: the same chords may
		// have several.
		d.Conflict = d.Conflict || same == SameContent && e.labelled && (e.valence != f.valence || e.arousal != f.arousal)
		d.Divided = d.Divided || inValidation != nil && inValidation[i] != inValidation[set[0]]
	}
	slices.Sort(d.Names)
	slices.Sort(d.Groups)
	d.Groups = slices.Compact(d.Groups)
	return d
}

// addDuplicate records a duplicate as a problem.
func (s *Section) addDuplicate(d Duplicate, entries []entry) {
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
		s.problem(LevelError, KindConflict, d.Names[0], "%s, but another label: %s%s: correct the label and keep one", text, labelsIn(d, entries), leak)
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
	return "give them the same group in " + base(s.LabelFile) + ", or keep one"
}

func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// labelsIn describes the label of the first, and the first one that differs.
func labelsIn(d Duplicate, entries []entry) string {
	at := func(name string) entry {
		i, _ := slices.BinarySearchFunc(entries, name, func(e entry, name string) int { return cmp.Compare(e.name, name) })
		return entries[i]
	}
	f := at(d.Names[0])
	for _, name := range d.Names[1:] {
		if e := at(name); e.valence != f.valence || e.arousal != f.arousal {
			return fmt.Sprintf("valence %g and arousal %g, and of %q %g and %g", f.valence, f.arousal, name, e.valence, e.arousal)
		}
	}
	return ""
}

// groupName returns a group as people read it: that of a progression has two parts.
func groupName(group string) string { return strings.ReplaceAll(group, "\x00", " / ") }
