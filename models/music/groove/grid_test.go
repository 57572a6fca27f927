// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"math/big"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/midi"
)

// walk computes place as the definition reads: it goes from bar to bar in rational
// numbers until it meets the tick.
func walk(s *midi.Song, tick int64) (bar, step int, offset float64) {
	start, at := new(big.Rat), new(big.Rat).SetInt64(tick)
	signature := midi.TimeSignature{Numerator: 4, Denominator: 4}
	next := 0
	for {
		for next < len(s.TimeSignatures) && start.Cmp(new(big.Rat).SetInt64(s.TimeSignatures[next].Tick)) == 0 {
			signature = s.TimeSignatures[next]
			next++
		}
		for next < len(s.TimeSignatures) { // a repeated signature is not a change
			if s := s.TimeSignatures[next]; s.Numerator*signature.Denominator != signature.Numerator*s.Denominator {
				break
			}
			next++
		}
		length := big.NewRat(int64(4*s.TicksPerQuarter*signature.Numerator), int64(signature.Denominator))
		end := new(big.Rat).Add(start, length)
		if next < len(s.TimeSignatures) {
			if change := new(big.Rat).SetInt64(s.TimeSignatures[next].Tick); change.Cmp(end) < 0 {
				end = change
			}
		}
		if at.Cmp(end) < 0 {
			x := new(big.Rat).Sub(at, start)
			x.Mul(x, big.NewRat(Steps, 1)).Quo(x, new(big.Rat).Sub(end, start))
			for step = 0; new(big.Rat).Sub(x, big.NewRat(int64(step), 1)).Cmp(big.NewRat(1, 2)) >= 0; step++ {
			}
			offset, _ = x.Sub(x, big.NewRat(int64(step), 1)).Mul(x, big.NewRat(2, 1)).Float64()
			if step == Steps {
				return bar + 1, 0, offset
			}
			return bar, step, offset
		}
		start = end
		bar++
	}
}

func TestPlaceAgreesWithWalking(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := &midi.Song{TicksPerQuarter: []int{1, 3, 24, 96, 480, 32767}[rng.IntN(6)]}
		quarter := int64(s.TicksPerQuarter)
		for tick := int64(rng.IntN(2)); len(s.TimeSignatures) < rng.IntN(8); tick += 1 + rng.Int64N(10*quarter) {
			s.TimeSignatures = append(s.TimeSignatures, midi.TimeSignature{Tick: tick, Numerator: 1 + rng.IntN(9), Denominator: 1 << rng.IntN(8)})
		}
		g := newGrid(s)
		for i := range 20 {
			tick := rng.Int64N(20 * quarter)
			if n := len(s.TimeSignatures); i < 3 && n > 0 { // at a change, before and after it
				tick = max(s.TimeSignatures[rng.IntN(n)].Tick+int64(i)-1, 0)
			}
			bar, step, offset := walk(s, tick)
			gotBar, gotStep, gotOffset := g.place(tick)
			require.Equal(t, [2]int{bar, step}, [2]int{int(gotBar), gotStep}, "tick %d of %+v", tick, s)
			require.Equal(t, offset, gotOffset, "tick %d of %+v", tick, s) // one division, rightly rounded
		}
	}
}

