// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dsp

import (
	"math/cmplx"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/dsp/fourier"
)

// TestFFT compares with gonum, and the inverse with the signal.
func TestFFT(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 16; n <= 1<<15; n *= 2 {
		x := make([]float64, n)
		for i := range x {
			x[i] = random.Float64() - 0.5
		}
		f := NewFFT(n)
		got, want := make([]complex128, n/2+1), fourier.NewFFT(n).Coefficients(nil, x)
		f.Forward(got, x)
		for k := range want {
			require.Less(t, cmplx.Abs(got[k]-want[k]), 1e-12, "%d samples, frequency %d", n, k)
		}
		back := make([]float64, n)
		f.Inverse(back, got)
		for i := range x {
			require.InDelta(t, x[i], back[i]/float64(n), 1e-15, "%d samples, sample %d", n, i)
		}
	}
	for _, n := range []int{-16, 0, 8, 100} {
		assert.Panics(t, func() { NewFFT(n) }, "%d", n)
	}
}

func BenchmarkForward(b *testing.B) {
	for _, n := range []int{2048, 4096, 8192, 16384} {
		x, y := make([]float64, n), make([]complex128, n/2+1)
		x[3] = 1
		ours, gonums := NewFFT(n), fourier.NewFFT(n)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				ours.Forward(y, x)
			}
		})
		b.Run(strconv.Itoa(n)+"/gonum", func(b *testing.B) {
			for b.Loop() {
				gonums.Coefficients(y, x)
			}
		})
	}
}
