// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"iter"
	"slices"
	"sort"

	"github.com/etude-ml/etude/models/music/midi"
)

// pitched yields the notes of a song except the drums.
func pitched(song *midi.Song) iter.Seq[*midi.Note] {
	return func(yield func(*midi.Note) bool) {
		for i := range song.Notes {
			if n := &song.Notes[i]; n.Channel != midi.DrumChannel && !yield(n) {
				return
			}
		}
	}
}

// sound computes how long notes sound up to a time, in a few steps for any number
// of notes and windows. It has the notes of the whole song, because a note that is
// held from an earlier window sounds in this one.
type sound struct {
	ons, offs events    // each sorted
	from, to  []float64 // the stretches in which any note sounds, in order
	before    []float64 // seconds of sound before each of them
}

// events are times, with the sums of those before each.
type events struct{ times, sums []float64 }

func newEvents(times []float64) events {
	slices.Sort(times)
	sums := make([]float64, len(times)+1)
	for i, t := range times {
		sums[i+1] = sums[i] + t
	}
	return events{times, sums}
}

// since returns the sum of the times from each event before t to t.
func (e events) since(t float64) float64 {
	n := sort.SearchFloat64s(e.times, t)
	return float64(n)*t - e.sums[n]
}

func newSound(song *midi.Song) *sound {
	var s sound
	ons, offs := make([]float64, 0, len(song.Notes)), make([]float64, 0, len(song.Notes))
	var total float64
	for n := range pitched(song) { // in the order of their onsets
		ons, offs = append(ons, n.On), append(offs, n.Off)
		last := len(s.to) - 1
		if last >= 0 && n.On <= s.to[last] {
			s.to[last] = max(s.to[last], n.Off)
			continue
		}
		if last >= 0 {
			total += s.to[last] - s.from[last]
		}
		s.from, s.to, s.before = append(s.from, n.On), append(s.to, n.Off), append(s.before, total)
	}
	s.ons, s.offs = newEvents(ons), newEvents(offs)
	return &s
}

// end returns the last note-off, in seconds.
func (s *sound) end() float64 { return s.to[len(s.to)-1] }

// notes returns the sum of the times that each note sounds from start to end.
func (s *sound) notes(start, end float64) float64 {
	upTo := func(t float64) float64 { return s.ons.since(t) - s.offs.since(t) }
	return upTo(end) - upTo(start)
}

// any returns the time from start to end in which at least one note sounds.
func (s *sound) any(start, end float64) float64 {
	upTo := func(t float64) float64 {
		i := sort.SearchFloat64s(s.from, t) - 1
		if i < 0 {
			return 0
		}
		return s.before[i] + min(t, s.to[i]) - s.from[i]
	}
	return upTo(end) - upTo(start)
}
