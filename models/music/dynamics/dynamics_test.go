// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/midi"
)

// note is a note in seconds. Its channel is the first one unless it is given.
type note struct {
	on, off         float64
	pitch, velocity uint8
	channel         uint8
}

// song has 1,000 ticks a second, so it holds the milliseconds of its notes exactly.
func song(notes ...note) *midi.Song {
	s := &midi.Song{Format: 1, Tracks: 1, TicksPerQuarter: 500, Tempo: []midi.TempoChange{{MicrosPerQuarter: 500000}}}
	for _, n := range notes {
		on, off := int64(math.Round(n.on*1000)), int64(math.Round(n.off*1000))
		s.Notes = append(s.Notes, midi.Note{Pitch: n.pitch, Velocity: n.velocity, Channel: n.channel,
			OnTick: on, OffTick: off, On: s.Seconds(on), Off: s.Seconds(off)})
		s.EndTick = max(s.EndTick, off)
	}
	slices.SortStableFunc(s.Notes, func(a, b midi.Note) int { return cmp.Compare(a.OnTick, b.OnTick) })
	return s
}

// pedal adds events of controller 64, each a time in seconds, a value and a channel.
func pedal(s *midi.Song, events ...[3]float64) *midi.Song {
	for _, e := range events {
		tick := int64(math.Round(e[0] * 1000))
		s.Controls = append(s.Controls, midi.Control{Tick: tick, Time: s.Seconds(tick),
			Controller: 64, Value: uint8(e[1]), Channel: uint8(e[2])})
	}
	return s
}

func named(t *testing.T, names []string, values []float32) map[string]float64 {
	t.Helper()
	require.Len(t, values, len(names))
	m := map[string]float64{}
	for i, name := range names {
		m[name] = float64(values[i])
	}
	require.Len(t, m, len(names), "names are unique")
	return m
}

// tolerance is two roundings of a float32 near 1; the expected values are computed in
// float64.
const tolerance = 1.2e-7

func check(t *testing.T, want map[string]float64, got map[string]float64) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		require.Contains(t, got, name)
		assert.InDelta(t, want[name], got[name], tolerance, name)
	}
}

// one returns the values of a song's only window by name.
func one(t *testing.T, s *midi.Song) (w Window, input, target map[string]float64) {
	t.Helper()
	windows, err := Windows(s)
	require.NoError(t, err)
	require.Len(t, windows, 1)
	return windows[0], named(t, InputNames(), windows[0].Input), named(t, OutputNames(), windows[0].Target)
}

// A piece of nine notes in six clusters, worked out by hand, from 2 s on:
//
//	onset   pitches (velocity, duration)
//	+0.00   60 (40, 0.25)
//	+0.50   64 (50, 0.50), at +0.02: 67 (90, 0.25)
//	+1.00   67 (80, 1.00)
//	+1.50   72 (100, 0.75), +1.50: 48 (30, 2.00), +1.53: 55 (60, 0.01)
//	+2.50   71 (70, 0.50)
//	+3.50   62 (80, 1.50), which ends the piece at 7 s
func byHand() *midi.Song {
	return song(
		note{on: 2, off: 2.25, pitch: 60, velocity: 40},
		note{on: 2.5, off: 3, pitch: 64, velocity: 50}, note{on: 2.52, off: 2.77, pitch: 67, velocity: 90, channel: 1},
		note{on: 3, off: 4, pitch: 67, velocity: 80},
		note{on: 3.5, off: 4.25, pitch: 72, velocity: 100}, note{on: 3.5, off: 5.5, pitch: 48, velocity: 30},
		note{on: 3.53, off: 3.54, pitch: 55, velocity: 60},
		note{on: 4.5, off: 5, pitch: 71, velocity: 70},
		note{on: 5.5, off: 7, pitch: 62, velocity: 80},
	)
}

