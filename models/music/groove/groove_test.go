// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"cmp"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"

	"github.com/etude-ml/etude/models/music/midi"
)

// hit is a note's tick and velocity.
type hit struct {
	tick     int64
	velocity uint8
}

// song has 480 ticks a quarter, so that a step of a 4/4 bar has 120 and the bar 1,920.
func song(hits ...hit) *midi.Song {
	s := &midi.Song{Format: 1, Tracks: 1, TicksPerQuarter: 480, Tempo: []midi.TempoChange{{MicrosPerQuarter: 500000}},
		TimeSignatures: []midi.TimeSignature{{Numerator: 4, Denominator: 4}}}
	for i, h := range hits {
		s.Notes = append(s.Notes, midi.Note{Pitch: 36, Velocity: h.velocity, Channel: uint8(i % 16), OnTick: h.tick, OffTick: h.tick + 1})
	}
	slices.SortStableFunc(s.Notes, func(a, b midi.Note) int { return cmp.Compare(a.OnTick, b.OnTick) })
	return s
}

// tolerance is two roundings of a float32 near 1.
const tolerance = 1.2e-7

// check compares a target with its steps that are not zero.
func check(t *testing.T, velocities, offsets map[int]float64, target []float32) {
	t.Helper()
	require.Len(t, target, Outputs)
	for i := range Steps {
		assert.InDelta(t, velocities[i], target[i], tolerance, "velocity of step %d", i)
		assert.InDelta(t, offsets[i], target[Steps+i], tolerance, "offset of step %d", i)
	}
}

func TestByHand(t *testing.T) {
	windows, err := Windows(song(
		hit{0, 127}, hit{59, 27}, // step 0, on it and as late as can be
		hit{60, 50}, hit{119, 60}, // step 1, half a step early and a tick early
		hit{1920 + 60, 100},  // step 1 of bar 2
		hit{1920 + 990, 12},  // step 8, a quarter of a step late
		hit{2*1920 - 60, 77}, // step 16 of bar 2 is step 0 of bar 3
		hit{2*1920 - 61, 33}, // step 15, as late as can be
	))
	require.NoError(t, err)
	require.Len(t, windows, 1)
	assert.Equal(t, Window{FirstBar: 1, Bars: 3, Hits: 8, Target: windows[0].Target}, windows[0])
	check(t,
		map[int]float64{0: (127 + 27 + 77) / 3.0 / 127, 1: (50 + 60 + 100) / 3.0 / 127, 8: 12.0 / 127, 15: 33.0 / 127},
		map[int]float64{0: (0 + 59/60.0 - 1) / 3, 1: (-1 - 1/60.0 - 1) / 3, 8: 0.5, 15: 59 / 60.0},
		windows[0].Target)
}

func TestWindowsOfFourBars(t *testing.T) {
	const bar = 1920
	// The last hit of bar 4 is step 0 of bar 5; bars 9 to 12 are empty; bars 13 and
	// 14 hold four hits.
	hits := []hit{{0, 10}, {4*bar - 30, 20}, {7 * bar, 30}, {12 * bar, 40}, {13 * bar, 50}, {13*bar + 480, 60}, {13*bar + 480, 80}}
	windows, err := Windows(song(hits...))
	require.NoError(t, err)
	require.Len(t, windows, 4)
	for i, want := range []Window{{FirstBar: 1, Bars: 4, Hits: 1}, {FirstBar: 5, Bars: 4, Hits: 2}, {FirstBar: 9, Bars: 4}, {FirstBar: 13, Bars: 2, Hits: 4}} {
		want.Target = windows[i].Target
		assert.Equal(t, want, windows[i])
	}
	check(t, map[int]float64{0: 10.0 / 127}, nil, windows[0].Target)
	check(t, map[int]float64{0: 25.0 / 127}, map[int]float64{0: -0.25}, windows[1].Target)
	check(t, nil, nil, windows[2].Target)
	check(t, map[int]float64{0: 45.0 / 127, 4: 70.0 / 127}, nil, windows[3].Target)

	windows, err = Windows(song(hits[:6]...)) // three are too few for two bars
	require.NoError(t, err)
	require.Len(t, windows, 3)

	// A hit just before the end of the fourth bar opens a window of one bar, which
	// it alone does not fill.
	windows, err = Windows(song(hits[1]))
	require.NoError(t, err)
	require.Len(t, windows, 1)
	assert.Equal(t, Window{FirstBar: 1, Bars: 4, Target: make([]float32, Outputs)}, windows[0])
}

