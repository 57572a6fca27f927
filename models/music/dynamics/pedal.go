// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"sort"

	"github.com/etude-ml/etude/models/music/midi"
)

// The sustain pedal is down from this value of its controller on.
const (
	sustainPedal = 64
	pedalDown    = 64
)

// pedalTimes returns the times at which the pedal goes down, comes up, goes down and
// so on. It is up at first. Each channel except the drums' has its own pedal, whose
// state is the value of the last event at or before a time; the pedal is down while
// any of them is. So a press and a release within one tick are no change.
func pedalTimes(controls []midi.Control) []float64 {
	var times []float64
	var down uint16 // one bit a channel
	for i, c := range controls {
		if c.Controller == sustainPedal && c.Channel != midi.DrumChannel {
			if bit := uint16(1) << (c.Channel & 15); c.Value >= pedalDown {
				down |= bit
			} else {
				down &^= bit
			}
		}
		if i+1 < len(controls) && controls[i+1].Tick == c.Tick {
			continue
		}
		if was := len(times)%2 == 1; was != (down != 0) {
			times = append(times, c.Time)
		}
	}
	return times
}

// pedalIn returns the seconds from start to end in which the pedal is down, and how
// often it changes between them. A change at the start counts; one at the end belongs
// to the next window.
func pedalIn(times []float64, start, end float64) (seconds float64, changes int) {
	from := sort.Search(len(times), func(i int) bool { return times[i] >= start-slack })
	to := max(from, sort.Search(len(times), func(i int) bool { return times[i] >= end-slack }))
	at := start
	for i := from; i < to; i++ {
		if i%2 == 1 { // it was down and comes up
			seconds += max(0, times[i]-at)
		}
		at = max(times[i], start)
	}
	if to%2 == 1 {
		seconds += end - at
	}
	return seconds, to - from
}
