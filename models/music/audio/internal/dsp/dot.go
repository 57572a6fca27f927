// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dsp

// Dot16 returns the dot product of a and b.
func Dot16(a, b *[16]float64) float64 {
	if hasAVX {
		return dot16AVX(a, b)
	}
	return dot16(a, b)
}

// dot16 uses four sums, because a single one would wait for each addition.
func dot16(a, b *[16]float64) float64 {
	return (a[0]*b[0] + a[4]*b[4] + a[8]*b[8] + a[12]*b[12]) + (a[1]*b[1] + a[5]*b[5] + a[9]*b[9] + a[13]*b[13]) +
		(a[2]*b[2] + a[6]*b[6] + a[10]*b[10] + a[14]*b[14]) + (a[3]*b[3] + a[7]*b[7] + a[11]*b[11] + a[15]*b[15])
}
