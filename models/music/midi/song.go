// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package midi reads Standard MIDI Files into notes with times in seconds, and
// writes small ones.
//
// Reading is safe for untrusted files: whatever a file claims, [Read] neither
// panics nor hangs, and it needs memory in proportion to the file's real size.
package midi

import (
	"cmp"
	"errors"
	"fmt"
	"sort"
)

// MaxBytes is the size of the largest file that Read reads. An event takes at least
// three bytes and a [Note] forty, so this also bounds the memory, to about 130 MB.
const MaxBytes = 8 << 20

// Pitches is the number of MIDI pitches, and the length of a pitch histogram.
const Pitches = 128

// DrumChannel is the channel of the drums, which people call channel 10.
const DrumChannel = 9

// The pitches of some drums, as General MIDI has them.
const (
	BassDrum    = 36
	Snare       = 38
	ClosedHiHat = 42
)

// ErrNoNotes reports that a file is valid but holds no note-on with a velocity
// above 0.
var ErrNoNotes = errors.New("no notes")

// Note is one note-on with a velocity above 0, and its end: the first note-off (or
// note-on with velocity 0) of the same track, channel and pitch that does not end
// an earlier note, otherwise the end of the track.
type Note struct {
	Pitch, Velocity uint8 // 0–127, 1–127
	Channel         uint8 // 0–15; DrumChannel for drums
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

// BPM returns the tempo in quarter notes a minute.
func (t TempoChange) BPM() float64 { return 60e6 / float64(t.MicrosPerQuarter) }

// TimeSignature starts a stretch of bars of Numerator/Denominator.
type TimeSignature struct {
	Tick                   int64
	Numerator, Denominator int // both above 0, the second a power of 2
}

// Song holds the content of a file. Its lists are in order of time. Tracks run in
// parallel; the patterns of a format 2 file, which are independent pieces, follow
// one another, each starting anew at 120 quarters a minute and 4/4.
type Song struct {
	Path   string // as given to Read; empty after Parse
	Format int    // 0, 1 or 2
	Tracks int    // track chunks found

	// TicksPerQuarter is 0 in a file that counts parts of SMPTE frames instead;
	// TicksPerSecond is above 0 only there.
	TicksPerQuarter int
	TicksPerSecond  float64

	Notes          []Note    // by onset, then track, channel, pitch
	Controls       []Control // by tick, then track, then order in the track
	Tempo          []TempoChange
	TimeSignatures []TimeSignature
	EndTick        int64 // the last event of the longest track

	// Faults lists in words the faults of the file that were corrected or ignored.
	Faults []string
}

// Seconds returns the time of a tick, which may lie after the end.
func (s *Song) Seconds(tick int64) float64 {
	after := sort.Search(len(s.Tempo), func(i int) bool { return s.Tempo[i].Tick > tick })
	return s.seconds(tick, after-1)
}

// seconds returns the time of a tick under the tempo at position i, whose time is
// known. Before the first (i < 0) it is 0: reading puts a tempo at tick 0.
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

// setTimes computes the times of all events from their ticks and the tempo.
func (s *Song) setTimes() {
	for i := range s.Tempo {
		// The time of a change follows from the tempo before it alone.
		s.Tempo[i].Time = s.seconds(s.Tempo[i].Tick, i-1)
	}
	for i := range s.Notes {
		n := &s.Notes[i]
		n.On, n.Off = s.Seconds(n.OnTick), s.Seconds(n.OffTick)
	}
	for i := range s.Controls {
		s.Controls[i].Time = s.Seconds(s.Controls[i].Tick)
	}
}

// compareNotes orders notes fully, so that the result does not depend on how they
// are sorted.
func compareNotes(a, b Note) int {
	if c := cmp.Compare(a.OnTick, b.OnTick); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Track, b.Track), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Pitch, b.Pitch),
		cmp.Compare(a.OffTick, b.OffTick), cmp.Compare(a.Velocity, b.Velocity))
}

// PitchHistogram returns the share of the notes at each of the 128 pitches, over
// all tracks and channels, including drums; the sum is 1. Without a note the
// error is [ErrNoNotes].
func (s *Song) PitchHistogram() ([]float32, error) {
	if len(s.Notes) == 0 {
		return nil, s.Wrap("midi", ErrNoNotes)
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

// Wrap puts the name of a package and the song's path, if it has one, in front of
// an error about the song.
func (s *Song) Wrap(pkg string, err error) error {
	if s.Path == "" {
		return fmt.Errorf("%s: %w", pkg, err)
	}
	return fmt.Errorf("%s: %s: %w", pkg, s.Path, err)
}
