// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"slices"

	"github.com/etude-ml/etude/models/music/midi"
)

// window is the notes that are being looked at and what follows from them. Its
// lists are used again for the next window.
type window struct {
	last  float64   // note-off that ends the piece, in seconds
	sound *sound    // of all notes
	pedal []float64 // see pedalTimes
	over  float64   // end of the file, in seconds: the pedal is of no use after it

	start, end float64
	notes      []*midi.Note // by onset
	clusters   []cluster    // at most 134 fit in 4 s
	iois       []float64    // seconds from each cluster to the next

	columns [2][]float64
}

// cluster is a run of notes with about the same onset.
type cluster struct {
	notes []*midi.Note // part of window.notes
	top   *midi.Note
}

func (c cluster) onset() float64 { return c.notes[0].On }

// spread is the time from the first onset to the last, in seconds.
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

// column gives a number for each note, in one of two lists that the next call
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
