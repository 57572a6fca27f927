// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/midi"
)

// drummer holds what the patterns of one drummer have in common, whatever their mood.
type drummer struct {
	name   string
	kicks  []int   // steps of the bass drum besides 0 and 8, the first ones first
	push   float64 // half-steps by which everything is late
	touch  float64 // of velocity by which everything is louder
	cymbal uint8   // closed hi-hat or ride
}

func newDrummer(rng *rand.Rand, name string) *drummer {
	return &drummer{
		name:   name,
		kicks:  [][]int{{10, 6}, {6, 14}, {10, 14}, {7, 10}}[rng.IntN(4)],
		push:   0.05 * (2*rng.Float64() - 1),
		touch:  5 * (2*rng.Float64() - 1),
		cymbal: []uint8{closedHat, closedHat, ride}[rng.IntN(3)],
	}
}

// General MIDI's keys of the drums.
const (
	bassDrum  = midi.BassDrum
	sideStick = 37
	snare     = midi.Snare
	closedHat = midi.ClosedHiHat
	openHat   = 46
	ride      = 51
)

// toms are those of a fill, from high to low.
var toms = [4]uint8{50, 48, 45, 43}

// pattern is eight bars of a drummer.
type pattern struct {
	take
	drummer *drummer
}

func planPatterns(o Options) (patterns []pattern) {
	planTakes(o, partDrums, "drummer", "pattern", func(rng *rand.Rand, name string) func(take) {
		d := newDrummer(rng, name)
		return func(t take) { patterns = append(patterns, pattern{t, d}) }
	})
	return patterns
}

func (p *pattern) write(dir string) error {
	return writeMIDI(dir, drumsDir, p.name, p.compose(), midi.WriteOptions{BPM: math.Round(72 + 76*p.mood.Arousal)})
}

func writeDrumLabels(dir string, patterns []pattern) error {
	labels := map[string]label{}
	for _, p := range patterns {
		labels[p.name+".mid"] = label{p.mood, p.drummer.name}
	}
	return writeJSON(filepath.Join(dir, drumsDir, dataset.DrumLabels), labels)
}

// ghosts are the steps of soft strokes on the snare drum, the first ones first.
var ghosts = [6]int{7, 9, 15, 1, 13, 3}

// compose plays eight bars of sixteen steps. Arousal decides how loud and how
// dense they are, and pulls them from behind the beat to ahead of it; valence
// swings the sixteenths and strews soft strokes between the beats.
func (p *pattern) compose() []midi.Note {
	a, glad := p.mood.Arousal, max(p.mood.Valence, 0)
	k := &kit{pattern: p}
	soft := a < 0.2
	for bar := range bars {
		k.bar = bar
		fill := bar%4 == 3 && a > 0.55
		for step := range stepsPerBar {
			switch {
			case fill && step >= 12:
				k.hit(toms[step-12], step, float64(3*(step-12)))
				continue
			case step%4 == 0:
				k.hit(p.drummer.cymbal, step, -8)
			case step == 14 && glad > 0 && a > 0.45:
				k.hit(openHat, step, -4)
			case step%2 == 0 && a > 0.25:
				k.hit(p.drummer.cymbal, step, -16)
			case step%2 == 1 && a > 0.7:
				k.hit(p.drummer.cymbal, step, -24)
			}
			if step == 4 || step == 12 {
				if soft {
					k.hit(sideStick, step, -6)
				} else {
					k.hit(snare, step, 8)
				}
			}
		}
		k.hit(bassDrum, 0, 6)
		k.hit(bassDrum, 8, 4)
		for i, step := range p.drummer.kicks {
			if a > 0.4+0.25*float64(i) {
				k.hit(bassDrum, step, 0)
			}
		}
		for _, step := range ghosts[:int(math.Round(6*glad))] {
			if p.rng.Float64() < 0.85 && !(fill && step >= 12) {
				k.hit(snare, step, -34)
			}
		}
	}
	return k.notes
}

const stepsPerBar = 16

// kit collects the notes of a pattern, bar by bar.
type kit struct {
	*pattern
	bar   int
	notes []midi.Note
}

// hit strikes a drum at a step of the bar, louder than the mood's loudness by some
// velocity.
func (k *kit) hit(drum uint8, step int, accent float64) {
	const ticks = 480 / 4 // of a step, of two half-steps
	a, v := k.mood.Arousal, k.mood.Valence
	late := 0.28 - 0.56*a + k.drummer.push + 0.04*k.rng.NormFloat64()
	if step%2 == 1 {
		late += 0.55 * max(v, 0)
	}
	if drum == snare || drum == sideStick {
		late += 0.1 * (1 - a)
	}
	velocity := 40 + 68*a + k.drummer.touch + accent + 3*k.rng.NormFloat64()
	on := int64(math.Round(ticks * (float64(stepsPerBar*k.bar+step) + late/2)))
	on = max(on, 0) // nothing is ahead of the first beat
	k.notes = append(k.notes, midi.Note{
		Pitch: drum, Velocity: uint8(math.Round(clamp(velocity, 8, 127))), Channel: 9,
		OnTick: on, OffTick: on + ticks/2,
	})
}
