// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package groove computes what GroovePredictor learns: how hard, and how early or
// late, each sixteenth part of a bar is played, averaged over four bars.
package groove

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/etude-ml/etude/models/music/midi"
)

// The target's parameters.
const (
	Outputs       = 32      // numbers of Window.Target
	BarsPerWindow = 4       // fewer at the end of a song
	MinHits       = 4       // a window of fewer bars with fewer hits is left out
	MaxBars       = 1 << 16 // a longer song is refused: a small file may claim years
)

// ErrNoWindow reports that a song has notes, but not enough for a window.
var ErrNoWindow = errors.New("fewer than 4 hits in fewer than 4 bars are no groove; leave the file out")

// Window is four bars of a song, or fewer at its end.
type Window struct {
	FirstBar int       // counted from 1
	Bars     int       // 1 to BarsPerWindow
	Hits     int       // notes in them
	Target   []float32 // Steps numbers in [0, 1], then Steps in [-1, 1], see OutputNames
}

// OutputNames returns a short name for each of the Outputs numbers of Window.Target:
// the mean velocity/127 of all hits at each step, then their mean offset in
// half-steps, negative if early, positive if late. Both are 0 without hits.
func OutputNames() []string {
	names := make([]string, Outputs)
	for i := range Steps {
		names[i], names[Steps+i] = "velocity_"+strconv.Itoa(i), "offset_"+strconv.Itoa(i)
	}
	return names
}

// Windows returns the windows of a song in order of time, without overlap. The notes
// of all channels are hits.
//
// The time signatures divide the song into bars from tick 0. One that changes the
// length of bars starts a new bar; the bar that it cuts short has 16 equal steps of
// the length that is left. One that repeats the current signature changes nothing. In
// a file of SMPTE time, the tempo gives the quarters from the seconds.
//
// A hit at s = (tick − bar's start)·16/(bar's length) belongs to the step ⌊s + 0.5⌋,
// with the offset 2·(s − step) in [-1, 1]. Step 16 is step 0 of the next bar, and of
// the next window if that bar is in it.
//
// The last bar is the last that holds a hit. Windows of four bars count with and
// without hits; a last or only one of fewer bars counts if it has at least MinHits.
//
// The error, with the song's path, is midi.ErrNoNotes, ErrNoWindow, or that the song
// has more than MaxBars bars.
func Windows(song *midi.Song) ([]Window, error) {
	if len(song.Notes) == 0 {
		return nil, song.Wrap("groove", midi.ErrNoNotes)
	}
	g := newGrid(song)
	var end int64
	for i := range song.Notes {
		end = max(end, song.Notes[i].OnTick)
	}
	last, _, _ := g.place(end)
	if last >= MaxBars {
		orLater := ""
		if g.position(end) == maxPosition {
			orLater = " or later"
		}
		return nil, song.Wrap("groove", fmt.Errorf("the last note lies in bar %d%s, songs of more than 65,536 bars are not read: cut the file", last+1, orLater))
	}

	bars := int(last) + 1
	sums := make([]sum, (bars+BarsPerWindow-1)/BarsPerWindow)
	for i := range song.Notes {
		bar, step, offset := g.place(song.Notes[i].OnTick)
		sums[bar/BarsPerWindow].add(step, song.Notes[i].Velocity, offset)
	}
	windows := make([]Window, 0, len(sums))
	for i := range sums {
		w := Window{FirstBar: 1 + i*BarsPerWindow, Bars: min(bars-i*BarsPerWindow, BarsPerWindow), Hits: sums[i].hits}
		if w.Bars == BarsPerWindow || w.Hits >= MinHits {
			w.Target = sums[i].target()
			windows = append(windows, w)
		}
	}
	if len(windows) == 0 {
		return nil, song.Wrap("groove", ErrNoWindow)
	}
	return windows, nil
}

// sum adds up the hits of a window.
type sum struct {
	hits             int
	counts, velocity [Steps]int
	offset           [Steps]float64
}

func (s *sum) add(step int, velocity uint8, offset float64) {
	s.hits++
	s.counts[step]++
	s.velocity[step] += int(velocity)
	s.offset[step] += offset
}

func (s *sum) target() []float32 {
	target := make([]float32, Outputs)
	for i, n := range s.counts {
		if n > 0 {
			target[i] = float32(float64(s.velocity[i]) / float64(n) / 127)
			target[Steps+i] = float32(s.offset[i] / float64(n))
		}
	}
	return target
}
