// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package augment changes samples at random, so that a network does not learn them by
// heart. The functions work in place on float32 elements in row-major order; what they
// draw comes from r alone. A data.Loader calls them in its Augment with an r of each
// sample's own.
//
// An axis of a shape is given as in PyTorch: [channels, time] has its time at axis 1 or
// -1. Arguments that fit no shape panic.
package augment

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// Noise adds white Gaussian noise. The signal-to-noise ratio is drawn from [low, high),
// in dB; see [AddNoise].
func Noise(r *rand.Rand, x []float32, low, high float64) {
	noise := make([]float32, len(x))
	for i := range noise {
		noise[i] = float32(r.NormFloat64())
	}
	AddNoise(x, noise, between(r, low, high))
}

// AddNoise adds noise, at least as long as x, scaled so that the signal-to-noise ratio
// 10·log₁₀(Σx²/Σnoise²) becomes snr, in dB, as torchaudio.functional.add_noise does. Where
// one of both is silent, nothing is added.
func AddNoise(x, noise []float32, snr float64) {
	noise = noise[:len(x)]
	if have := energy(x) / energy(noise); have > 0 && !math.IsInf(have, 0) {
		gain := math.Sqrt(have / math.Pow(10, snr/10))
		for i, n := range noise {
			x[i] += float32(gain * float64(n))
		}
	}
}

func energy(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// Gain multiplies x by 10^(g/20), with g drawn from [low, high), in dB.
func Gain(r *rand.Rand, x []float32, low, high float64) {
	gain := float32(math.Pow(10, between(r, low, high)/20))
	for i := range x {
		x[i] *= gain
	}
}

// MaskAlongAxis sets a stretch of an axis to value, in all else: of a spectrogram, a band
// of frequencies or a stretch of time. The width is drawn from 0 to most, and the place
// from those where it fits. These are the masks of SpecAugment: D. Park et al.,
// arXiv 1904.08779, which also bounds the width in time to a share of its length.
func MaskAlongAxis(r *rand.Rand, x []float32, shape []int, axis, most int, value float32) {
	rows, size, inner := along(x, shape, axis)
	width := r.IntN(min(most, size) + 1)
	start := r.IntN(size - width + 1)
	for _, row := range rows {
		part := row[start*inner : (start+width)*inner]
		for i := range part {
			part[i] = value
		}
	}
}

// Shift moves x along an axis, such as time, by a number of places drawn from -most to
// most. What leaves at one end is lost, and zeros enter at the other.
func Shift(r *rand.Rand, x []float32, shape []int, axis, most int) {
	rows, size, inner := along(x, shape, axis)
	by := r.IntN(2*most+1) - most
	lost := min(max(by, -by), size) * inner
	for _, row := range rows {
		if by >= 0 {
			copy(row[lost:], row)
			clear(row[:lost])
		} else {
			copy(row, row[lost:])
			clear(row[len(row)-lost:])
		}
	}
}

// Crop returns a stretch of an axis that is size long, from a place drawn among those
// where it fits, as a new slice; other axes stay as they are. Where the axis is shorter,
// the result is filled up with zeros at its end.
func Crop(r *rand.Rand, x []float32, shape []int, axis, size int) []float32 {
	rows, have, inner := along(x, shape, axis)
	start := r.IntN(max(have-size, 0) + 1)
	out := make([]float32, len(rows)*size*inner)
	for i, row := range rows {
		copy(out[i*size*inner:], row[start*inner:min(start+size, have)*inner])
	}
	return out
}

// Mixup mixes a sample with another one, x2 and y2: x becomes λ·x + (1-λ)·x2, and the
// target y, which has to be one of probabilities or numbers, likewise. λ, which it returns,
// is drawn from Beta(alpha, alpha). H. Zhang et al., "mixup: Beyond Empirical Risk
// Minimization", arXiv 1710.09412, whose alphas are 0.1 to 0.4 for images.
func Mixup(r *rand.Rand, x, y, x2, y2 []float32, alpha float64) (lambda float64) {
	lambda = distuv.Beta{Alpha: alpha, Beta: alpha, Src: r}.Rand()
	for _, pair := range [][2][]float32{{x, x2}, {y, y2}} {
		to, other := pair[0], pair[1][:len(pair[0])]
		for i := range to {
			to[i] = float32(lambda*float64(to[i]) + (1-lambda)*float64(other[i]))
		}
	}
	return lambda
}

func between(r *rand.Rand, low, high float64) float64 { return low + r.Float64()*(high-low) }

// along returns x, of a shape [outer, size, inner] where size is that of the axis, as its
// outer rows of size·inner elements.
func along(x []float32, shape []int, axis int) (rows [][]float32, size, inner int) {
	if axis < 0 {
		axis += len(shape)
	}
	n, outer := 1, 1
	inner = 1
	for i, size := range shape {
		n *= size
		if i < axis {
			outer *= size
		}
		if i > axis {
			inner *= size
		}
	}
	if axis < 0 || axis >= len(shape) || n != len(x) {
		panic(fmt.Sprintf("augment: axis %d of %d elements in the shape %v", axis, len(x), shape))
	}
	size = shape[axis]
	rows = make([][]float32, outer)
	for i := range rows {
		rows[i] = x[i*size*inner : (i+1)*size*inner]
	}
	return rows, size, inner
}
