// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

// quadrant returns the centre of a quadrant of the plane of valence and arousal. A
// label that names a quadrant tells no more than that; the centre is ours.
func quadrant(positive, high bool) (valence, arousal float64) {
	valence, arousal = -0.5, 0.25
	if positive {
		valence = 0.5
	}
	if high {
		arousal = 0.75
	}
	return valence, arousal
}
