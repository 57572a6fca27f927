// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import "fmt"

// What a sample is made of.
const (
	History = 16  // chords before, at most, in a context
	Ahead   = 4   // chords in a target, and the step from sample to sample
	Decay   = 0.8 // weight of a chord of the context against the one after it
)

// Sample is a place in a progression: what came before it and what follows. Each
// part is a distribution over the classes: [Classes] numbers of sum 1. The other
// half of HarmonyPredictor's input, the emotion, is the progression's.
type Sample struct {
	Position int // index of the first chord of the target

	// Context holds the up to [History] chords before, of which the one at
	// distance k = 0, 1, … has weight [Decay]^k; Target the next [Ahead], all alike.
	Context, Target []float32
}

// Samples cuts a progression, given as the class of each chord with repeats, into
// samples at 4, 8, 12, …: those of which all four target chords exist. There are
// none for fewer than eight chords. Panics if a number is no class.
func Samples(classes []int) []Sample {
	for i, c := range classes {
		if c < 0 || c >= Classes {
			panic(fmt.Sprintf("chords: chord %d has class %d: classes go from 0 to %d", i+1, c, Classes-1))
		}
	}
	var samples []Sample
	for at := Ahead; at+Ahead <= len(classes); at += Ahead {
		past, next := classes[max(0, at-History):at], classes[at:at+Ahead]
		samples = append(samples, Sample{at, distribution(past, Decay), distribution(next, 1)})
	}
	return samples
}

// distribution weighs the classes by decay^k, k counted from the last.
func distribution(classes []int, decay float64) []float32 {
	var weights [Classes]float64
	weight, sum := 1.0, 0.0
	for k := range classes {
		weights[classes[len(classes)-1-k]] += weight
		sum += weight
		weight *= decay
	}
	d := make([]float32, Classes)
	for i, w := range weights {
		d[i] = float32(w / sum)
	}
	return d
}
