// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"math"
	"path/filepath"
	"slices"
)

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

var quadrantNames = [4]string{
	"valence from 0 and arousal from 0.5", "valence below 0 and arousal from 0.5",
	"valence below 0 and arousal below 0.5", "valence from 0 and arousal below 0.5",
}

const (
	// fewLabels: the spread of fewer labels than this is not judged.
	fewLabels = 8
	// quadrantLimit is the share of the labels that one quadrant should not reach.
	quadrantLimit = 0.8
)

// labels summarises the labels of what is usable, and finds the scales of all.
func (s *Section) labels(entries []entry, all []label) {
	l := &LabelsSummary{Scales: findScales(all)}
	for _, c := range l.Scales {
		level := LevelError
		if c.Outside == 0 {
			level = LevelWarning
		}
		s.add(level, KindScale, "%s: %s", base(s.LabelFile), c.text())
	}
	for _, e := range entries {
		if !e.labelled {
			l.Unlabelled++
			continue
		}
		l.Count++
		l.Valences, l.Arousals = append(l.Valences, e.valence), append(l.Arousals, e.arousal)
		*l.Quadrants.of(e.valence, e.arousal)++
	}
	s.LabelsSummary = l
	if l.Count > 0 {
		l.Valence, l.Arousal = distribution(l.Valences), distribution(l.Arousals)
		s.spread(l)
	}
}

func distribution(values []float64) *Distribution {
	d := &Distribution{Min: slices.Min(values), Max: slices.Max(values)}
	n := float64(len(values))
	for _, v := range values {
		d.Mean += v / n
	}
	for _, v := range values {
		d.Std += (v - d.Mean) * (v - d.Mean) / n
	}
	d.Std = math.Sqrt(d.Std)
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
				column.name, column.Min, l.Count, base(s.LabelFile), column.name)
			constant = true
		}
	}
	if constant || l.Count < fewLabels {
		return
	}
	for i, n := range [4]int{l.Quadrants.Q1, l.Quadrants.Q2, l.Quadrants.Q3, l.Quadrants.Q4} {
		switch share := float64(n) / float64(l.Count); {
		case n == 0:
			s.add(LevelWarning, KindBalance, "%s: no label has %s: nothing is learned of that quadrant: add some", base(s.LabelFile), quadrantNames[i])
		case share >= quadrantLimit:
			s.add(LevelWarning, KindBalance, "%s: %.0f %% of the labels have %s: add others", base(s.LabelFile), 100*share, quadrantNames[i])
		}
	}
}

func base(path string) string { return filepath.Base(path) }
