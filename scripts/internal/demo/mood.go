// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Options says what is composed. Zero values mean the defaults.
type Options struct {
	Seed     uint64 // default 0; the same seed gives the same bytes
	Pieces   int    // default 50; as many performances, drummers and songs
	Sections int    // of each piece; default 4; as many of each of the others

	// OnSection, if set, is called after each section, performance and drum
	// pattern is written, one call at a time.
	OnSection func(done, total int)
}

// Mood describes what a listener hears: valence in [-1, 1], from sad to glad, and
// arousal in [0, 1], from calm to excited.
type Mood struct {
	Valence float64 `json:"valence"`
	Arousal float64 `json:"arousal"`
}

// random returns the random numbers of the i-th thing of a part, counted from 1. Number 0
// stands for those that the whole part shares.
func random(o Options, part, i int) *rand.Rand {
	return rand.New(rand.NewPCG(o.Seed, uint64(part)<<32+uint64(i)))
}

// The parts of the corpus, each of which has random numbers of its own.
const (
	partPieces = iota
	partPerformances
	partDrums
	partChords
)

// plane spreads moods evenly, by the R2 sequence (Roberts 2018) from some point.
type plane struct{ valence, arousal float64 }

func newPlane(rng *rand.Rand) plane { return plane{rng.Float64(), rng.Float64()} }

// at returns the i-th mood.
func (p plane) at(i int) Mood {
	const stepV, stepA = 0.7548776662466927, 0.5698402909980532
	return Mood{
		Valence: 2*frac(p.valence+float64(i)*stepV) - 1,
		Arousal: frac(p.arousal + float64(i)*stepA),
	}
}

// stray returns a mood near this one, for a part of something that has this one.
func (m Mood) stray(rng *rand.Rand) Mood {
	const stray = 0.12
	return Mood{
		Valence: round3(clamp(m.Valence+2*stray*(2*rng.Float64()-1), -0.98, 0.98)),
		Arousal: round3(clamp(m.Arousal+stray*(2*rng.Float64()-1), 0.02, 0.98)),
	}
}

// take is a part of something, with a mood and random numbers of its own.
type take struct {
	name string // of its files, without an extension
	mood Mood
	rng  *rand.Rand
}

// planTakes spreads the moods of things over the plane, and lets the takes of each stray
// a little from it. add invents a thing and returns a function that keeps a take of it.
func planTakes(o Options, part int, thing, kind string, add func(rng *rand.Rand, name string) func(take)) {
	moods := newPlane(random(o, part, 0))
	for i := range o.Pieces {
		rng := random(o, part, i+1)
		name := fmt.Sprintf("%s-%02d", thing, i+1)
		keep := add(rng, name)
		for k := range o.Sections {
			keep(take{
				name: fmt.Sprintf("%s-%s-%d", name, kind, k+1),
				mood: moods.at(i).stray(rng),
				rng:  rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			})
		}
	}
}

func frac(x float64) float64          { return x - math.Floor(x) }
func round3(x float64) float64        { return math.Round(x*1000) / 1000 }
func clamp(x, lo, hi float64) float64 { return min(max(x, lo), hi) }
