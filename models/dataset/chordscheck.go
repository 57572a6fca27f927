// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/models/music/chords"
)

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

// classLimit is the share of the chords that one class should not reach.
const classLimit = 0.8

// Check does for the one file of progressions what [Files.Check] does for a folder
// of files and its labels.
func (Chords) Check(ctx context.Context, root string, o Options) (*Section, error) {
	section := newSection(chordsNetwork, chordsRecommend)
	dir, file, err := chordsPlace.find(root)
	section.Folder, section.LabelFile = dir, file
	if err != nil {
		return section, err
	}
	list, err := readProgressions(file)
	if err != nil {
		return section, err
	}
	section.Files, section.Labels = 1, len(list)
	var moods []label
	for _, p := range list {
		moods = append(moods, p.mood)
	}
	columns := readColumns(moods)
	var entries []entry
	counts := make([]int, chords.Classes)
	for _, p := range list {
		if ctx.Err() != nil {
			return section, fmt.Errorf("dataset: %s: %w", chordsNetwork, ctx.Err())
		}
		parts := p.parts()
		switch {
		case p.fault != "":
			if kind := p.mood.faultKind(columns); kind != KindScale {
				section.problem(LevelError, kind, p.name, "%s", p.fault)
			}
			continue
		case len(parts) == 0:
			section.problem(LevelWarning, KindShort, p.name, "%s", tooShort(len(p.classes)))
			continue
		}
		for _, note := range p.notes {
			section.problem(LevelWarning, KindChord, p.name, "%s", note)
		}
		for _, c := range p.classes {
			counts[c]++
		}
		entries = append(entries, entry{name: p.name, group: p.group, labelled: p.labelled, valence: p.valence, arousal: p.arousal,
			found: finding{content: fingerprint(asFloats(p.classes)), samples: fingerprints(parts)}})
		section.Samples += len(parts)
	}
	section.classes(counts)
	section.judge(entries, "progression", o.Split)
	section.labels(entries, moods)
	if l := section.LabelsSummary; l.Unlabelled > 0 {
		section.add(LevelWarning, KindUnlabelled, "%d of %s have no emotion: the neutral one (valence %g, arousal %g) stands for it: add one where it is known",
			l.Unlabelled, plural(len(entries), "progression"), float64(neutralValence), neutralArousal)
	}
	return section, nil
}

// asFloats makes numbers of classes, exactly.
func asFloats(classes []int) []float32 {
	values := make([]float32, len(classes))
	for i, c := range classes {
		values[i] = float32(c)
	}
	return values
}

// classes summarises the chords by their classes.
func (s *Section) classes(counts []int) {
	c := &ChordsSummary{}
	for class, n := range counts {
		if n > 0 {
			c.Count += n
			c.Classes = append(c.Classes, ClassCount{chords.ClassName(class), n})
		}
	}
	if c.Count == 0 {
		return
	}
	s.Chords = c
	for _, class := range c.Classes {
		if share := float64(class.Count) / float64(c.Count); share >= classLimit {
			s.add(LevelWarning, KindBalance, "%.0f %% of the chords are %s, seen from the tonic: add progressions with others", 100*share, class.Name)
		}
	}
}
