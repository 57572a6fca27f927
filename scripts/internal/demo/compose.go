// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"math"
	"math/rand/v2"

	"github.com/etude-ml/etude/models/music/midi"
)

// piece holds the harmony and the theme, which its sections share. All pieces stand
// on C, so that mode and register, not the key, show in the pitches.
type piece struct {
	name        string
	progression int    // which of its mode's
	theme       [4]int // steps of the melody from beat to beat, in degrees of the scale
	rhythm      uint64 // chooses among the rhythms of a density
}

// newPiece invents a piece.
func newPiece(rng *rand.Rand, name string) *piece {
	p := &piece{
		name:        name,
		progression: rng.IntN(4),
		rhythm:      rng.Uint64(),
	}
	for i := range p.theme {
		p.theme[i] = []int{-2, -1, -1, 1, 1, 2}[rng.IntN(6)]
	}
	return p
}

// bar returns the rhythm of a bar. Even and odd bars have one each.
func (p *piece) bar(density, bar int) []float64 {
	choices := rhythms[density]
	return choices[(p.rhythm+uint64(bar%2))%uint64(len(choices))]
}

// mode is a scale, and progressions on its degrees, a chord a bar.
type mode struct {
	scale        [7]int
	progressions [4][4]int
	leading      bool // the chord on the fifth degree gets a raised third
}

var (
	major = mode{
		scale:        [7]int{0, 2, 4, 5, 7, 9, 11},
		progressions: [4][4]int{{0, 4, 5, 3}, {0, 3, 0, 4}, {0, 5, 3, 4}, {0, 3, 1, 4}},
	}
	minor = mode{
		scale:        [7]int{0, 2, 3, 5, 7, 8, 10},
		progressions: [4][4]int{{0, 5, 2, 6}, {0, 3, 0, 4}, {0, 6, 5, 4}, {0, 5, 3, 4}},
		leading:      true,
	}
)

// modeOf returns the mode of a mood of this valence.
func modeOf(valence float64) *mode {
	if valence >= 0 {
		return &major
	}
	return &minor
}

// rhythms gives bars of four beats, from calm to driving, as lengths in beats.
var rhythms = [4][][]float64{
	{{2, 2}, {3, 1}, {2, 1, 1}, {4}},
	{{1, 1, 1, 1}, {1.5, .5, 1, 1}, {2, 1, 1}, {1, 1, 2}},
	{{1, .5, .5, 1, .5, .5}, {.5, .5, 1, .5, .5, 1}, {1.5, .5, .5, .5, 1}, {.5, .5, .5, .5, 1, 1}},
	{{.5, .25, .25, .5, .5, .5, .25, .25, .5, .5}, {.25, .25, .5, .5, .5, .25, .25, .5, .5, .5}, {.5, .5, .5, .5, .5, .5, .5, .5}},
}

// score is composed music: notes in beats, and the tempo that makes them time.
type score struct {
	tempo float64 // quarters a minute
	notes []note
}

type note struct {
	pitch, velocity int
	start, length   float64 // in beats
}

const (
	bars        = 8
	beatsPerBar = 4
)

// writer adds notes to a score.
type writer struct {
	*score
	mode     *mode
	center   float64 // the melody's middle pitch
	velocity float64
	legato   float64 // share of its time for which a note sounds
	rng      *rand.Rand
}

// melody writes a bar and returns where it went: on beats the nearest tone of the
// chord, between them along the theme, drawn back towards the middle.
func (w *writer) melody(chord, position int, at float64, rhythm []float64, theme [4]int) int {
	start := at
	for i, length := range rhythm {
		onBeat := start == math.Floor(start)
		if i > 0 {
			step := theme[(int(2*start)+i)%len(theme)]
			if off := w.pitchOf(position+step) - w.center; math.Abs(off) > 7 && off*float64(step) > 0 {
				step = -step
			}
			position += step
		}
		accent := 0.0
		if onBeat {
			position = w.nearestTone(chord, w.pitchOf(position))
			accent = 6
		}
		w.add(w.pitch(position, chord), accent, start, length)
		start += length
	}
	return position
}

