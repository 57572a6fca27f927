// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dynamics computes what DynamicsEngine learns from: of each four
// seconds of a performance, 32 numbers that a score would tell and 16 that a
// player adds. Drums, which are on channel 10, are left out, both their notes
// and their pedal.
//
// Four words recur. An onset cluster is the notes within 30 ms of its first,
// what a listener hears as one attack. An IOI is the time from the first onset
// of a cluster to that of the next one in the same window, so that it is above
// 30 ms. The top line is the highest note of each cluster; of several at the
// same pitch it is the first in the order of [midi.Song]. Deviations are of the
// population, and percentiles are linear between the values (numpy's default).
//
// A value that is undefined, for want of notes or of differences, is 0, or 0.5
// where 0.5 means none. Nothing is random.
package dynamics

import (
	"errors"
	"math"

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

var (
	// ErrNoNotes says that a song has no notes but drums.
	ErrNoNotes = errors.New("no notes outside channel 10, which holds drums; leave the file out")
	// ErrNoWindow says that a song has notes, but too few at a time.
	ErrNoWindow = errors.New("no window of 4 s holds 8 notes outside channel 10: too short or too sparse; leave the file out")
)

// Window is four seconds of a song.
type Window struct {
	Start, End float64   // seconds from the start of the song; the end is outside
	Input      []float32 // Inputs numbers in [0, 1], but for the four named ioi_…, which are in [-1, 1]
	Target     []float32 // Outputs numbers in [0, 1]
}

// Windows gives the windows of a song in order of time. They start every 4 s
// from the first onset and do not overlap; one with fewer than MinNotes notes is
// left out. A note belongs to the window of its onset, and the features of a
// window come from its own notes, but for how much sounds in it: there a note
// that is held from an earlier window counts too. A note lasts to its note-off,
// also beyond the window, whatever the pedal does.
//
// The error is ErrNoNotes or ErrNoWindow, with the song's path.
func Windows(song *midi.Song) ([]Window, error) {
	first, last, ok := span(song)
	if !ok {
		return nil, song.Wrap("dynamics", ErrNoNotes)
	}
	var windows []Window
	w := window{last: last, sound: newSound(song), pedal: pedalTimes(song.Controls), over: song.Seconds(song.EndTick)}
	index := 0.0 // of the window that w collects
	flush := func() {
		if len(w.notes) >= MinNotes {
			w.start, w.end = first+WindowSeconds*index, first+WindowSeconds*(index+1)
			w.cluster()
			windows = append(windows, Window{Start: w.start, End: w.end, Input: w.input(), Target: w.target()})
		}
		w.notes = w.notes[:0]
	}
	for i := range song.Notes {
		n := &song.Notes[i]
		if n.Channel == midi.DrumChannel {
			continue
		}
		if k := math.Floor((n.On - first + slack) / WindowSeconds); k != index {
			flush()
			index = k
		}
		w.notes = append(w.notes, n)
	}
	flush()
	if len(windows) == 0 {
		return nil, song.Wrap("dynamics", ErrNoWindow)
	}
	return windows, nil
}

// span gives the first onset and the last note-off, in seconds, of the notes
// outside channel 10, if there are any.
func span(song *midi.Song) (first, last float64, ok bool) {
	for i := range song.Notes {
		n := &song.Notes[i]
		if n.Channel == midi.DrumChannel {
			continue
		}
		if !ok {
			first, ok = n.On, true
		}
		last = max(last, n.Off)
	}
	return first, last, ok
}
