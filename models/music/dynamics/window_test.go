// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"cmp"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"

	"github.com/etude-ml/etude/models/music/midi"
)

// repeat returns n notes of a pitch, one every 0.1 s from a time on.
func repeat(n int, from float64, pitch uint8) []note {
	var notes []note
	for i := range n {
		at := from + float64(i)/10
		notes = append(notes, note{on: at, off: at + 0.05, pitch: pitch, velocity: 64})
	}
	return notes
}

func TestWindowsNeedEightNotes(t *testing.T) {
	// From 1 s on: eight notes, seven, none, eight.
	notes := append(repeat(8, 1, 60), repeat(7, 5.5, 60)...)
	windows, err := Windows(song(append(notes, repeat(8, 13, 60)...)...))
	require.NoError(t, err)
	require.Len(t, windows, 2)
	assert.Equal(t, [2]float64{1, 5}, [2]float64{windows[0].Start, windows[0].End})
	assert.Equal(t, [2]float64{13, 17}, [2]float64{windows[1].Start, windows[1].End})

	s := song(repeat(7, 0, 60)...)
	_, err = Windows(s)
	require.ErrorIs(t, err, ErrNoWindow)
	s.Path = "songs/a b.mid"
	_, err = Windows(s)
	require.ErrorContains(t, err, "dynamics: songs/a b.mid: no window of 4 s")

	drums := repeat(20, 0, 36)
	for i := range drums {
		drums[i].channel = 9
	}
	s = song(drums...)
	s.Path = "beat.mid"
	_, err = Windows(s)
	require.ErrorIs(t, err, ErrNoNotes)
	require.ErrorContains(t, err, "dynamics: beat.mid: no notes outside channel 10")
	_, err = Windows(&midi.Song{})
	require.ErrorIs(t, err, ErrNoNotes)

	// Drums neither start a window nor fill one.
	windows, err = Windows(song(append(drums, repeat(8, 1.7, 60)...)...))
	require.NoError(t, err)
	require.Len(t, windows, 1)
	assert.InDelta(t, 1.7, windows[0].Start, 1e-12)
}

// A tick of 1/3 ms is not a binary fraction. Still, an onset 12,000 ticks after the first
// is in the next window, wherever the first is, and an onset 90 ticks after it is in its
// cluster.
func TestEdgesAreThoseOfTicks(t *testing.T) {
	for first := range int64(3000) {
		s := &midi.Song{TicksPerQuarter: 1500, Tempo: []midi.TempoChange{{MicrosPerQuarter: 500000}}}
		add := func(ticks ...int64) {
			for _, tick := range ticks {
				on := first + tick
				s.Notes = append(s.Notes, midi.Note{Pitch: 60, Velocity: 64, OnTick: on, OffTick: on + 1,
					On: s.Seconds(on), Off: s.Seconds(on + 1)})
			}
		}
		add(0, 90, 91, 181, 600, 900, 1200, 11999)
		add(12000, 12091, 12181, 12182, 12600, 12900, 13200, 13500)
		windows, err := Windows(s)
		require.NoError(t, err)
		require.Len(t, windows, 2, "from tick %d", first)
		// Pairs at 0 and 90, 91 and 181 in the first, 12,091 and 12,181 in the second.
		require.Equal(t, []float32{4.0 / 8, 2.0 / 8}, []float32{windows[0].Input[28], windows[1].Input[28]}, "from tick %d", first)
		require.InDelta(t, 1, windows[0].Target[13], tolerance)
	}
}

// A note that is held from the window before sounds in the next one, and counts there for
// nothing else.
func TestHeldNotes(t *testing.T) {
	notes := append(repeat(8, 0, 60), note{on: 3, off: 9, pitch: 40, velocity: 127})
	windows, err := Windows(song(append(notes, repeat(8, 4, 60)...)...))
	require.NoError(t, err)
	require.Len(t, windows, 2)
	first, second := named(t, InputNames(), windows[0].Input), named(t, InputNames(), windows[1].Input)
	check(t, map[string]float64{"sounding_notes": 0.1, "silence_share": 1 - (0.4+1)/4, "position": 0}, first)
	// All 4 s of the held note, and 8 × 0.05 s of the others.
	check(t, map[string]float64{"sounding_notes": (4 + 0.4) / 4 / 10, "silence_share": 0, "position": 4.0 / 9, "pitch_min": 60.0 / 127}, second)
}

