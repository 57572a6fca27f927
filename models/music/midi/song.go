// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package midi reads Standard MIDI Files into notes with times in seconds, and
// writes small ones.
//
// Reading is guarded: whatever a file claims of itself, [Read] neither panics
// nor hangs, and needs memory in proportion to the file's real size. The chunks
// and the boundaries of events are found here, because gomidi's reader trusts
// the lengths it is told and panics on a status byte that does not belong in a
// file; what a message means is gomidi's to say.
package midi

import (
	"errors"
	"fmt"
	"sort"
)

// Pitches is the number of MIDI pitches, and the length of a pitch histogram.
const Pitches = 128

// ErrNoNotes says that a file is sound but holds no note-on with a velocity
// above 0.
var ErrNoNotes = errors.New("no notes")

// Note is one note-on with a velocity above 0, and the end that belongs to it:
// the first note-off (or note-on with velocity 0) of the same track, channel and
// pitch that no earlier note has taken, otherwise the end of the track.
type Note struct {
	Pitch, Velocity uint8 // 0–127, 1–127
	Channel         uint8 // 0–15; drums, which people call channel 10, are 9
	Track           uint16
	OnTick, OffTick int64
	On, Off         float64 // seconds from the start
}

// Control is one controller change.
type Control struct {
	Tick                       int64
	Time                       float64 // seconds from the start
	Channel, Controller, Value uint8   // 0–15, 0–127, 0–127
	Track                      uint16
}

// TempoChange starts a stretch of constant tempo.
type TempoChange struct {
	Tick             int64
	Time             float64 // seconds from the start
	MicrosPerQuarter int     // above 0
}

// BPM gives the tempo in quarter notes a minute.
func (t TempoChange) BPM() float64 { return 60e6 / float64(t.MicrosPerQuarter) }

// TimeSignature starts a stretch of bars of Numerator/Denominator.
type TimeSignature struct {
	Tick                   int64
	Numerator, Denominator int // both above 0, the second a power of 2
}

// Song is what a file holds. Its lists are in order of time. Tracks run side by
// side; the patterns of a format 2 file, which are independent pieces, follow
// one another, each starting afresh at 120 quarters a minute and 4/4.
type Song struct {
	Path   string // as given to Read; empty after Parse
	Format int    // 0, 1 or 2
	Tracks int    // track chunks found

	// TicksPerQuarter is 0 in a file that counts fractions of SMPTE frames
	// instead; TicksPerSecond is above 0 only there.
	TicksPerQuarter int
	TicksPerSecond  float64

	Notes          []Note    // by onset, then track, channel, pitch
	Controls       []Control // by tick, then track, then order in the track
	Tempo          []TempoChange
	TimeSignatures []TimeSignature
	EndTick        int64 // the last event of the longest track

	// Mended says in words what was wrong with the file and passed over.
	Mended []string
}

// Seconds gives the time of a tick, which may lie after the end.
func (s *Song) Seconds(tick int64) float64 {
	after := sort.Search(len(s.Tempo), func(i int) bool { return s.Tempo[i].Tick > tick })
	return s.seconds(tick, after-1)
}

// seconds is Seconds under the tempo at position i, whose time is known. Before
// the first (i < 0) it is 0: reading puts one at tick 0.
func (s *Song) seconds(tick int64, i int) float64 {
	if s.TicksPerSecond > 0 {
		return float64(tick) / s.TicksPerSecond
	}
	if i < 0 || s.TicksPerQuarter <= 0 {
		return 0
	}
	t := s.Tempo[i]
	return t.Time + float64(tick-t.Tick)*float64(t.MicrosPerQuarter)/(1e6*float64(s.TicksPerQuarter))
}

// PitchHistogram gives the share of the notes at each of the 128 pitches, over
// all tracks and channels, drums among them; the sum is 1. Without a note the
// error is [ErrNoNotes].
func (s *Song) PitchHistogram() ([]float32, error) {
	if len(s.Notes) == 0 {
		return nil, s.noNotes()
	}
	var count [Pitches]int
	for i := range s.Notes {
		count[s.Notes[i].Pitch&(Pitches-1)]++
	}
	share := make([]float32, Pitches)
	for i, n := range count {
		share[i] = float32(float64(n) / float64(len(s.Notes)))
	}
	return share, nil
}

func (s *Song) noNotes() error {
	if s.Path == "" {
		return fmt.Errorf("midi: %w", ErrNoNotes)
	}
	return fmt.Errorf("midi: %s: %w", s.Path, ErrNoNotes)
}
