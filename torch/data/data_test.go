// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package data

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// The golden file comes from another implementation of the generator, the
// shuffle and the split.
func TestGolden(t *testing.T) {
	var golden struct {
		Orders []struct {
			N     int
			Seed  uint64
			Epoch int
			Order []int
		}
		Splits []struct {
			Groups []string
			Share  float64
			Seed   uint64
			Val    []int
		}
	}
	torchtest.Golden(t, "testdata/order.json", &golden)
	require.NotEmpty(t, golden.Orders)
	require.NotEmpty(t, golden.Splits)
	for _, o := range golden.Orders {
		assert.Equal(t, o.Order, Order(o.N, o.Seed, o.Epoch))
	}
	for _, s := range golden.Splits {
		train, val, err := Split(s.Groups, s.Share, s.Seed)
		require.NoError(t, err)
		assert.Equal(t, s.Val, val)
		assert.NotEmpty(t, train)
		all := slices.Concat(train, val)
		slices.Sort(all)
		require.Len(t, all, len(s.Groups))
		for i, at := range all {
			require.Equal(t, i, at)
		}
		for _, i := range train {
			for _, j := range val {
				require.NotEqual(t, s.Groups[i], s.Groups[j])
			}
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, share := range []float64{0, 1, -0.2, 1.5, math.NaN()} {
		_, _, err := Split([]string{"a", "b"}, share, 1)
		require.ErrorContains(t, err, "must lie between 0 and 1")
	}
	_, _, err := Split([]string{"a", "a", "a"}, 0.2, 1)
	require.ErrorContains(t, err, "3 samples in 1 groups")
	_, _, err = Split(nil, 0.2, 1)
	require.ErrorContains(t, err, "0 samples")
}

// A share is met, and passed by less than the group that met it.
func TestSplitHoldsItsShare(t *testing.T) {
	for seed := range uint64(200) {
		var groups []string
		for g := range 20 {
			for range 1 + (g*int(seed)+g)%6 {
				groups = append(groups, fmt.Sprint(g))
			}
		}
		_, val, err := Split(groups, 0.25, seed)
		require.NoError(t, err)
		want := 0.25 * float64(len(groups))
		assert.GreaterOrEqual(t, float64(len(val)), want)
		assert.Less(t, float64(len(val)), want+6)
	}
}

func TestOrderOfNothing(t *testing.T) {
	assert.Empty(t, Order(0, 1, 1))
}

func three() *Samples {
	s := &Samples{Skipped: []Skip{{"d", "silent"}}}
	s.Append("a", "g", []float32{1, 2}, []float32{3})
	s.Append("b", "g", []float32{4, 5}, []float32{6})
	s.Append("c", "h", []float32{7, 8}, []float32{9})
	return s
}

func TestSamples(t *testing.T) {
	s := three()
	assert.Equal(t, []int{3, 2, 1}, []int{s.Len(), s.In, s.Out})
	x, y := s.Row(1)
	assert.Equal(t, []float32{4, 5}, x)
	assert.Equal(t, []float32{6}, y)

	picked := s.Select([]int{2, 0, 2})
	assert.Equal(t, &Samples{
		X: []float32{7, 8, 1, 2, 7, 8}, Y: []float32{9, 3, 9}, In: 2, Out: 1,
		Names: []string{"c", "a", "c"}, Groups: []string{"h", "g", "h"},
	}, picked)
	picked.X[0] = 0
	assert.Equal(t, float32(7), s.X[4], "a selection is a copy")
	assert.Zero(t, s.Select(nil).Len())

	assert.PanicsWithValue(t, `data: sample "d": 3 inputs and 1 targets, the samples before it have 2 and 1`,
		func() { s.Append("d", "h", []float32{1, 2, 3}, []float32{1}) })
}

func TestFingerprint(t *testing.T) {
	s := three()
	// sha256 of struct.pack("<3Q", 3, 2, 1), then name and group with their lengths
	// as "<Q", then X and Y with theirs: Python's hashlib.
	const want = "1f3d01b1a71ae766b572ce19cad4d3bb162795c7b4b0456f54f1db538325a5fe"
	assert.Equal(t, want, s.Fingerprint())
	s.Skipped = nil
	assert.Equal(t, want, s.Fingerprint())
	for name, change := range map[string]func(*Samples){
		"input":   func(s *Samples) { s.X[3] = math.Nextafter32(s.X[3], 9) },
		"target":  func(s *Samples) { s.Y[0] = -s.Y[0] },
		"name":    func(s *Samples) { s.Names[1] = "B" },
		"group":   func(s *Samples) { s.Groups[1] = "h" },
		"borders": func(s *Samples) { s.Names[0], s.Groups[0] = "ag", "" },
		"order":   func(s *Samples) { *s = *s.Select([]int{1, 0, 2}) },
		"fewer":   func(s *Samples) { *s = *s.Select([]int{0, 1}) },
	} {
		changed := three()
		change(changed)
		assert.NotEqual(t, want, changed.Fingerprint(), name)
	}
}

func TestFingerprintOfManyNumbers(t *testing.T) {
	s := &Samples{}
	s.Append("a", "g", make([]float32, 5000), nil) // longer than its buffer
	changed := s.Select([]int{0})
	require.Equal(t, s.Fingerprint(), changed.Fingerprint())
	changed.X[4999] = 1
	assert.NotEqual(t, s.Fingerprint(), changed.Fingerprint())
}
