// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/etude-ml/etude/models/music/midi"
)

// target computes what a player adds, in the order of OutputNames.
func (w *window) target() []float32 {
	out := make([]float32, 0, Outputs)

	velocities := w.column(0, velocity)
	mean, std := meanStd(velocities)
	slices.Sort(velocities)
	for _, v := range []float64{mean, std, velocities[0], velocities[len(velocities)-1],
		percentile(velocities, 0.1), percentile(velocities, 0.5), percentile(velocities, 0.9)} {
		out = append(out, clip(v/127))
	}

	out = append(out, clip(0.5+0.5*w.slope()), clip(0.5+w.lead()/254), clip(0.5+0.5*w.correlation()))

	// For each cluster but the last: how much of the time to the next its top note
	// fills, at most all.
	articulation := make([]float64, len(w.iois))
	for i, ioi := range w.iois {
		articulation[i] = min(duration(w.clusters[i].top)/ioi, 1)
	}
	mean, std = meanStd(articulation)
	out = append(out, clip(mean), clip(std))

	// The coefficient of variation, which is 0 for an even rhythm.
	mean, std = meanStd(w.iois)
	out = append(out, clip(ratio(std, mean)))

	// The mean spread of the clusters of two or more notes, as a share of 30 ms.
	var spread, chords float64
	for _, c := range w.clusters {
		if len(c.notes) > 1 {
			spread += c.spread()
			chords++
		}
	}
	out = append(out, clip(ratio(spread, chords)/ClusterSeconds))

	down, changes := pedalIn(w.pedal, w.start, min(w.end, w.over))
	return append(out, clip(down/WindowSeconds), clip(float64(changes)/WindowSeconds/4))
}

// slope returns the slope of the least-squares line through velocity/127 over
// (onset − start)/4 s: the change over a whole window, 0 if all onsets are equal.
func (w *window) slope() float64 {
	x := w.column(0, func(n *midi.Note) float64 { return (n.On - w.start) / WindowSeconds })
	y := w.column(1, func(n *midi.Note) float64 { return velocity(n) / 127 })
	if constant(x) || constant(y) {
		return 0
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope
}

// correlation returns Pearson's, of pitch and velocity, or 0 if either is constant.
func (w *window) correlation() float64 {
	x, y := w.column(0, pitch), w.column(1, velocity)
	if constant(x) || constant(y) {
		return 0
	}
	return stat.Correlation(x, y, nil)
}

// lead returns the mean velocity of the top line less that of the other notes, or 0
// if there are no others.
func (w *window) lead() float64 {
	var top, all float64
	for _, c := range w.clusters {
		top += velocity(c.top)
	}
	for _, n := range w.notes {
		all += velocity(n)
	}
	tops, rest := float64(len(w.clusters)), float64(len(w.notes)-len(w.clusters))
	if rest == 0 {
		return 0
	}
	return top/tops - (all-top)/rest
}
