// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/models/music/dynamics"
	"github.com/etude-ml/etude/models/music/groove"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch/wholefile"
)

// Sketch is the music that a [Chain] makes of what its networks predict, in 4/4 on C at 120
// quarters a minute, which no network predicts:
//
//   - Each bar holds a chord of Chords on channel 2, its triad over the root.
//   - The melody, on channel 1, has eight notes a bar, which are drawn from the predicted
//     shares of the pitches; those on the beats 1 and 3 only from the tones of the bar's chord.
//   - The drums, on channel 10, have a hit at each sixteenth whose predicted velocity is at
//     least 16 of 127, with this velocity and the predicted offset: the bass drum on the
//     beats 1 and 3, the snare on 2 and 4, the closed hi-hat between them.
//   - Melody and chords have velocities that are drawn for each 4 s around the mean that
//     dynamics predicts for these notes, with its deviation, least and greatest velocity; 80
//     where it predicts none.
//
// What was not predicted is not in it.
type Sketch struct {
	Chords []int // the class of each bar's chord, see [chords.ClassName]
	Notes  []midi.Note

	bars int
	rng  *rand.Rand
}

const (
	sketchQuarter  = 480 // ticks
	sketchBar      = 4 * sketchQuarter
	sketchBPM      = 120
	sketchVelocity = 80
	leastHit       = 16      // velocity of a drum that is heard
	maxBars        = 1 << 15 // of a file that midi reads again

	melodyChannel, chordChannel = 0, 1
)

// add appends a note of the last bar, at ticks from its beginning.
func (s *Sketch) add(channel uint8, pitch, velocity int, on, length int64) {
	on = max(0, on+int64(s.bars-1)*sketchBar)
	s.Notes = append(s.Notes, midi.Note{Channel: channel, Pitch: uint8(pitch), Velocity: uint8(velocity), OnTick: on, OffTick: on + length})
}

// addBar adds a bar of a chord class, of shares of the pitches and of a groove; -1 or nil
// where there is none.
func (s *Sketch) addBar(class int, pitches, hits []float32) {
	s.bars++
	tones := chords.Tones(class)
	for i, tone := range tones {
		if i == 0 {
			s.add(chordChannel, 36+tone, sketchVelocity, 0, sketchBar)
		}
		s.add(chordChannel, 48+tone, sketchVelocity, 0, sketchBar)
	}
	for i := range 8 {
		const eighth = sketchQuarter / 2
		pitch := -1
		if i%4 == 0 {
			pitch = s.draw(pitches, func(pitch int) bool {
				return slices.ContainsFunc(tones, func(tone int) bool { return (pitch-tone)%12 == 0 })
			})
		}
		if pitch < 0 { // no tone of the chord has a share, or there is no chord
			pitch = s.draw(pitches, func(int) bool { return true })
		}
		if pitch >= 0 {
			s.add(melodyChannel, pitch, sketchVelocity, int64(i)*eighth, eighth)
		}
	}
	const step = sketchBar / groove.Steps
	for i := range len(hits) / 2 {
		velocity := int(math.Round(127 * float64(min(hits[i], 1))))
		if velocity < leastHit {
			continue
		}
		drum := midi.ClosedHiHat
		if i%4 == 0 {
			drum = []int{midi.BassDrum, midi.Snare}[i/4%2]
		}
		// A hit that is half a step late would count as the next one.
		late := min(int64(math.Round(step/2*float64(hits[groove.Steps+i]))), step/2-1)
		s.add(midi.DrumChannel, drum, velocity, int64(i)*step+late, step/4)
	}
}

// draw returns a number with the probability of its share among those that may be; -1 where
// none of them has a share.
func (s *Sketch) draw(shares []float32, may func(int) bool) int {
	sum := 0.0
	for i, share := range shares {
		if may(i) {
			sum += float64(max(share, 0))
		}
	}
	at, last := s.rng.Float64()*sum, -1
	for i, share := range shares {
		if share > 0 && may(i) {
			if last = i; at < float64(share) {
				break
			}
			at -= float64(share)
		}
	}
	return last
}

// addChord draws the next chord of harmony's shares. A class that names no chord is not
// drawn; if there is no other, nothing sounds.
func (s *Sketch) addChord(shares []float32) int {
	class := s.draw(shares, func(class int) bool { return class < chords.Other })
	if class < 0 {
		class = chords.NoChord
	}
	s.Chords = append(s.Chords, class)
	return class
}

// play lets dynamics predict how loud the melody and the chords are.
func (s *Sketch) play(ctx context.Context, m *Model, file string) ([]Prediction, error) {
	text, err := s.encode()
	if err != nil {
		return nil, err
	}
	song, err := midi.Parse(text)
	if err != nil {
		return nil, err
	}
	windows, err := dynamics.Windows(song)
	if errors.Is(err, dynamics.ErrNoNotes) || errors.Is(err, dynamics.ErrNoWindow) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	list := make([]Prediction, len(windows))
	for i, w := range windows {
		list[i] = Prediction{File: file, Part: fmt.Sprintf("sketch, %.1f-%.1f s", w.Start, w.End), Start: w.Start, Input: w.Input}
	}
	if list, err = m.answer(ctx, list); err != nil {
		return nil, err
	}
	const second = sketchQuarter * sketchBPM / 60
	for k := range s.Notes {
		n := &s.Notes[k]
		at := float64(n.OnTick) / second
		i := sort.Search(len(windows), func(i int) bool { return windows[i].End > at })
		if n.Channel == midi.DrumChannel || i == len(windows) || at < windows[i].Start || list[i].Err != nil {
			continue
		}
		// In the order of dynamics.OutputNames: mean, deviation, least and greatest.
		out := list[i].Output
		v := float64(out[0]) + float64(out[1])*s.rng.NormFloat64()
		v = math.Round(127 * min(max(v, float64(out[2])), float64(out[3])))
		n.Velocity = uint8(min(max(v, 1), 127))
	}
	return list, nil
}

func (s *Sketch) encode() ([]byte, error) {
	var b bytes.Buffer
	o := midi.WriteOptions{BPM: sketchBPM, TicksPerQuarter: sketchQuarter}
	o.Names[melodyChannel], o.Names[chordChannel], o.Names[midi.DrumChannel] = "melody", "chords", "drums"
	err := midi.Write(&b, s.Notes, o)
	return b.Bytes(), err
}

// WriteMIDI writes the sketch as a Standard MIDI File of type 1, with a track each for
// melody, chords and drums.
func (s *Sketch) WriteMIDI(path string) error {
	if len(s.Notes) == 0 {
		return fmt.Errorf("%s: nothing to write: no network predicted a note", path)
	}
	text, err := s.encode()
	if err != nil {
		return err
	}
	return wholefile.Write(path, text)
}