// figure is what an accompaniment plays in a bar: in each step some tones of the chord, by
// their places in a list.
type figure struct {
	accent, length float64 // of each step
	steps          [][]int
}

// accompaniments go from calm to driving: chords are held, repeated or broken.
var accompaniments = [4]figure{
	{-12, beatsPerBar, [][]int{{0, 1, 2}}},
	{-10, 2, [][]int{{0, 1, 2}, {0, 1, 2}}},
	{-8, 1, [][]int{{0}, {1}, {2}, {1}}},
	{-8, 0.5, [][]int{{0}, {2}, {1}, {2}, {0}, {2}, {1}, {2}}},
}

// accompany writes a bass note and the chord above it.
func (w *writer) accompany(chord int, at float64, density int) {
	root := w.bass(chord, w.center-24)
	third := w.nearestTone(chord, w.center-12)
	w.add(w.pitch(root, chord), 0, at, beatsPerBar)
	fifth := w.above(chord, third)
	w.play(accompaniments[density], []int{third, fifth, w.above(chord, fifth)}, chord, at)
}

// play writes a figure with the positions of its tones.
func (w *writer) play(f figure, tones []int, chord int, at float64) {
	for i, step := range f.steps {
		for _, tone := range step {
			w.add(w.pitch(tones[tone], chord), f.accent, at+float64(i)*f.length, f.length)
		}
	}
}

// add appends a note, a little louder or softer than the mood's loudness.
func (w *writer) add(pitch int, accent, start, length float64) {
	velocity := math.Round(w.velocity + accent + 3*w.rng.NormFloat64())
	w.notes = append(w.notes, note{
		pitch:    int(clamp(float64(pitch), 21, 108)),
		velocity: int(clamp(velocity, 12, 127)),
		start:    start,
		length:   length * w.legato,
	})
}

// A position is a degree of the scale counted through the octaves: position 35
// is the tonic of the octave from pitch 60.

// pitchOf returns the pitch of a position.
func (w *writer) pitchOf(position int) float64 {
	octave, degree := floorDiv(position, 7)
	return float64(12*octave + w.mode.scale[degree])
}

// pitch returns pitchOf under a chord: the dominant in minor has the leading tone.
func (w *writer) pitch(position, chord int) int {
	p := int(w.pitchOf(position))
	if _, degree := floorDiv(position, 7); w.mode.leading && chord == 4 && degree == 6 {
		p++
	}
	return p
}

// nearestTone returns the position of the chord's tone nearest to a pitch.
func (w *writer) nearestTone(chord int, pitch float64) int {
	best, distance := 0, math.Inf(1)
	for position := 7; position < 70; position++ {
		if !isTone(chord, position) {
			continue
		}
		if d := math.Abs(w.pitchOf(position) - pitch); d < distance {
			best, distance = position, d
		}
	}
	return best
}

// bass returns the position of the chord's own degree, at or below its tone nearest to a
// pitch.
func (w *writer) bass(chord int, pitch float64) int {
	root := w.nearestTone(chord, pitch)
	for (root-chord)%7 != 0 {
		root--
	}
	return root
}

// above returns the next tone of the chord.
func (w *writer) above(chord, position int) int {
	for position++; !isTone(chord, position); position++ {
	}
	return position
}

// isTone reports whether a position is root, third or fifth of the triad on a degree.
func isTone(chord, position int) bool {
	_, interval := floorDiv(position-chord, 7)
	return interval == 0 || interval == 2 || interval == 4
}

func floorDiv(a, b int) (quotient, rest int) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

// midi returns the notes of a MIDI file of 480 ticks a quarter.
func (s *score) midi() []midi.Note {
	const ticks = 480
	notes := make([]midi.Note, len(s.notes))
	for i, n := range s.notes {
		on := int64(math.Round(n.start * ticks))
		notes[i] = midi.Note{
			Pitch:    uint8(n.pitch),
			Velocity: uint8(n.velocity),
			OnTick:   on,
			OffTick:  on + max(1, int64(math.Round(n.length*ticks))),
		}
	}
	return notes
}
