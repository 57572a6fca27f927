// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// performance is a piece at the piano: a few phrases, some calmer and some
// livelier than the piece.
type performance struct {
	piece   *piece
	name    string // of its file, without an extension
	phrases []Mood
	rng     *rand.Rand
}

const barsPerPhrase = 4

// planPerformances spreads the pieces over the plane, and lets the phrases of each
// stray more than sections do, in arousal alone: nobody labels them.
func planPerformances(o Options) []performance {
	moods := newPlane(random(o, partPerformances, 0))
	var performances []performance
	for i := range o.Pieces {
		rng := random(o, partPerformances, i+1)
		p := performance{name: fmt.Sprintf("performance-%02d", i+1)}
		p.piece = newPiece(rng, p.name)
		mood := moods.at(i)
		for range o.Sections {
			p.phrases = append(p.phrases, Mood{mood.Valence, clamp(mood.Arousal+0.5*(rng.Float64()-0.5), 0, 1)})
		}
		p.rng = rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
		performances = append(performances, p)
	}
	return performances
}

// scored is a note as it is written. The player decides how loud it is, and when exactly
// it sounds.
type scored struct {
	note
	left bool // hand
}

// score writes the piece, by beat and from low to high: a melody over an
// accompaniment. Arousal decides the density and the texture of a phrase, valence
// the mode and, with arousal, the register.
func (p *performance) score() []scored {
	var notes []scored
	for i, mood := range p.phrases {
		m, a := modeOf(mood.Valence), mood.Arousal
		hand := writer{mode: m, legato: 1, rng: p.rng, center: 68 + 5*mood.Valence + 12*(a-0.5)}
		right, left := hand, hand
		right.score, left.score = &score{}, &score{}
		chords := m.progressions[p.piece.progression]
		position := right.nearestTone(chords[0], right.center)
		for bar, chord := range chords {
			at := float64((i*barsPerPhrase + bar) * beatsPerBar)
			if last := bar == barsPerPhrase-1; !last {
				position = right.melody(chord, position, at, p.piece.bar(level(a), bar), p.piece.theme)
			} else { // a phrase ends on one long note, the piece at home
				if i == len(p.phrases)-1 {
					chord = 0
				}
				position = right.nearestTone(chord, right.pitchOf(position))
				right.add(right.pitch(position, chord), 0, at, beatsPerBar)
			}
			left.texture(chord, at, level(a))
		}
		right.double(a)
		for _, n := range right.notes {
			notes = append(notes, scored{n, false})
		}
		for _, n := range left.notes {
			notes = append(notes, scored{n, true})
		}
	}
	slices.SortFunc(notes, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pitch, b.pitch), cmp.Compare(b.length, a.length))
	})
	// A key that both hands have is struck once.
	return slices.CompactFunc(notes, func(a, b scored) bool { return a.start == b.start && a.pitch == b.pitch })
}

// level is one of four levels of arousal.
func level(arousal float64) int { return min(int(4*arousal), 3) }

// double adds octaves to the notes that a lively right hand plays on beats.
func (w *writer) double(arousal float64) {
	if arousal < 0.6 {
		return
	}
	for _, n := range w.notes {
		if n.start == float64(int(n.start)) {
			w.add(n.pitch-12, 0, n.start, n.length)
		}
	}
}

// textures are bars of the left hand: chords for half a bar, broken chords, bass and chord
// in turns, or running sixteenths. Tones 0 and 1 are the root, an octave apart.
var textures = [4]figure{
	{0, 2, [][]int{{1, 3, 4, 5}, {1, 3, 4, 5}}},
	{0, 0.5, [][]int{{1}, {3}, {4}, {3}, {5}, {3}, {4}, {3}}},
	{0, 1, [][]int{{0, 1}, {3, 4, 5}, {0, 1}, {3, 4, 5}}},
	{0, 0.25, [][]int{{1}, {3}, {4}, {5}, {4}, {3}, {1}, {3}, {4}, {5}, {4}, {3}, {1}, {3}, {4}, {5}}},
}

// texture writes a bar of the left hand.
func (w *writer) texture(chord int, at float64, level int) {
	root := w.bass(chord, w.center-26)
	tones := []int{root - 7, root}
	for range 4 {
		tones = append(tones, w.above(chord, tones[len(tones)-1]))
	}
	w.play(textures[level], tones, chord, at)
}
