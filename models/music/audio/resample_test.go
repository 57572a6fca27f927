// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// level returns the amplitude of the middle of x, in dB of a full-scale sine.
func level(x []float64) float64 {
	mid := x[len(x)/3 : 2*len(x)/3]
	var sum float64
	for _, v := range mid {
		sum += v * v
	}
	return 10 * math.Log10(2*sum/float64(len(mid))+1e-30)
}

func sine(n int, f float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = math.Sin(2 * math.Pi * f * float64(i))
	}
	return x
}

// distortion returns the level of the errors that resampling adds to a sine of n samples,
// f periods each: a wrong gain, a delay, images.
func distortion(n int, f float64, from int) float64 {
	y := resample(sine(n, f), from, SampleRate)
	for i, v := range sine(len(y), f*float64(from)/SampleRate) {
		y[i] -= v
	}
	return level(y)
}

// TestResampleResponse measures the filter with sines, frequencies as a share
// of the lower Nyquist frequency: for common rates, for one whose taps are
// interpolated (44,099) and for an extreme one.
func TestResampleResponse(t *testing.T) {
	for _, from := range []int{44100, 48000, 96000, 44099, 768000} {
		low := float64(min(from, SampleRate)) / 2 / float64(from)
		n := min(from/4, 40000)
		for _, f := range []float64{0.01, 0.5, 0.85, 0.9, 0.913} {
			assert.Less(t, distortion(n, f*low, from), -110.0, "%d Hz: distortion in dB at %v", from, f)
		}
		for _, f := range []float64{1, 1.01, 1.1, 1.7} {
			if f*low < 0.5 {
				y := resample(sine(n, f*low), from, SampleRate)
				assert.Less(t, level(y), -120.0, "%d Hz: gain in dB at %v", from, f)
			}
		}
	}
	// Upwards there must be no image of the input above its own Nyquist
	// frequency: a sine comes out as the same sine.
	for _, from := range []int{8000, 11025, 16000, 1234} {
		assert.Less(t, distortion(from, 0.3, from), -110.0, "%d Hz: distortion in dB", from)
	}
}

func TestResampleShape(t *testing.T) {
	for _, c := range []struct{ n, from, to, want int }{
		{0, 44100, 22050, 0}, {1, 44100, 22050, 1}, {3, 44100, 22050, 2}, {100, 22050, 22050, 100},
		{1, 8000, 22050, 3}, {16000, 8000, 22050, 44100}, {2, 768000, 22050, 1}, {200, 100, 22050, 44100},
	} {
		assert.Len(t, resample(make([]float64, c.n), c.from, c.to), c.want)
	}
	x := []float64{1, 2}
	y := resample(x, 8000, 8000)
	y[0] = 5
	assert.Equal(t, 1.0, x[0], "equal rates must copy")
	assert.Panics(t, func() { resample(x, 0, 22050) })
}

// A pulse keeps its place: the filter's delay is removed and its response is
// symmetric.
func TestResampleDelay(t *testing.T) {
	x := make([]float64, 801)
	x[400] = 1
	y := resample(x, 44100, SampleRate)
	for i := 1; i < 100; i++ {
		assert.InDelta(t, y[200-i], y[200+i], 1e-15)
		assert.Less(t, math.Abs(y[200+i]), y[200])
	}
}

// The size of the cache is bounded, however many rates a folder holds.
func TestResampleCache(t *testing.T) {
	x := make([]float64, 10)
	for rate := 8000; rate < 48000; rate += 100 {
		resample(x, rate, SampleRate)
		assert.LessOrEqual(t, len(conversions.of), conversions.most)
	}
}
