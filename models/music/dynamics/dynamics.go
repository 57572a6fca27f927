// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dynamics computes what DynamicsEngine learns from: for each four seconds
// of a performance, 32 numbers that a score contains and 16 that a player adds.
// Drums, which are on channel 10, are left out, both their notes and their pedal.
//
// Four terms recur. An onset cluster is the notes within 30 ms of its first, which a
// listener hears as one attack. An IOI is the time from the first onset of a cluster
// to that of the next one in the same window, so it is above 30 ms. The top line is
// the highest note of each cluster; of several at the same pitch, the first in the
// order of [midi.Song]. Deviations are of the population, and percentiles are linear
// between the values (numpy's default).
//
// A value that is undefined, because there are too few notes or no differences, is
// 0, or 0.5 where 0.5 means none. Nothing is random.
package dynamics

import (
	"errors"
	"math"

	"github.com/etude-ml/etude/models/music/midi"
)

var (
	// ErrNoNotes reports that a song has no notes but drums.
	ErrNoNotes = errors.New("no notes outside channel 10, which holds drums; leave the file out")
	// ErrNoWindow reports that a song has notes, but too few at a time.
	ErrNoWindow = errors.New("no window of 4 s holds 8 notes outside channel 10: too short or too sparse; leave the file out")
)

// Window is four seconds of a song.
type Window struct {
	Start, End float64   // seconds from the start of the song; the end is outside
	Input      []float32 // Inputs numbers in [0, 1], except the four named ioi_…, which are in [-1, 1]
	Target     []float32 // Outputs numbers in [0, 1]
}

// InputNames returns a short name for each of the Inputs numbers of Window.Input.
func InputNames() []string {
	return []string{
		"pitch_class_0", "pitch_class_1", "pitch_class_2", "pitch_class_3", "pitch_class_4", "pitch_class_5",
		"pitch_class_6", "pitch_class_7", "pitch_class_8", "pitch_class_9", "pitch_class_10", "pitch_class_11",
		"pitch_mean", "pitch_std", "pitch_min", "pitch_max",
		"note_rate", "sounding_notes",
		"ioi_p10", "ioi_p50", "ioi_p90", "ioi_std",
		"duration_mean", "duration_median", "duration_std",
		"top_interval_mean", "top_rising_share", "top_pitch_mean",
		"chord_share", "position", "top_repeat_share", "silence_share",
	}
}

// OutputNames returns a short name for each of the Outputs numbers of Window.Target.
func OutputNames() []string {
	return []string{
		"velocity_mean", "velocity_std", "velocity_min", "velocity_max", "velocity_p10", "velocity_p50", "velocity_p90",
		"velocity_slope", "top_velocity_lead", "pitch_velocity_correlation",
		"articulation_mean", "articulation_std", "ioi_variation", "chord_spread",
		"pedal_share", "pedal_changes",
	}
}

// Windows returns the windows of a song in order of time. They start every 4 s from
// the first onset and do not overlap; those with fewer than MinNotes notes are left
// out. A note belongs to the window of its onset, and the features of a window come
// from its own notes, except how much sounds in it: there a note that is held from an
// earlier window counts, too. A note lasts to its note-off, also beyond the window,
// whatever the pedal does.
//
// The error is ErrNoNotes or ErrNoWindow, with the song's path.
func Windows(song *midi.Song) ([]Window, error) {
	s := newSound(song)
	if len(s.from) == 0 {
		return nil, song.Wrap("dynamics", ErrNoNotes)
	}
	var windows []Window
	first := s.from[0]
	w := window{sound: s, pedal: pedalTimes(song.Controls), over: song.Seconds(song.EndTick)}
	index := 0.0 // of the window that w collects
	flush := func() {
		if len(w.notes) >= MinNotes {
			w.start, w.end = first+WindowSeconds*index, first+WindowSeconds*(index+1)
			w.cluster()
			windows = append(windows, Window{Start: w.start, End: w.end, Input: w.input(), Target: w.target()})
		}
		w.notes = w.notes[:0]
	}
	for n := range pitched(song) {
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
