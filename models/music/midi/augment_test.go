// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mido holds what mido reads in a file with several tempi, drums and controls.
func mido(t *testing.T) (s *Song, seconds [][2]float64) {
	var want struct{ Notes [][8]float64 }
	text, err := os.ReadFile("testdata/mido.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))
	s, err = Read("testdata/mido.mid")
	require.NoError(t, err)
	for _, n := range want.Notes {
		seconds = append(seconds, [2]float64{n[6], n[7]})
	}
	return s, seconds
}

func TestTranspose(t *testing.T) {
	s, _ := mido(t)
	before := slices.Clone(s.Notes)
	for _, by := range []int{0, 5, -7} {
		count := map[[2]uint8]int{}
		for _, n := range s.Notes {
			if n.Channel != DrumChannel {
				n.Pitch = uint8(int(n.Pitch) + by)
			}
			count[[2]uint8{n.Channel, n.Pitch}]++
		}
		for _, n := range s.Transpose(by).Notes {
			count[[2]uint8{n.Channel, n.Pitch}]--
		}
		for key, n := range count {
			assert.Zero(t, n, "%v by %d", key, by)
		}
	}
	assert.Equal(t, s, s.Transpose(0))
	assert.Equal(t, before, s.Notes, "the song itself stays as it was")

	edge := &Song{Notes: []Note{{Pitch: 2}, {Pitch: 126}}}
	for by, want := range map[int][]uint8{-3: {11, 123}, -30: {8, 96}, 2: {4, 116}, 13: {15, 127}, 100: {102, 118}} {
		var got []uint8
		for _, n := range edge.Transpose(by).Notes {
			got = append(got, n.Pitch)
		}
		assert.ElementsMatch(t, want, got, "by %d", by)
	}
}

func TestScaleTempo(t *testing.T) {
	s, seconds := mido(t)
	assert.Equal(t, s, s.ScaleTempo(1))
	for _, factor := range []float64{0.5, 1.1, 3} {
		fast := s.ScaleTempo(factor)
		require.Len(t, fast.Notes, len(seconds))
		for i, want := range seconds {
			// Half a microsecond of 250,001 divided by 3, the shortest quarter.
			assert.InEpsilon(t, want[0]/factor, fast.Notes[i].On, 6e-6)
			assert.InEpsilon(t, want[1]/factor, fast.Notes[i].Off, 6e-6)
		}
		for i, c := range s.Controls {
			assert.InEpsilon(t, c.Time/factor, fast.Controls[i].Time, 6e-6)
		}
		assert.InEpsilon(t, s.Seconds(s.EndTick)/factor, fast.Seconds(s.EndTick), 6e-6)
	}
	smpte := &Song{TicksPerSecond: 1000, Notes: []Note{{OnTick: 500, OffTick: 1000}}}
	assert.Equal(t, 0.25, smpte.ScaleTempo(2).Notes[0].On)
	for _, factor := range []float64{0, -1} {
		assert.Panics(t, func() { s.ScaleTempo(factor) })
	}
}

func TestShiftVelocity(t *testing.T) {
	s := &Song{Notes: []Note{{Pitch: 1, Velocity: 10}, {Pitch: 2, Velocity: 64}, {Pitch: 3, Velocity: 120}}}
	for by, want := range map[int][]uint8{10: {20, 74, 127}, -70: {1, 1, 50}} {
		for i, n := range s.ShiftVelocity(by).Notes {
			assert.Equal(t, want[i], n.Velocity)
		}
	}
	assert.EqualValues(t, 10, s.Notes[0].Velocity)
}