func TestInputByHand(t *testing.T) {
	w, input, _ := one(t, byHand())
	assert.Equal(t, []float64{2, 6}, []float64{w.Start, w.End})

	// Pitches 60 64 67 67 72 48 55 71 62: the sum is 566, that of the squares 36072.
	const pitches, squares = 566.0, 36072.0
	// Sorted durations 0.01 0.25 0.25 0.5 0.5 0.75 1 1.5 2: the sum is 6.76, that
	// of the squares 0.0001 + 0.125 + 0.5 + 0.5625 + 1 + 2.25 + 4.
	const durations, durationSquares = 6.76, 8.4376
	// Sounding without a gap but one, 2 to 2.25, then 2.5 to 6; the last note is cut
	// there, 1 s before its end.
	const sounding, union = durations - 1, 0.25 + 3.5
	// IOIs 0.5 0.5 0.5 1 1: their logarithms are 1 1 1 2 2.
	want := map[string]float64{
		"pitch_class_0": 3.0 / 9, "pitch_class_1": 0, "pitch_class_2": 1.0 / 9, "pitch_class_3": 0,
		"pitch_class_4": 1.0 / 9, "pitch_class_5": 0, "pitch_class_6": 0, "pitch_class_7": 3.0 / 9,
		"pitch_class_8": 0, "pitch_class_9": 0, "pitch_class_10": 0, "pitch_class_11": 1.0 / 9,

		"pitch_mean": pitches / 9 / 127, "pitch_std": math.Sqrt(squares/9-pitches/9*pitches/9) / 32,
		"pitch_min": 48.0 / 127, "pitch_max": 72.0 / 127,
		"note_rate": 9.0 / 4 / 20, "sounding_notes": sounding / union / 10,
		// Places 0.4, 2 and 3.6 of 0 to 4.
		"ioi_p10": math.Tanh(1), "ioi_p50": math.Tanh(1), "ioi_p90": math.Tanh(2), "ioi_std": math.Tanh(math.Sqrt(0.24)),
		"duration_mean": durations / 9 / 4, "duration_median": 0.5 / 4,
		"duration_std": math.Sqrt(durationSquares/9-durations/9*durations/9) / 4,
		// The top line is 60 67 67 72 71 62: steps 7 0 5 −1 −9.
		"top_interval_mean": 22.0 / 5 / 24, "top_rising_share": 2.0 / 5, "top_pitch_mean": 399.0 / 6 / 127,
		"chord_share": 5.0 / 9, "position": 2.0 / 7, "top_repeat_share": 1.0 / 5,
		"silence_share": 0.25 / 4, // what sounds after 6 s is cut
	}
	require.Len(t, want, Inputs)
	check(t, want, input)
}

func TestTargetByHand(t *testing.T) {
	_, _, target := one(t, pedal(byHand(),
		[3]float64{1, 64}, [3]float64{2.5, 63}, // held from before to 2.5
		[3]float64{3, 127}, [3]float64{3, 0, 1}, [3]float64{3.25, 90}, // another channel's is its own
		[3]float64{3.5, 0}, [3]float64{4, 127, 9}, // drums have no pedal
		[3]float64{5, 64, 1}, [3]float64{7, 0, 1}))

	// Velocities 40 50 90 80 100 30 60 70 80: the sum is 600, that of the squares 44400.
	std := math.Sqrt(44400.0/9 - 600.0/9*600.0/9)
	// Onsets 0 0.5 0.52 1 1.5 1.5 1.53 2.5 3.5: the sum is 12.55.
	var xy, xx float64
	onsets := []float64{0, 0.5, 0.52, 1, 1.5, 1.5, 1.53, 2.5, 3.5}
	for i, v := range []float64{40, 50, 90, 80, 100, 30, 60, 70, 80} {
		x := onsets[i] - 12.55/9
		xy += x * (v - 600.0/9)
		xx += x * x
	}
	slope := xy / xx / 127 * 4
	// Pitch times velocity: 2400+3200+6030+5360+7200+1440+3300+4970+4960 = 38860.
	cov := 38860.0/9 - 566.0/9*600.0/9
	r := cov / (math.Sqrt(36072.0/9-566.0/9*566.0/9) * std)
	// The top notes' durations 0.25 0.25 1 0.75 0.5 over IOIs 0.5 0.5 0.5 1 1.
	articulation := []float64{0.5, 0.5, 1, 0.75, 0.5}
	want := map[string]float64{
		"velocity_mean": 600.0 / 9 / 127, "velocity_std": std / 127, "velocity_min": 30.0 / 127, "velocity_max": 100.0 / 127,
		// Sorted 30 40 50 60 70 80 80 90 100, places 0.8, 4 and 7.2.
		"velocity_p10": 38.0 / 127, "velocity_p50": 70.0 / 127, "velocity_p90": 92.0 / 127,
		"velocity_slope": 0.5 + slope/2,
		// The top line's are 40 90 80 100 70 80, the others' 50 30 60.
		"top_velocity_lead":          0.5 + (460.0/6-140.0/3)/254,
		"pitch_velocity_correlation": 0.5 + r/2,
		"articulation_mean":          3.25 / 5, "articulation_std": math.Sqrt((0.25+0.25+1+0.5625+0.25)/5 - 0.65*0.65),
		"ioi_variation": math.Sqrt(0.06) / 0.7, // mean 0.7, deviations 0.2 and 0.3
		"chord_spread":  (20.0 + 30.0) / 2 / 30,
		"pedal_share":   (0.5 + 0.5 + 1) / 4,
		"pedal_changes": 4.0 / 4 / 4, // up at 2.5, down at 3, up at 3.5, down at 5
	}
	assert.Equal(t, 0.65, (articulation[0]+articulation[1]+articulation[2]+articulation[3]+articulation[4])/5)
	require.Len(t, want, Outputs)
	check(t, want, target)
}

