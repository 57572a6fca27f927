// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package augment_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data/augment"
	"github.com/etude-ml/etude/torch/torchtest"
)

func generator() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(torchtest.RampAt(i, 3))
	}
	return x
}

// decibels returns the ratio of the energies of two signals.
func decibels(a, b []float32) float64 {
	energy := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	return 10 * math.Log10(energy(a)/energy(b))
}

func TestNoise(t *testing.T) {
	r := generator()
	clean := ramp(20_000)
	added := func(x []float32) []float32 {
		d := make([]float32, len(x))
		for i := range x {
			d[i] = x[i] - clean[i]
		}
		return d
	}
	low, high := math.Inf(1), math.Inf(-1)
	for range 50 {
		x := slices.Clone(clean)
		augment.Noise(r, x, 5, 15)
		noise := added(x)
		snr := decibels(clean, noise)
		low, high = min(low, snr), max(high, snr)
		// White and Gaussian: mean 0, neighbours independent, kurtosis 3; 5 standard errors.
		var mean, next, square, fourth float64
		for i, v := range noise {
			v := float64(v)
			mean, square, fourth = mean+v, square+v*v, fourth+v*v*v*v
			next += v * float64(noise[(i+1)%len(noise)])
		}
		n := float64(len(noise))
		assert.InDelta(t, 0, mean/math.Sqrt(square*n), 5/math.Sqrt(n))
		assert.InDelta(t, 0, next/square, 5/math.Sqrt(n))
		assert.InDelta(t, 3, n*fourth/square/square, 5*math.Sqrt(24/n))
	}
	assert.True(t, low >= 5-1e-3 && low < 7 && high > 13 && high <= 15+1e-3, "%g to %g", low, high)

	x := slices.Clone(clean)
	augment.AddNoise(x, append(slices.Clone(clean), 7), -20)
	assert.InDelta(t, -20, decibels(clean, added(x)), 1e-4) // x is rounded to float32
	x = slices.Clone(clean)
	augment.AddNoise(x, make([]float32, len(x)), 3)
	assert.Equal(t, clean, x, "silent noise")
	silence := make([]float32, 9)
	augment.Noise(r, silence, 3, 4)
	assert.Equal(t, make([]float32, 9), silence)
}

func TestGain(t *testing.T) {
	r := generator()
	low, high := math.Inf(1), math.Inf(-1)
	for range 100 {
		x := ramp(30)
		augment.Gain(r, x, -6, 6)
		gain := decibels(x, ramp(30))
		low, high = min(low, gain), max(high, gain)
		assert.InDelta(t, x[7]*ramp(30)[9], x[9]*ramp(30)[7], 1e-6)
	}
	assert.True(t, low >= -6 && low < -5 && high > 5 && high < 6, "%g to %g", low, high)
}

// axes calls f with each axis of a shape, counted from either end.
func axes(t *testing.T, f func(t *testing.T, shape []int, axis int)) {
	torchtest.Need(t)
	for _, axis := range []int{0, 1, 2, -1, -3} {
		t.Run(fmt.Sprint(axis), func(t *testing.T) { f(t, []int{4, 5, 6}, axis) })
	}
}

// A mask covers a stretch of its axis and all of the others; all widths up to most are
// equally frequent, and all places occur.
func TestMaskAlongAxis(t *testing.T) {
	axes(t, func(t *testing.T, shape []int, axis int) {
		r := generator()
		size := shape[(axis+3)%3]
		widths, places := make([]int, 3), map[int]bool{}
		const draws = 4000
		for range draws {
			x := slices.Repeat([]float32{1}, 120)
			augment.MaskAlongAxis(r, x, shape, axis, 2, 9)
			torch.Scope(func() {
				masked := torch.FromSlice(x, shape...).EqScalar(9).Movedim(axis, 0).Reshape(size, 120/size)
				rows := masked.ToDType(torch.Float32).Sum(1).Float32s()
				width, first := 0, -1
				for i, n := range rows {
					switch n {
					case 0:
						continue
					case float32(120 / size):
						if first < 0 {
							first = i
						}
						require.Equal(t, first+width, i, "one stretch")
						width++
					default:
						require.Fail(t, "a part of a row is masked")
					}
				}
				widths[width]++
				if width == 1 {
					places[first] = true
				}
			})
		}
		for width, n := range widths {
			assert.InDelta(t, draws/3, n, 5*math.Sqrt(draws*2/9.0), width)
		}
		assert.Len(t, places, size)
	})
	x := ramp(6)
	augment.MaskAlongAxis(generator(), x, []int{2, 3}, 1, 100, 0) // wider than the axis
	assert.Panics(t, func() { augment.MaskAlongAxis(generator(), x, []int{2, 3}, 2, 1, 0) })
	assert.Panics(t, func() { augment.MaskAlongAxis(generator(), x, []int{2, 2}, 1, 1, 0) })
	augment.MaskAlongAxis(generator(), nil, []int{0, 3}, 1, 2, 0)
}

