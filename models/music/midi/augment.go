// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"fmt"
	"math"
	"slices"
)

// The functions of this file return a changed song, which makes one more sample of it when
// the amounts are drawn at random:
//
//	song = song.Transpose(r.IntN(12) - 6).ScaleTempo(0.9 + 0.2*r.Float64()).ShiftVelocity(r.IntN(21) - 10)

// Transpose returns the song with all notes but the drums' moved by a number of semitones.
// One that would leave the range of pitches is moved by octaves until it is inside.
func (s *Song) Transpose(semitones int) *Song {
	out := *s
	out.Notes = slices.Clone(s.Notes)
	for i := range out.Notes {
		n := &out.Notes[i]
		if n.Channel == DrumChannel {
			continue
		}
		pitch := int(n.Pitch) + semitones
		if pitch < 0 {
			pitch = (pitch%12 + 12) % 12
		}
		if above := pitch - (Pitches - 1); above > 0 {
			pitch -= (above + 11) / 12 * 12
		}
		n.Pitch = uint8(pitch)
	}
	slices.SortFunc(out.Notes, compareNotes)
	return &out
}

// ScaleTempo returns the song played factor times as fast; ticks stay as they are, and
// times follow. It panics if factor is not a positive number. A tempo is a whole number of
// microseconds a quarter, so times are exact to a part in a million or so.
func (s *Song) ScaleTempo(factor float64) *Song {
	if !(factor > 0) || math.IsInf(factor, 0) {
		panic(fmt.Sprintf("midi: ScaleTempo: the factor is %g, it must be a positive number", factor))
	}
	out := *s
	out.TicksPerSecond *= factor
	out.Notes, out.Controls, out.Tempo = slices.Clone(s.Notes), slices.Clone(s.Controls), slices.Clone(s.Tempo)
	for i := range out.Tempo {
		t := &out.Tempo[i]
		t.MicrosPerQuarter = max(1, int(math.Round(float64(t.MicrosPerQuarter)/factor)))
	}
	out.setTimes()
	return &out
}

// ShiftVelocity returns the song with by added to the velocity of every note, which stays
// between 1 and 127.
func (s *Song) ShiftVelocity(by int) *Song {
	out := *s
	out.Notes = slices.Clone(s.Notes)
	for i := range out.Notes {
		out.Notes[i].Velocity = uint8(min(max(int(s.Notes[i].Velocity)+by, 1), 127))
	}
	slices.SortFunc(out.Notes, compareNotes)
	return &out
}