// The answers for any window are those of a plain walk over all notes.
func TestSoundAgainstAWalk(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 8))
	var notes []note
	for range 200 {
		on := float64(rng.IntN(20000)) / 1000
		notes = append(notes, note{on: on, off: on + float64(rng.IntN(3)*rng.IntN(900))/1000, channel: uint8(rng.IntN(2) * midi.DrumChannel)})
	}
	s := newSound(song(notes...))
	for range 300 {
		start := float64(rng.IntN(22000)-1000) / 1000
		end := start + float64(rng.IntN(5000))/1000
		var together, any float64
		for ms := math.Round(start * 1000); ms < math.Round(end*1000); ms++ { // the notes lie on milliseconds
			n := 0
			for _, x := range notes {
				if x.channel != midi.DrumChannel && math.Round(x.on*1000) <= ms && ms < math.Round(x.off*1000) {
					n++
				}
			}
			together += float64(n) / 1000
			any += float64(min(n, 1)) / 1000
		}
		assert.InDelta(t, together, s.notes(start, end), 1e-9)
		assert.InDelta(t, any, s.any(start, end), 1e-9)
	}
}

// Of two highest notes at one pitch the first counts, here the softer, long one.
func TestTopOfEquals(t *testing.T) {
	notes := []note{
		{on: 0, off: 0.4, pitch: 70, velocity: 20}, {on: 0.01, off: 0.02, pitch: 70, velocity: 120},
	}
	_, _, target := one(t, song(append(notes, repeat(6, 0.4, 60)...)...))
	check(t, map[string]float64{"articulation_mean": (1 + 5*0.5) / 6}, target)
}

func TestPedal(t *testing.T) {
	for name, c := range map[string]struct {
		events  [][3]float64
		seconds float64
		changes int
	}{
		"none":                    {nil, 0, 0},
		"held throughout":         {[][3]float64{{0, 64}, {9, 0}}, 4, 0},
		"down with the window":    {[][3]float64{{1, 64}}, 4, 1},
		"up with the window":      {[][3]float64{{0, 64}, {1, 63}}, 0, 1},
		"down with the next":      {[][3]float64{{5, 127}}, 0, 0},
		"up with the next":        {[][3]float64{{2, 127}, {5, 0}}, 3, 1},
		"half pedal is none":      {[][3]float64{{2, 63}, {3, 1}}, 0, 0},
		"repeated":                {[][3]float64{{2, 64}, {2.5, 127}, {3, 0}, {3.5, 10}}, 1, 2},
		"any channel":             {[][3]float64{{2, 127, 0}, {2.5, 127, 15}, {3, 0, 0}, {4, 0, 15}}, 2, 2},
		"the last of a tick":      {[][3]float64{{2, 127}, {2, 0}, {3, 0}, {3, 127}}, 2, 1},
		"lifted for no time":      {[][3]float64{{2, 127}, {3, 0}, {3, 127}}, 3, 1},
		"from hand to hand":       {[][3]float64{{2, 127, 0}, {3, 0, 0}, {3, 127, 1}}, 3, 1},
		"drums have none":         {[][3]float64{{2, 127, 9}}, 0, 0},
		"long before, then drums": {[][3]float64{{0.2, 127, 2}, {0.3, 0, 9}}, 4, 0},
	} {
		s := pedal(song(), c.events...)
		// Other controllers, at the same ticks and after, change nothing.
		for _, e := range s.Controls {
			s.Controls = append(s.Controls, midi.Control{Tick: e.Tick, Time: e.Time, Controller: 11, Value: 127 - e.Value})
		}
		s.Controls = byTick(s.Controls)
		seconds, changes := pedalIn(pedalTimes(s.Controls), 1, 5)
		assert.InDelta(t, c.seconds, seconds, 1e-12, name)
		assert.Equal(t, c.changes, changes, name)
	}
	// Sixteen changes a second are the most that the number can show.
	s := song(repeat(8, 0, 60)...)
	for i := range 100 {
		s = pedal(s, [3]float64{float64(i) / 50, float64(i % 2 * 127)})
	}
	_, _, target := one(t, s)
	assert.Equal(t, 1.0, target["pedal_changes"])
}

