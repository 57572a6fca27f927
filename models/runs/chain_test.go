// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/models/music/groove"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// freshChain returns a chain of networks with their initial values, and a sound of 5 s.
func freshChain(t *testing.T) (*Chain, string) {
	t.Helper()
	x := make([]float64, 5*8000)
	for i := range x {
		x[i] = math.Sin(float64(i*i) / 100000)
	}
	sound := filepath.Join(t.TempDir(), "rising.wav")
	f, err := os.Create(sound)
	require.NoError(t, err)
	require.NoError(t, audio.WriteWAV(f, x, 8000))
	require.NoError(t, f.Close())
	m := func(name string) *Model { return fresh(t, name)[1] }
	return &Chain{Emotion: m("emotion"), Melody: m("melody"), Harmony: m("harmony"), Groove: m("groove"), Dynamics: m("dynamics")}, sound
}

// Each network gets what the ones before it answered, in the form of its training.
func TestChain(t *testing.T) {
	c, sound := freshChain(t)
	ctx := context.Background()
	list, sketch, err := c.Predict(ctx, sound, ChainOptions{Bars: 6, Every: 1.5, Seed: 3})
	require.NoError(t, err)
	networks := map[string]*Model{}
	for _, m := range c.Models() {
		networks[m.Spec.Name] = m
	}
	out := filepath.Join(t.TempDir(), "sketch.mid")
	require.NoError(t, sketch.WriteMIDI(out))
	score, err := dataset.DynamicsSource.Features(out)
	require.NoError(t, err)

	var order []string
	var mood []float32
	steps, windows := 0, 0
	for _, p := range list {
		require.NoError(t, p.Err)
		order = append(order, p.Network)
		switch p.Network {
		case "emotion":
			v, a := dataset.ReadEmbedding(p.Output)
			mood = dataset.Embedding(min(max(v, -1), 1), min(max(a, 0), 1))
		case "harmony":
			before := 6*(steps/2) + 4*(steps%2)
			steps++
			assert.Equal(t, mood, p.Input[:64])
			assert.Equal(t, chords.Context(sketch.Chords[:before]), p.Input[64:])
		case "dynamics":
			assert.Equal(t, score.Parts[windows].Input, p.Input, "the sketch's own")
			least, greatest := 127*float64(p.Output[2]), 127*float64(p.Output[3])
			for _, n := range sketch.Notes {
				if at := float64(n.OnTick) / 960; n.Channel != midi.DrumChannel && at >= float64(4*windows) && at < float64(4*windows+4) {
					assert.InDelta(t, (least+greatest)/2, float64(n.Velocity), math.Abs(greatest-least)/2+0.5)
				}
			}
			windows++
		default:
			assert.Equal(t, mood, p.Input)
		}
		want, err := networks[p.Network].Forward(ctx, p.Input)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, p.Output, 1e-6, "kernels for one row may round otherwise than those for several")
	}
	one := []string{"emotion", "melody", "groove", "harmony", "harmony"}
	assert.Equal(t, slices.Concat(one, one, one), order[:15], "windows at 0, 1.5 and 3 s")
	assert.Equal(t, 9, windows, "18 bars are 36 s")
	assert.Len(t, order, 24)
	assert.Len(t, sketch.Chords, 18)
	assert.InDelta(t, 1.5, list[9].Start, 0)
	assert.Regexp(t, `^chords 7-10: \S+ \S+ \S+ \S+$`, list[8].Part)
	assert.Regexp(t, `^chords 11-12: \S+ \S+$`, list[9].Part)

	// The seed decides what is drawn.
	written := map[string]uint64{}
	for _, seed := range []uint64{3, 3, 4} {
		_, again, err := c.Predict(ctx, sound, ChainOptions{Bars: 6, Every: 1.5, Seed: seed})
		require.NoError(t, err)
		text, err := again.encode()
		require.NoError(t, err)
		written[string(text)] = seed
	}
	assert.Len(t, written, 2)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.EqualValues(t, 3, written[string(text)])

	// What a run lacks is left out.
	alone := &Chain{Emotion: c.Emotion, Dynamics: c.Dynamics}
	list, sketch, err = alone.Predict(ctx, sound, ChainOptions{})
	require.NoError(t, err)
	assert.Len(t, list, 1)
	none := filepath.Join(t.TempDir(), "none.mid")
	assert.ErrorContains(t, sketch.WriteMIDI(none), "no network predicted a note")
	assert.NoFileExists(t, none)
	alone.Harmony = c.Harmony
	list, sketch, err = alone.Predict(ctx, sound, ChainOptions{})
	require.NoError(t, err)
	assert.Len(t, sketch.Chords, 16)
	assert.Equal(t, "dynamics", list[len(list)-1].Network, "of the chords alone")
	for _, n := range sketch.Notes {
		assert.EqualValues(t, chordChannel, n.Channel)
	}

	// An emotion beyond all labels counts as the nearest one.
	low := fresh(t, "emotion")[0]
	weights := nn.Parameters(low.module)
	torch.NoGrad(func() { weights[len(weights)-1].FillInPlace(-5) })
	list, _, err = (&Chain{Emotion: low, Groove: c.Groove}).Predict(ctx, sound, ChainOptions{})
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Contains(t, list[0].Notes[0], "count as -1 and 0 in the chain")
	assert.Equal(t, dataset.Embedding(-1, 0), list[1].Input)

	list, sketch, err = c.Predict(ctx, sound+"none", ChainOptions{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.ErrorContains(t, list[0].Err, "no such file")
	assert.Empty(t, sketch.Notes)
	_, _, err = c.Predict(ctx, sound, ChainOptions{Bars: maxBars + 1})
	assert.ErrorContains(t, err, "a sketch of 32769 bars is too long")
	cut, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = c.Predict(cut, sound, ChainOptions{})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = OpenChain(t.TempDir())
	assert.ErrorContains(t, err, "no network emotion in it")
}

// The file holds what was predicted, for mido, for Etude's reader, and for the features that
// the networks learn from.
func TestSketch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pitches, hits := make([]float32, midi.Pitches), make([]float32, groove.Outputs)
	for i := 36; i < 96; i++ {
		pitches[i] = rng.Float32()
	}
	for i := range groove.Steps {
		hits[i], hits[groove.Steps+i] = 0.2+0.8*rng.Float32(), 2*rng.Float32()-1
	}
	hits[5], hits[groove.Steps+5] = 0.1, 0 // not to be heard
	hits[groove.Steps+6] = 1               // a tick later it would be the next step's
	const bars = 2000
	s := &Sketch{rng: rng}
	for range bars {
		s.addBar(7*5, pitches, hits) // G B D
	}
	file := filepath.Join(t.TempDir(), "sketch.mid")
	require.NoError(t, s.WriteMIDI(file))
	song, err := midi.Read(file)
	require.NoError(t, err)
	assert.Empty(t, song.Faults)
	assert.Equal(t, []int{1, 4, 480}, []int{song.Format, song.Tracks, song.TicksPerQuarter})
	require.Len(t, song.Tempo, 1)
	assert.InDelta(t, 120, song.Tempo[0].BPM(), 0)
	assert.InDelta(t, 2*bars, song.Seconds(song.EndTick), 1e-9)

	// The drums alone give the groove that they were made of, in every window but the first,
	// where nothing is ahead of the first beat. A velocity is a whole number, a time a whole
	// tick, of which half a step has 60.
	drums := *song
	drums.Notes = slices.DeleteFunc(slices.Clone(song.Notes), func(n midi.Note) bool { return n.Channel != midi.DrumChannel })
	windows, err := groove.Windows(&drums)
	require.NoError(t, err)
	hits[5] = 0
	for _, w := range windows[1:] {
		require.InDeltaSlice(t, hits[:groove.Steps], w.Target[:groove.Steps], 0.5/127+1e-6)
		require.InDeltaSlice(t, hits[groove.Steps:], w.Target[groove.Steps:], 1.0/60+1e-6)
	}

	// The melody's notes are drawn from the shares, on the beats 1 and 3 from the chord's
	// tones; a test of chi squared would fail for one seed of a thousand.
	of := map[bool][]float64{true: make([]float64, midi.Pitches), false: make([]float64, midi.Pitches)}
	var chordTones []int
	for _, n := range song.Notes {
		switch {
		case n.Channel == melodyChannel:
			of[n.OnTick%(2*sketchQuarter) == 0][n.Pitch]++
		case n.Channel == chordChannel && n.OnTick == 0:
			chordTones = append(chordTones, int(n.Pitch))
		}
	}
	assert.Equal(t, []int{43, 55, 59, 62}, chordTones)
	for strong, counts := range of {
		n, sum := 0.0, 0.0
		expected := make([]float64, midi.Pitches)
		for i, share := range pitches {
			if pc := i % 12; !strong || pc == 7 || pc == 11 || pc == 2 {
				expected[i] = float64(share)
				sum += expected[i]
			}
			n += counts[i]
		}
		require.InDelta(t, map[bool]float64{true: 2 * bars, false: 6 * bars}[strong], n, 0)
		chi, degrees := 0.0, -1.0
		for i, e := range expected {
			if e *= n / sum; e == 0 {
				assert.Zero(t, counts[i], "pitch %d", i)
				continue
			}
			chi += (counts[i] - e) * (counts[i] - e) / e
			degrees++
		}
		assert.Less(t, chi, distuv.ChiSquared{K: degrees}.Quantile(0.999), "strong beats: %v", strong)
	}

	torchtest.Python(t)
	var theirs struct {
		Type, Ticks int
		Tracks      []struct {
			Name    string
			Tempi   []int
			Notes   [][5]int64
			Hanging int
		}
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/sketch.py", file), &theirs))
	assert.Equal(t, []int{1, 480}, []int{theirs.Type, theirs.Ticks})
	require.Len(t, theirs.Tracks, 4)
	assert.Equal(t, []int{500000}, theirs.Tracks[0].Tempi)
	for i, name := range []string{"", "melody", "chords", "drums"} {
		track := theirs.Tracks[i]
		assert.Equal(t, name, track.Name)
		assert.Zero(t, track.Hanging)
		var ours [][5]int64
		for _, n := range song.Notes {
			if int(n.Track) == i {
				ours = append(ours, [5]int64{int64(n.Channel), int64(n.Pitch), int64(n.Velocity), n.OnTick, n.OffTick})
				assert.Equal(t, name == "drums", n.Channel == midi.DrumChannel)
			}
		}
		slices.SortFunc(ours, func(a, b [5]int64) int { return slices.Compare(a[:], b[:]) })
		require.True(t, slices.Equal(ours, track.Notes), name)
	}
}

// Shares that leave no choice still give a sketch.
func TestSketchOfExtremes(t *testing.T) {
	s := &Sketch{rng: rand.New(rand.NewPCG(1, 2))}
	other := make([]float32, chords.Classes)
	other[chords.Other] = 1
	assert.Equal(t, chords.NoChord, s.addChord(other))
	pitches := make([]float32, midi.Pitches)
	pitches[61] = 1 // no tone of the chord
	loud := make([]float32, groove.Outputs)
	for i := range loud {
		loud[i] = []float32{1, -1}[i/groove.Steps]
	}
	s.addBar(0, pitches, loud)
	s.addBar(chords.NoChord, make([]float32, midi.Pitches), nil)
	s.addBar(-1, nil, nil)
	assert.Len(t, s.Notes, 4+8+16)
	for _, n := range s.Notes {
		switch {
		case n.Channel == melodyChannel:
			assert.EqualValues(t, 61, n.Pitch)
		case n.Channel == midi.DrumChannel:
			assert.EqualValues(t, 127, n.Velocity)
		}
		assert.GreaterOrEqual(t, n.OnTick, int64(0))
	}
	_, err := s.encode()
	assert.NoError(t, err)
}
