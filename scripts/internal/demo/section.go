// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/midi"
)

// section is a part of a piece: one sample of each kind.
type section struct {
	take
	piece *piece
}

func plan(o Options) (sections []section) {
	planTakes(o, partPieces, "piece", "section", func(rng *rand.Rand, name string) func(take) {
		p := newPiece(rng, name)
		return func(t take) { sections = append(sections, section{t, p}) }
	})
	return sections
}

// write composes the section and writes its two files.
func (s *section) write(dir string) error {
	score := s.compose()
	if err := writeMIDI(dir, midiDir, s.name, score.midi(), midi.WriteOptions{BPM: score.tempo}); err != nil {
		return err
	}
	var file bytes.Buffer
	if err := audio.WriteWAV(&file, score.sound(s.mood, s.rng), rate); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, audioDir, s.name+".wav"), file.Bytes(), 0o666)
}

// compose writes eight bars, two phrases of four: the first ends open, the
// second at home. Valence decides mode and register, arousal tempo, density,
// loudness and articulation.
func (s *section) compose() *score {
	v, a, rng := s.mood.Valence, s.mood.Arousal, s.rng
	m := modeOf(v)
	w := &writer{
		score:    &score{tempo: math.Round(62 + 90*a + 4*rng.NormFloat64()/2)},
		mode:     m,
		center:   67 + 9*v + 2*(a-0.5),
		velocity: 42 + 66*a,
		legato:   0.98 - 0.4*a,
		rng:      rng,
	}
	density := int(clamp(math.Floor(4*a+0.5*(rng.Float64()-0.5)), 0, 3))
	chords := m.progressions[s.piece.progression]
	position := w.nearestTone(chords[0], w.center)
	for bar := range bars {
		chord := chords[bar%4]
		if bar == bars-1 {
			chord = 0
		}
		at := float64(bar * beatsPerBar)
		w.accompany(chord, at, density)
		if bar%4 == 3 { // a phrase ends on one long note
			w.add(w.pitch(w.nearestTone(chord, w.pitchOf(position)), chord), 6, at, 3)
			continue
		}
		position = w.melody(chord, position, at, s.piece.bar(density, bar), s.piece.theme)
	}
	return w.score
}
