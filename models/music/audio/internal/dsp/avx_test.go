// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dsp

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAVX compares what is in assembly with the same in Go. Go's compiler joins no
// multiplication and addition on amd64, so not a bit may differ.
func TestAVX(t *testing.T) {
	if !hasAVX {
		t.Skip("the processor has no AVX, or there is no assembly for it")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for n := 16; n <= 1<<13; n *= 2 {
		for _, p := range NewFFT(n).passes {
			got := make([]complex128, n/2)
			for i := range got {
				got[i] = complex(random.NormFloat64(), random.NormFloat64())
			}
			want := slices.Clone(got)
			passAVX(got, p.b, p.c, p.d)
			p.run(want)
			require.Equal(t, want, got, "%d numbers, %d transforms of %d", n/2, n/2/len(p.b), len(p.b))
		}
	}
	for range 1000 {
		var a, b [16]float64
		for i := range a {
			a[i], b[i] = random.NormFloat64(), random.NormFloat64()
		}
		require.Equal(t, dot16(&a, &b), dot16AVX(&a, &b))
	}
}