// numpy.percentile([1, 2, 4, 8], [10, 50, 90]) = [1.3, 3, 6.8]
func TestPercentile(t *testing.T) {
	x := []float64{1, 2, 4, 8}
	for p, want := range map[float64]float64{0: 1, 0.1: 1.3, 0.5: 3, 0.9: 6.8, 1: 8} {
		assert.InDelta(t, want, percentile(x, p), 1e-15)
	}
	assert.Zero(t, percentile(nil, 0.5))
	assert.Equal(t, 7.0, percentile([]float64{7}, 0.9))
}

// Values above a formula's range are cut to 1: 100 notes a second, chords of 40 notes,
// notes of a minute, leaps of ten octaves.
func TestClipped(t *testing.T) {
	var notes []note
	for i := range 40 {
		for j := range uint8(40) {
			notes = append(notes, note{on: float64(i) / 10, off: 60, pitch: uint8(i%2*80) + j, velocity: 1 + 3*j})
		}
	}
	_, input, _ := one(t, song(notes...))
	for _, name := range []string{"note_rate", "sounding_notes", "duration_mean", "duration_median", "top_interval_mean", "pitch_std"} {
		assert.Equal(t, 1.0, input[name], name)
	}
}

// Half a million notes, in the shapes that make careless code quadratic. Each
// takes 0.1 to 0.5 s on one core; the limit leaves room for a busy machine, and a
// comparison of all notes with all would exceed it. With what the collector takes
// back, they need less than four times the notes' own 40 bytes each.
func TestLargeSongs(t *testing.T) {
	if testing.Short() {
		t.Skip("makes songs of 500,000 notes")
	}
	const count = 500_000
	for name, tick := range map[string]func(i int64) int64{
		"one chord":         func(int64) int64 { return 0 },
		"one window":        func(i int64) int64 { return i * 4000 / count },
		"eight to a window": func(i int64) int64 { return i * 500 },
		"years apart":       func(i int64) int64 { return i / 8 << 31 },
	} {
		s := &midi.Song{TicksPerQuarter: 500, Tempo: []midi.TempoChange{{MicrosPerQuarter: 500000}}}
		rng := rand.New(rand.NewPCG(5, 6))
		for i := range int64(count) {
			on := tick(i)
			off := on + rng.Int64N(1<<40)
			s.Notes = append(s.Notes, midi.Note{Pitch: uint8(rng.IntN(128)), Velocity: uint8(1 + rng.IntN(127)),
				OnTick: on, OffTick: off, On: s.Seconds(on), Off: s.Seconds(off)})
			s.Controls = append(s.Controls, midi.Control{Tick: on, Time: s.Seconds(on), Controller: 64, Value: uint8(i % 2 * 127)})
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		windows, err := Windows(s)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		checkRanges(t, windows)
		t.Logf("%s: %d windows in %v, %d MB", name, len(windows), took, (after.TotalAlloc-before.TotalAlloc)>>20)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*40*count), name)
	}
}

func TestRealFiles(t *testing.T) {
	root := torchtest.SharedData(t)
	files := 0
	for _, folder := range []string{"training/dynamics_midi", "training/midi", "training/drums", "bad_midi"} {
		paths, err := filepath.Glob(filepath.Join(root, folder, "*.mid"))
		require.NoError(t, err)
		read, windows, without := 0, 0, 0
		for _, path := range paths {
			s, err := midi.Read(path)
			if err != nil {
				continue
			}
			read++
			w, err := Windows(s)
			if err != nil {
				require.ErrorContains(t, err, path)
				without++
			}
			checkRanges(t, w)
			windows += len(w)
		}
		files += read
		t.Logf("%s: %d files, %d windows, %d files without", folder, read, windows, without)
		if folder == "training/dynamics_midi" {
			assert.Zero(t, without)
		}
	}
	assert.NotZero(t, files)
}

func byTick(controls []midi.Control) []midi.Control {
	slices.SortStableFunc(controls, func(a, b midi.Control) int { return cmp.Compare(a.Tick, b.Tick) })
	return controls
}
