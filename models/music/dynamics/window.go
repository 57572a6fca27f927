// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/models/music/midi"
)

// The feature's parameters.
const (
	Inputs         = 32  // numbers of Window.Input
	Outputs        = 16  // numbers of Window.Target
	WindowSeconds  = 4.0 // length of a window
	MinNotes       = 8   // a window with fewer is left out
	ClusterSeconds = 0.030
)

// slack, in seconds, keeps the rounding of exact ticks to floating point from
// deciding on which side of a window's edge, or of 30 ms, an event lies.
const slack = 1e-9

// window holds the notes of one window and what is computed from them. The next
// window uses its lists again.
type window struct {
	sound *sound    // of all notes
	pedal []float64 // see pedalTimes
	over  float64   // end of the file, in seconds: later the pedal does not count

	start, end float64
	notes      []*midi.Note // by onset
	clusters   []cluster    // at most 134 fit in 4 s
	iois       []float64    // seconds from each cluster to the next
	columns    [2][]float64
}

// cluster is a run of notes with about the same onset.
type cluster struct {
	notes []*midi.Note // part of window.notes
	top   *midi.Note
}

func (c cluster) onset() float64 { return c.notes[0].On }

// spread returns the time from the first onset to the last, in seconds.
func (c cluster) spread() float64 { return c.notes[len(c.notes)-1].On - c.notes[0].On }

// cluster finds the clusters of the notes.
func (w *window) cluster() {
	w.clusters, w.iois = w.clusters[:0], w.iois[:0]
	for from := 0; from < len(w.notes); {
		c := cluster{top: w.notes[from]}
		to := from + 1
		for ; to < len(w.notes) && w.notes[to].On-w.notes[from].On <= ClusterSeconds+slack; to++ {
			if w.notes[to].Pitch > c.top.Pitch {
				c.top = w.notes[to]
			}
		}
		c.notes = w.notes[from:to]
		if n := len(w.clusters); n > 0 {
			w.iois = append(w.iois, c.onset()-w.clusters[n-1].onset())
		}
		w.clusters = append(w.clusters, c)
		from = to
	}
}

// column returns a number for each note, in one of two lists, which the next call
// for the same list overwrites.
func (w *window) column(list int, of func(*midi.Note) float64) []float64 {
	w.columns[list] = slices.Grow(w.columns[list][:0], len(w.notes))
	for _, n := range w.notes {
		w.columns[list] = append(w.columns[list], of(n))
	}
	return w.columns[list]
}

func pitch(n *midi.Note) float64    { return float64(n.Pitch) }
func velocity(n *midi.Note) float64 { return float64(n.Velocity) }
func duration(n *midi.Note) float64 { return n.Off - n.On }

// meanStd returns the mean and the deviation of the population, 0 and 0 for an empty
// list.
func meanStd(x []float64) (mean, std float64) {
	if len(x) == 0 {
		return 0, 0
	}
	return stat.PopMeanStdDev(x, nil)
}

// percentile interpolates linearly at the place p·(n−1) of a sorted list, which is
// numpy's default and which gonum lacks. It returns 0 for an empty list.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	whole, part := math.Modf(p * float64(len(sorted)-1))
	i := int(whole)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + part*(sorted[i+1]-sorted[i])
}

// constant reports whether all values are equal, which a variance would not show
// because of rounding.
func constant(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
}

// ratio returns a/b, or 0 where that is undefined.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func clip(v float64) float32 { return float32(min(max(v, 0), 1)) }
