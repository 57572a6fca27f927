// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tolerance is one rounding to float32 of a number up to 1.
const tolerance = 6e-8

// dense returns a distribution with all its zeros.
func dense(shares map[int]float64) []float64 {
	d := make([]float64, Classes)
	for class, share := range shares {
		d[class] = share
	}
	return d
}

func TestSamples(t *testing.T) {
	// The weights by distance are 1, 0.8, 0.64, 0.512, 0.4096, 0.32768, 0.262144, 0.2097152.
	got := Samples([]int{0, 25, 35, 0, 46, 46, 60, 61, 62, 7, 7, 7, 1, 1, 1})
	require.Len(t, got, 2, "the target at 12 would end beyond the last chord")
	for i, want := range []struct {
		position        int
		context, target map[int]float64
	}{
		{4, map[int]float64{0: 1.512 / 2.952, 35: 0.8 / 2.952, 25: 0.64 / 2.952}, map[int]float64{46: 0.5, 60: 0.25, 61: 0.25}},
		{8, map[int]float64{61: 1 / 4.1611392, 60: 0.8 / 4.1611392, 46: 1.152 / 4.1611392, 0: (0.4096 + 0.2097152) / 4.1611392,
			35: 0.32768 / 4.1611392, 25: 0.262144 / 4.1611392}, map[int]float64{62: 0.25, 7: 0.75}},
	} {
		assert.Equal(t, want.position, got[i].Position)
		assert.InDeltaSlice(t, dense(want.context), got[i].Context, tolerance)
		assert.InDeltaSlice(t, dense(want.target), got[i].Target, tolerance)
	}
}

// TestHistory has a chord that leaves the context when it is 16 chords back.
func TestHistory(t *testing.T) {
	classes := make([]int, 28)
	classes[4], classes[3] = 10, 20
	got := Samples(classes)
	require.Len(t, got, 6)
	at20 := got[4]
	require.Equal(t, 20, at20.Position)
	// The sum of 0.8^k for k from 0 to 15 is (1 − 0.8^16)/0.2, and 0.8^15 is the weight of chord 4.
	const sum = (1 - 0.028147497671065603) / 0.2
	assert.InDelta(t, 0.035184372088832004/sum, at20.Context[10], tolerance)
	assert.Zero(t, at20.Context[20], "17 chords back")
	at16 := got[3]
	assert.InDelta(t, 0.08589934592/sum, at16.Context[10], tolerance, "0.8^11")
	assert.InDelta(t, 0.068719476736/sum, at16.Context[20], tolerance, "0.8^12")
	at24 := got[5]
	assert.Zero(t, at24.Context[10])
	assert.InDelta(t, 1, at24.Context[0], tolerance)
}

func TestSampleCounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for length := range 60 {
		classes := make([]int, length)
		for i := range classes {
			classes[i] = rng.IntN(63)
		}
		samples := Samples(classes)
		// Positions 4, 8, … up to length−4.
		assert.Len(t, samples, max(0, length/4-1), "%d chords", length)
		for i, s := range samples {
			assert.Equal(t, 4*(i+1), s.Position)
			for _, part := range [][]float32{s.Context, s.Target} {
				require.Len(t, part, Classes)
				var sum float64
				for _, v := range part {
					require.True(t, v >= 0 && v <= 1)
					sum += float64(v)
				}
				assert.InDelta(t, 1, sum, Classes*tolerance)
			}
			for _, c := range classes[s.Position : s.Position+4] {
				assert.GreaterOrEqual(t, s.Target[c], float32(0.25))
			}
			assert.Greater(t, s.Context[classes[s.Position-1]], float32(0.2), "the nearest weighs most: 1 of at most 5")
		}
	}
	for _, class := range []int{-1, 64} {
		assert.PanicsWithValue(t, fmt.Sprintf("chords: chord 2 has class %d: classes go from 0 to 63", class), func() { Samples([]int{0, class}) })
	}
}

// The tones of a class, spelt as a chord, are a chord of this class.
func TestTones(t *testing.T) {
	roots := strings.Fields("C C# D Eb E F F# G Ab A Bb B")
	degrees := map[int]string{0: "1", 3: "b3", 4: "3", 5: "4", 6: "b5", 7: "5", 8: "#5"}
	for class := range Classes {
		tones := Tones(class)
		if class >= NoChord && class != PowerChord {
			assert.Nil(t, tones, class)
			continue
		}
		var names []string
		for _, tone := range tones {
			names = append(names, degrees[tone-tones[0]])
		}
		name := roots[tones[0]] + ":(" + strings.Join(names, ",") + ")"
		c, err := Parse(name)
		require.NoError(t, err)
		assert.Equal(t, class, c.Class(0), name)
	}
	assert.Nil(t, Tones(-1))
	assert.Nil(t, Tones(Classes))
	assert.Equal(t, []int{7, 11, 14}, Tones(5*7), "the dominant")
}

func TestContext(t *testing.T) {
	classes := []int{0, 25, 35, 0, 46, 25, 35, 0, 3, 3, 3, 3}
	for _, s := range Samples(classes) {
		assert.Equal(t, s.Context, Context(classes[:s.Position]))
	}
	assert.Equal(t, make([]float32, Classes), Context(nil))
}