// A file of SMPTE time has the windows of its twin in quarters if its tick is a whole part
// of a quarter: 1,000 ticks a second at 125 quarters a minute are 480 a quarter, of
// which 60 and 180 and so on lie in the middle of two steps.
func TestSMPTE(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	smpte, twin := &midi.Song{TicksPerSecond: 1000}, &midi.Song{TicksPerQuarter: 480}
	smpte.Tempo = []midi.TempoChange{{MicrosPerQuarter: 480000}}
	twin.TimeSignatures = []midi.TimeSignature{{Numerator: 4, Denominator: 4}, {Tick: 1000, Numerator: 5, Denominator: 8}, {Tick: 100003, Numerator: 3, Denominator: 4}}
	smpte.TimeSignatures = twin.TimeSignatures
	for range 5000 {
		tick := rng.Int64N(500_000)
		if rng.IntN(2) == 0 {
			tick -= tick % 15
		}
		n := midi.Note{OnTick: tick, Velocity: uint8(1 + rng.IntN(127))}
		smpte.Notes, twin.Notes = append(smpte.Notes, n), append(twin.Notes, n)
		bar, step, offset := newGrid(smpte).place(tick)
		wantBar, wantStep, wantOffset := newGrid(twin).place(tick)
		require.Equal(t, [2]int{int(wantBar), wantStep}, [2]int{int(bar), step}, "tick %d", tick)
		require.InDelta(t, wantOffset, offset, 1e-6) // 2^-29 of a quarter, of steps of at least 1/32
	}
	got, err := Windows(smpte)
	require.NoError(t, err)
	want, err := Windows(twin)
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range got {
		assert.InDeltaSlice(t, want[i].Target, got[i].Target, 1e-6)
	}

	// Twice as fast from the second bar on: as in the twin, whose ticks have no tempo.
	smpte = &midi.Song{TicksPerSecond: 1000, Tempo: []midi.TempoChange{{MicrosPerQuarter: 480000}, {Tick: 1920, Time: 1.92, MicrosPerQuarter: 240000}}}
	bar, step, offset := newGrid(smpte).place(1920 + 960 + 75)
	assert.Equal(t, [2]int{2, 1}, [2]int{int(bar), step})
	assert.InDelta(t, 0.5, offset, 1e-6)
}

// Songs that no file can hold do not cause a panic.
func TestStrangeSongs(t *testing.T) {
	note := midi.Note{OnTick: 1 << 62, Velocity: 1}
	for name, s := range map[string]*midi.Song{
		"no tempo":      {TicksPerSecond: 25, Notes: []midi.Note{{Velocity: 1}, {Velocity: 1}, {Velocity: 1}, {Velocity: 1}}},
		"far":           {TicksPerQuarter: 1, Notes: []midi.Note{note}},
		"far and fast":  {TicksPerSecond: 24, Tempo: []midi.TempoChange{{MicrosPerQuarter: 1}}, Notes: []midi.Note{note}},
		"negative":      {TicksPerQuarter: 1, Notes: []midi.Note{{OnTick: -5}, {OnTick: -5}, {}, {}}},
		"no signatures": {TicksPerQuarter: 1, TimeSignatures: []midi.TimeSignature{{}}, Notes: make([]midi.Note, 4)},
	} {
		windows, err := Windows(s)
		if s.Notes[0].OnTick > 0 {
			require.ErrorContains(t, err, "cut the file", name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, windows, 1)
	}
}

// Half a million notes, and as many time signatures. Each takes 0.01 to 0.2 s on
// one core; the limit leaves room for a busy machine, and a search from the first
// bar for every note would exceed it. With what the collector takes back, they
// need less than twice the notes' own 40 bytes each.
func TestLargeSongs(t *testing.T) {
	if testing.Short() {
		t.Skip("makes songs of 500,000 notes")
	}
	const count = 500_000
	for name, tick := range map[string]func(i int64) int64{
		"at one tick":    func(int64) int64 { return 7 },
		"in a few bars":  func(i int64) int64 { return i / 1000 },
		"in 65,104 bars": func(i int64) int64 { return 25000 * i / 100 },
		"years apart":    func(i int64) int64 { return i << 21 },
	} {
		for unit, s := range map[string]*midi.Song{"quarters": {TicksPerQuarter: 480}, "SMPTE": {TicksPerSecond: 1000}} {
			rng := rand.New(rand.NewPCG(5, 6))
			for i := range int64(count) {
				s.Notes = append(s.Notes, midi.Note{OnTick: tick(i), Velocity: uint8(1 + rng.IntN(127))})
				if i == 0 || name == "in 65,104 bars" {
					s.TimeSignatures = append(s.TimeSignatures, midi.TimeSignature{Tick: 1920 * i, Numerator: 4, Denominator: 4})
					s.Tempo = append(s.Tempo, midi.TempoChange{Tick: 1920 * i, Time: 1.92 * float64(i), MicrosPerQuarter: 480000})
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			windows, err := Windows(s)
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if name == "years apart" {
				bar := map[string]string{"quarters": "in bar 546132242,", "SMPTE": "in bar 16777217 or later,"}
				require.ErrorContains(t, err, bar[unit], name)
			} else {
				require.NoError(t, err, name)
			}
			checkRanges(t, s, windows)
			t.Logf("%s, %s: %d windows in %v, %d MB", name, unit, len(windows), took, (after.TotalAlloc-before.TotalAlloc)>>20)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*40*count), name)
		}
	}
}
