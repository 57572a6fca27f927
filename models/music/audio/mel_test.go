// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// signal returns the samples that testdata/gen_mel.py computes, rounded to float32 as there.
func signal(kind string, n, rate int) []float64 {
	x := make([]float64, n)
	noise := uint32(1)
	for i := range x {
		t := float64(i) / float64(rate)
		switch kind {
		case "chord":
			for _, f := range []float64{220, 277.5, 330, 1760} {
				x[i] += 0.2 * math.Sin(2*math.Pi*f*t)
			}
		case "chirp":
			x[i] = 0.5 * math.Sin(2*math.Pi*(50+0.2*float64(rate)*t/2)*t) * math.Exp(-t)
		case "noise":
			noise = 1664525*noise + 1013904223
			x[i] = 0.1 * (float64(noise)/(1<<31) - 1)
		case "click":
			if i == 0 {
				x[i] = 0.5
			}
		}
		x[i] = float64(float32(x[i]))
	}
	return x
}

// TestLogMelGolden compares with librosa.
func TestLogMelGolden(t *testing.T) {
	var cases []struct {
		Signal                 string
		Samples, Rate, Trusted int
		Feature                []float32
	}
	b, err := os.ReadFile("testdata/mel.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &cases))
	for _, c := range cases {
		clip := &Clip{Samples: signal(c.Signal, c.Samples, c.Rate), Rate: c.Rate, Channels: 1}
		got, err := clip.LogMel()
		require.NoError(t, err)
		require.Len(t, got, Bands)
		limit := 2e-4 // another resampler with the same filter; without, 1e-2
		if c.Rate == SampleRate {
			limit = 2e-6 // rounding of float32
		}
		d := maxDiff(got, c.Feature, c.Trusted)
		assert.Less(t, d, limit, "%s, %d samples at %d Hz", c.Signal, c.Samples, c.Rate)
		t.Logf("%s, %d samples at %d Hz: %.1e in %d bands", c.Signal, c.Samples, c.Rate, d, c.Trusted)
		for _, v := range got {
			assert.True(t, v >= -1 && v <= 0, "%v is outside [-1, 0]", v)
		}
	}
}

// Only the first two seconds count, and they are cut off before resampling.
func TestLogMelCut(t *testing.T) {
	for _, rate := range []int{SampleRate, 44100, 11025} {
		x := signal("noise", 3*rate, rate)
		whole, err := (&Clip{Samples: x, Rate: rate}).LogMel()
		require.NoError(t, err)
		for i := range x[2*rate:] {
			x[2*rate+i] = 0
		}
		cut, err := (&Clip{Samples: x, Rate: rate}).LogMel()
		require.NoError(t, err)
		assert.Equal(t, whole, cut)
	}
}

func TestLogMelRefuses(t *testing.T) {
	quiet := make([]float64, 1000)
	quiet[5] = 0.99e-4
	for name, c := range map[string]struct {
		clip Clip
		text string
	}{
		"silent":   {Clip{Samples: quiet, Rate: 8000}, "below -80 dBFS"},
		"empty":    {Clip{Rate: 8000}, "no samples"},
		"NaN":      {Clip{Samples: []float64{1, math.NaN()}, Rate: 8000}, "sample 1 is NaN"},
		"huge":     {Clip{Samples: []float64{1e200}, Rate: SampleRate}, "too large"},
		"rate":     {Clip{Samples: []float64{1}}, "sample rate is 0 Hz"},
		"rate up":  {Clip{Samples: []float64{1}, Rate: 4e9}, "sample rate is 4000000000 Hz"},
		"channels": {Clip{Samples: []float64{math.Inf(1)}, Rate: 8000}, "sample 0 is +Inf"},
	} {
		_, err := c.clip.LogMel()
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), c.text)
		assert.Equal(t, name == "silent", errors.Is(err, ErrSilent))
	}
	quiet[5] = 1.01e-4
	_, err := (&Clip{Samples: quiet, Rate: 8000}).LogMel()
	assert.NoError(t, err)
}

// The error of a silent file names the file and is still ErrSilent.
func TestLogMelSilentFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "still life.wav")
	var b bytes.Buffer
	require.NoError(t, WriteWAV(&b, make([]float64, 100), 8000))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	_, err := LogMel(path)
	require.ErrorIs(t, err, ErrSilent)
	assert.Contains(t, err.Error(), path)
}

// TestLogMelParallel lets the race detector observe how the shared tables are made.
func TestLogMelParallel(t *testing.T) {
	x := signal("chord", 4000, 16000)
	rates := []int{16000, 16001, 32000, 8000, SampleRate}
	want := make([][]float32, len(rates))
	for i, rate := range rates {
		want[i], _ = (&Clip{Samples: x, Rate: rate}).LogMel()
	}
	conversions.of = nil
	var group sync.WaitGroup
	for g := range 16 {
		group.Go(func() {
			i := g % len(rates)
			got, err := (&Clip{Samples: x, Rate: rates[i]}).LogMel()
			assert.NoError(t, err)
			assert.Equal(t, want[i], got)
		})
	}
	group.Wait()
}

func BenchmarkLogMel(b *testing.B) {
	for _, rate := range []int{22050, 44100, 48000, 44099, 192000} {
		clip := &Clip{Samples: signal("noise", 2*rate, rate), Rate: rate}
		b.Run(strconv.Itoa(rate), func(b *testing.B) {
			for b.Loop() {
				_, err := clip.LogMel()
				require.NoError(b, err)
			}
		})
	}
}
