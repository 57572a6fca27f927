// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"
)

var quadrantNames = [4]string{
	"valence from 0 and arousal from 0.5", "valence below 0 and arousal from 0.5",
	"valence below 0 and arousal below 0.5", "valence from 0 and arousal below 0.5",
}

// quadrantLimit is the share of the labels that one quadrant should not reach.
const quadrantLimit = 0.8

// labels summarises the labels of what is usable, and finds the scales of all.
func (s *Section) labels(items []item, all []label) {
	l := &LabelsSummary{Scales: findScales(all)}
	for _, c := range l.Scales {
		level := LevelError
		if c.Outside == 0 {
			level = LevelWarning
		}
		s.add(level, KindScale, "%s: %s", filepath.Base(s.LabelFile), c.text())
	}
	for _, e := range items {
		if !e.labelled {
			l.Unlabelled++
			continue
		}
		l.Count++
		l.Valences, l.Arousals = append(l.Valences, e.Valence), append(l.Arousals, e.Arousal)
		*l.Quadrants.of(e.Valence, e.Arousal)++
	}
	s.LabelsSummary = l
	if l.Count > 0 {
		l.Valence, l.Arousal = distribution(l.Valences), distribution(l.Arousals)
		s.spread(l)
	}
}

func distribution(values []float64) *Distribution {
	d := &Distribution{Min: slices.Min(values), Max: slices.Max(values)}
	d.Mean, d.Std = stat.PopMeanStdDev(values, nil)
	if d.Min == d.Max { // without the rounding of the sums
		d.Mean, d.Std = d.Min, 0
	}
	return d
}

func (q *Quadrants) of(valence, arousal float64) *int {
	switch {
	case valence >= 0 && arousal >= 0.5:
		return &q.Q1
	case arousal >= 0.5:
		return &q.Q2
	case valence < 0:
		return &q.Q3
	}
	return &q.Q4
}

// spread warns of labels from which little can be learned.
func (s *Section) spread(l *LabelsSummary) {
	constant := false
	for _, column := range []struct {
		name string
		*Distribution
	}{{"valence", l.Valence}, {"arousal", l.Arousal}} {
		if l.Count > 1 && column.Min == column.Max {
			s.add(LevelWarning, KindBalance, "%s is %g in each of the %d labels of %s: there is nothing to learn from it: add files of another %s, or correct the labels",
				column.name, column.Min, l.Count, filepath.Base(s.LabelFile), column.name)
			constant = true
		}
	}
	if constant || l.Count < fewLabels {
		return
	}
	for i, n := range [4]int{l.Quadrants.Q1, l.Quadrants.Q2, l.Quadrants.Q3, l.Quadrants.Q4} {
		switch share := float64(n) / float64(l.Count); {
		case n == 0:
			s.add(LevelWarning, KindBalance, "%s: no label has %s: nothing is learned of that quadrant: add some", filepath.Base(s.LabelFile), quadrantNames[i])
		case share >= quadrantLimit:
			s.add(LevelWarning, KindBalance, "%s: %.0f %% of the labels have %s: add others", filepath.Base(s.LabelFile), 100*share, quadrantNames[i])
		}
	}
}