func TestNoWindow(t *testing.T) {
	s := song(hit{0, 1}, hit{10, 1}, hit{5000, 1})
	_, err := Windows(s)
	require.ErrorIs(t, err, ErrNoWindow)
	s.Path = "drums/a b.mid"
	_, err = Windows(s)
	require.ErrorContains(t, err, "groove: drums/a b.mid: fewer than 4 hits")
	s.Notes = nil
	_, err = Windows(s)
	require.ErrorIs(t, err, midi.ErrNoNotes)
	require.ErrorContains(t, err, s.Path)
	_, err = Windows(&midi.Song{})
	require.ErrorIs(t, err, midi.ErrNoNotes)
}

func TestTooManyBars(t *testing.T) {
	const bar = 1920
	s := song(hit{MaxBars*bar - 61, 1}) // still in bar 65,536
	windows, err := Windows(s)
	require.NoError(t, err)
	require.Len(t, windows, MaxBars/BarsPerWindow)
	assert.Equal(t, 1, windows[len(windows)-1].Hits)

	s = song(hit{MaxBars*bar - 60, 1}) // nearer to the next
	s.Path = "long.mid"
	_, err = Windows(s)
	require.EqualError(t, err, "groove: long.mid: the last note lies in bar 65537, songs of more than 65,536 bars are not read: cut the file")
	_, err = Windows(song(hit{0, 1}, hit{1920 << 40, 1}))
	require.ErrorContains(t, err, "in bar 1099511627777,")
}

func TestTimeSignatures(t *testing.T) {
	// Two bars of 3/4 (90 ticks a step), one of 7/8 (105), then 4/4, which is cut
	// after 800 ticks (50) by 3/4. Repetitions inside of bars change nothing.
	s := song(hit{90, 10}, hit{1440 + 45, 20}, hit{2880 + 105*15, 30}, hit{4560, 40}, hit{4560 + 50*9 + 10, 50},
		hit{4560 + 775, 60}, // step 16 of the cut bar, half a step early
		hit{5360 + 120, 70})
	s.TimeSignatures = []midi.TimeSignature{{Tick: 0, Numerator: 3, Denominator: 4}, {Tick: 1000, Numerator: 6, Denominator: 8},
		{Tick: 2880, Numerator: 7, Denominator: 8}, {Tick: 3000, Numerator: 7, Denominator: 8},
		{Tick: 4560, Numerator: 4, Denominator: 4}, {Tick: 5360, Numerator: 3, Denominator: 4}}
	windows, err := Windows(s)
	require.NoError(t, err)
	require.Len(t, windows, 1, "bar 5 holds two hits")
	assert.Equal(t, 5, windows[0].Hits)
	check(t, map[int]float64{0: 40.0 / 127, 1: 15.0 / 127, 9: 50.0 / 127, 15: 30.0 / 127}, map[int]float64{1: -0.5, 9: 0.4},
		windows[0].Target)

	// Until the first signature the bars are 4/4; a bar of 3/8 at one tick a quarter
	// has a tick and a half, and 32/3 steps a tick.
	s = song(hit{4, 10}, hit{5, 20}, hit{6, 30}, hit{7, 40})
	s.TicksPerQuarter, s.TimeSignatures = 1, []midi.TimeSignature{{Tick: 4, Numerator: 3, Denominator: 8}}
	windows, err = Windows(s)
	require.NoError(t, err)
	require.Len(t, windows, 1)
	assert.Equal(t, [2]int{4, 4}, [2]int{windows[0].Bars, windows[0].Hits})
	check(t, map[int]float64{0: 25.0 / 127, 5: 30.0 / 127, 11: 20.0 / 127},
		map[int]float64{5: 2.0 / 3, 11: -2.0 / 3}, windows[0].Target)
}

// Controllers, tempo, pitch, channel and track do not change a groove.
func TestAllChannels(t *testing.T) {
	s := song(hit{0, 1}, hit{0, 2}, hit{0, 3}, hit{0, 4}, hit{0, 5}, hit{0, 6}, hit{0, 7}, hit{0, 8}, hit{0, 9}, hit{0, 10})
	s.Tempo = append(s.Tempo, midi.TempoChange{Tick: 1, Time: 1, MicrosPerQuarter: 3})
	windows, err := Windows(s)
	require.NoError(t, err)
	assert.Equal(t, 10, windows[0].Hits)
	check(t, map[int]float64{0: 5.5 / 127}, nil, windows[0].Target)
}

func TestNames(t *testing.T) {
	names := OutputNames()
	require.Len(t, names, Outputs)
	assert.Equal(t, []string{"velocity_0", "velocity_15", "offset_0", "offset_15"}, []string{names[0], names[15], names[16], names[31]})
}

func TestRealFiles(t *testing.T) {
	root := torchtest.SharedData(t)
	for _, folder := range []string{"training/drums", "training/midi", "training/dynamics_midi", "bad_midi"} {
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
			checkRanges(t, s, w)
			windows += len(w)
		}
		require.NotZero(t, read)
		t.Logf("%s: %d files, %d windows, %d files without", folder, read, windows, without)
	}
}