// Eight notes at once have no time between them, so values that need it are undefined.
func TestUndefined(t *testing.T) {
	var chord, drone []note
	for i := range uint8(8) {
		chord = append(chord, note{pitch: 60 + i, velocity: 64})
		drone = append(drone, note{on: float64(i) / 4, off: float64(i+1) / 4, pitch: 60, velocity: 64 + i})
	}
	_, input, target := one(t, song(chord...)) // of no duration at all, at 0 s
	check(t, map[string]float64{
		"ioi_p10": 0, "ioi_p50": 0, "ioi_p90": 0, "ioi_std": 0, "sounding_notes": 0, "duration_mean": 0,
		"top_interval_mean": 0, "top_rising_share": 0, "top_repeat_share": 0, "top_pitch_mean": 67.0 / 127,
		"chord_share": 1, "position": 0, "silence_share": 1,
	}, input)
	check(t, map[string]float64{
		"velocity_std": 0, "articulation_mean": 0, "articulation_std": 0, "ioi_variation": 0, "chord_spread": 0,
		"pedal_share": 0, "pedal_changes": 0,
	}, target)
	for _, name := range []string{"velocity_slope", "top_velocity_lead", "pitch_velocity_correlation"} {
		assert.Equal(t, 0.5, target[name], name)
	}

	_, input, target = one(t, song(drone...)) // one pitch, one voice, even
	check(t, map[string]float64{
		"pitch_class_0": 1, "pitch_std": 0, "top_repeat_share": 1, "chord_share": 0, "sounding_notes": 0.1,
		"ioi_p50": 0, "ioi_std": 0, "duration_std": 0, "silence_share": 0.5, "note_rate": 0.1,
	}, input)
	check(t, map[string]float64{"articulation_mean": 1, "ioi_variation": 0, "velocity_slope": 0.5 + 16.0/127/2}, target)
	assert.Equal(t, 0.5, target["top_velocity_lead"], "no other notes")
	assert.Equal(t, 0.5, target["pitch_velocity_correlation"], "one pitch")
}

// In random pieces, the player does not change the values of the score, and a
// transposition of the score does not change those of the player.
func TestScoreAndPlayerAreApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		s := random(rng)
		windows, err := Windows(s)
		require.NoError(t, err)

		played := *s
		played.Notes = slices.Clone(s.Notes)
		for i := range played.Notes {
			played.Notes[i].Velocity = uint8(1 + rng.IntN(127))
		}
		played.Controls = nil
		again, err := Windows(&played)
		require.NoError(t, err)
		require.Len(t, again, len(windows))
		for i := range windows {
			require.Equal(t, windows[i].Input, again[i].Input)
			require.NotEqual(t, windows[i].Target, again[i].Target)
		}

		higher := *s
		higher.Notes = slices.Clone(s.Notes)
		for i := range higher.Notes {
			higher.Notes[i].Pitch += 7
		}
		drums := midi.Note{Pitch: 36, Velocity: 127, Channel: 9}
		higher.Notes = slices.Insert(higher.Notes, 0, drums, drums) // which count for nothing
		again, err = Windows(&higher)
		require.NoError(t, err)
		require.Len(t, again, len(windows))
		for i := range windows {
			was, is := windows[i].Input, again[i].Input
			for class := range 12 {
				require.Equal(t, was[class], is[(class+7)%12])
			}
			require.InDelta(t, was[12]+7.0/127, is[12], tolerance)
			require.InDelta(t, was[13], is[13], tolerance)
			require.Equal(t, was[16:27], is[16:27])
			require.Equal(t, was[28:], is[28:])
			for j := range windows[i].Target { // the correlation's sums differ
				require.InDelta(t, windows[i].Target[j], again[i].Target[j], tolerance)
			}
		}
	}
}

// random returns a piece of a few windows with chords, rests and pedal.
func random(rng *rand.Rand) *midi.Song {
	var notes []note
	for at := 0.0; at < 14; at += 0.02 + 0.3*rng.Float64() {
		for range 1 + rng.IntN(3) {
			notes = append(notes, note{on: at + 0.04*rng.Float64(), off: at + 0.05 + 3*rng.Float64(),
				pitch: uint8(40 + rng.IntN(40)), velocity: uint8(1 + rng.IntN(127)), channel: uint8(rng.IntN(3))})
		}
	}
	s := song(notes...)
	for at := 0.0; at < 14; at += rng.Float64() {
		s = pedal(s, [3]float64{at, float64(rng.IntN(128)), float64(rng.IntN(2))})
	}
	return s
}

func TestNames(t *testing.T) {
	for _, names := range [][]string{InputNames(), OutputNames()} {
		assert.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "unique")
		for _, name := range names {
			assert.Regexp(t, `^[a-z0-9_]{3,30}$`, name)
		}
	}
	InputNames()[0] = "changed"
	assert.Equal(t, "pitch_class_0", InputNames()[0])
}