// match fails unless x is one of the results, all of which have to come in many draws.
func match(t *testing.T, results [][]float32, draw func() []float32) {
	t.Helper()
	seen := map[int]bool{}
	for range 100 {
		x := draw()
		i := slices.IndexFunc(results, func(want []float32) bool { return slices.Equal(want, x) })
		require.GreaterOrEqual(t, i, 0)
		seen[i] = true
	}
	distinct := map[string]bool{}
	for _, x := range results {
		distinct[fmt.Sprint(x)] = true
	}
	assert.Len(t, seen, len(distinct))
}

// Shift moves as a padded view does in libtorch.
func TestShift(t *testing.T) {
	axes(t, func(t *testing.T, shape []int, axis int) {
		r := generator()
		size := shape[(axis+3)%3]
		for _, most := range []int{0, 2, size + 1} {
			var results [][]float32
			torch.Scope(func() {
				x := torch.FromSlice(ramp(120), shape...)
				zeros := torch.Zeros(shape)
				wide := torch.Cat([]*torch.Tensor{zeros, x, zeros}, (axis+3)%3)
				for by := -min(most, size); by <= min(most, size); by++ {
					results = append(results, wide.Narrow(axis, size-by, size).Float32s())
				}
			})
			match(t, results, func() []float32 {
				x := ramp(120)
				augment.Shift(r, x, shape, axis, most)
				return x
			})
		}
	})
}

func TestCrop(t *testing.T) {
	axes(t, func(t *testing.T, shape []int, axis int) {
		r := generator()
		size := shape[(axis+3)%3]
		for _, want := range []int{1, size - 1, size, size + 2} {
			var results [][]float32
			torch.Scope(func() {
				x := torch.FromSlice(ramp(120), shape...)
				wide := torch.Cat([]*torch.Tensor{x, torch.Zeros(shape)}, (axis+3)%3)
				for at := range max(size-want, 0) + 1 {
					results = append(results, wide.Narrow(axis, at, want).Float32s())
				}
			})
			match(t, results, func() []float32 { return augment.Crop(r, ramp(120), shape, axis, want) })
		}
	})
}

// Also nothing at all is filled up.
func TestCropOfNothing(t *testing.T) {
	assert.Equal(t, make([]float32, 6), augment.Crop(generator(), nil, []int{2, 0}, 1, 3))
}

// λ has the mean and the variance of Beta(α, α), 1/2 and 1/(4·(2α+1)).
func TestMixup(t *testing.T) {
	r := generator()
	for _, alpha := range []float64{0.2, 1, 4} {
		var sum, square, fourth float64
		const draws = 20_000
		for range draws {
			x, y := []float32{1, 2}, []float32{1, 0}
			lambda := augment.Mixup(r, x, y, []float32{-3, 4}, []float32{0, 1}, alpha)
			assert.Equal(t, []float32{float32(lambda - 3*(1-lambda)), float32(2*lambda + 4*(1-lambda))}, x)
			assert.Equal(t, []float32{float32(lambda), float32(1 - lambda)}, y)
			d := lambda - 0.5
			sum, square, fourth = sum+d, square+d*d, fourth+d*d*d*d
		}
		variance := 1 / (4 * (2*alpha + 1))
		assert.InDelta(t, 0, sum/draws, 5*math.Sqrt(variance/draws))
		assert.InDelta(t, variance, square/draws, 5*math.Sqrt((fourth/draws-variance*variance)/draws))
	}
}

func ExampleMaskAlongAxis() {
	spectrogram := slices.Repeat([]float32{1}, 2*8) // [frequency, time]
	r := rand.New(rand.NewPCG(1, 2))
	augment.MaskAlongAxis(r, spectrogram, []int{2, 8}, -1, 4, 0)
	fmt.Println(spectrogram[:8])
	fmt.Println(spectrogram[8:])
	// Output:
	// [1 1 1 0 0 0 1 1]
	// [1 1 1 0 0 0 1 1]
}
