// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"math"
	"slices"
)

// input computes what a score contains, in the order of InputNames.
func (w *window) input() []float32 {
	n := float64(len(w.notes))
	out := make([]float32, 0, Inputs)

	// The share of each pitch class, C first.
	var classes [12]int
	for _, note := range w.notes {
		classes[note.Pitch%12]++
	}
	for _, count := range classes {
		out = append(out, clip(float64(count)/n))
	}

	pitches := w.column(0, pitch)
	mean, std := meanStd(pitches)
	out = append(out, clip(mean/127), clip(std/32), clip(slices.Min(pitches)/127), clip(slices.Max(pitches)/127))

	// Notes a second of the whole window, even if the piece ends in it; how many notes
	// sound at a time while any does, including those held from earlier windows.
	sounding, audible := w.sound.notes(w.start, w.end), w.sound.any(w.start, w.end)
	out = append(out, clip(n/WindowSeconds/20), clip(ratio(sounding, audible)/10))

	// L = log2(IOI / 0.25 s): percentiles of L, then tanh; tanh of L's deviation.
	logs := make([]float64, len(w.iois))
	for i, ioi := range w.iois {
		logs[i] = math.Log2(ioi / 0.25)
	}
	_, std = meanStd(logs)
	slices.Sort(logs)
	for _, v := range []float64{percentile(logs, 0.1), percentile(logs, 0.5), percentile(logs, 0.9), std} {
		out = append(out, float32(math.Tanh(v)))
	}

	durations := w.column(0, duration)
	mean, std = meanStd(durations)
	slices.Sort(durations)
	out = append(out, clip(mean/4), clip(percentile(durations, 0.5)/4), clip(std/4))

	// A step leads from one note of the top line to the next: m notes, m−1 steps.
	var interval, rising, repeated, line float64
	chordal := 0
	for i, c := range w.clusters {
		line += float64(c.top.Pitch)
		if len(c.notes) > 1 {
			chordal += len(c.notes)
		}
		if i == 0 {
			continue
		}
		step := float64(c.top.Pitch) - float64(w.clusters[i-1].top.Pitch)
		interval += math.Abs(step)
		switch {
		case step > 0:
			rising++
		case step == 0:
			repeated++
		}
	}
	steps := float64(len(w.clusters) - 1)
	out = append(out, clip(ratio(interval, steps)/24), clip(ratio(rising, steps)), clip(line/float64(len(w.clusters))/127))

	// The share of the notes that are in clusters of two or more; the window's
	// start, in seconds from the song's, over the last note-off outside channel 10.
	out = append(out, clip(float64(chordal)/n), clip(ratio(w.start, w.sound.end())))

	// The share of the steps that repeat a pitch; the share of the window in which
	// no note sounds.
	return append(out, clip(ratio(repeated, steps)), clip(1-audible/WindowSeconds))
}
