// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package dsp holds sums and transforms in which decoders and features spend their time.
package dsp

import (
	"fmt"
	"math"
	"math/bits"
	"unsafe"
)

// FFT computes discrete Fourier transforms of n real samples, by passes of radix 4 (Cooley
// and Tukey, 1965), which take a fifth of the time of gonum's. The samples count as n/2
// complex numbers, even samples and odd ones, whose transform is taken apart at the end.
// Goroutines may share it.
type FFT struct {
	order  []int32 // where the first pass finds its numbers
	passes []pass  // after the first; each joins four transforms into one
	split  []complex128
}

// pass holds what its butterflies multiply their second, third and fourth number by.
type pass struct{ b, c, d []complex128 }

// NewFFT returns an FFT for n samples, a power of two from 16 on.
func NewFFT(n int) *FFT {
	if n < 16 || n&(n-1) != 0 {
		panic(fmt.Sprintf("dsp: the length is %d, want a power of two from 16 on", n))
	}
	half := n / 2
	t := &FFT{split: make([]complex128, half/2+1)}
	for k := range t.split {
		t.split[k] = root(k, n) * complex(0, -0.5)
	}
	t.order = []int32{0, 1, 2, 3}
	if bits.Len(uint(half))%2 == 0 { // not a power of four: the first pass is of radix 2
		t.order = t.order[:2]
	}
	for len(t.order) < half {
		m := len(t.order)
		p, order := pass{}, make([]int32, 4*m)
		for j, v := range t.order {
			p.b, p.c, p.d = append(p.b, root(j, 4*m)), append(p.c, root(2*j, 4*m)), append(p.d, root(3*j, 4*m))
			for i := range int32(4) {
				order[int(i)*m+j] = 4*v + i
			}
		}
		t.passes, t.order = append(t.passes, p), order
	}
	return t
}

// root returns e^(-2πik/n).
func root(k, n int) complex128 {
	sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
	return complex(cos, sin)
}

// Forward writes the frequencies 0 to n/2 of the n samples in src to dst.
func (t *FFT) Forward(dst []complex128, src []float64) {
	half := len(t.order)
	z := dst[:half]
	t.transform(z, pairs(src))
	dst[0], dst[half] = complex(real(z[0])+imag(z[0]), 0), complex(real(z[0])-imag(z[0]), 0)
	for k := 1; k <= half/2; k++ {
		a, b := dst[k], dst[half-k]
		even := complex((real(a)+real(b))/2, (imag(a)-imag(b))/2)
		odd := complex(real(a)-real(b), imag(a)+imag(b)) * t.split[k]
		dst[k] = even + odd
		dst[half-k] = complex(real(even)-real(odd), imag(odd)-imag(even))
	}
}

// Inverse writes n times the signal whose frequencies 0 to n/2 are in src to dst. It
// overwrites src.
func (t *FFT) Inverse(dst []float64, src []complex128) {
	half := len(t.order)
	src = src[:half+1]
	// A transform with its input in reverse order is the inverse one.
	src[0] = complex(real(src[0])+real(src[half]), real(src[0])-real(src[half]))
	for k := 1; k <= half/2; k++ {
		a, b, w := src[k], src[half-k], t.split[k]
		even := complex(real(a)+real(b), imag(a)-imag(b))
		odd := complex(real(a)-real(b), imag(a)+imag(b)) * complex(2*real(w), -2*imag(w))
		src[half-k] = even + odd
		src[k] = complex(real(even)-real(odd), imag(odd)-imag(even))
	}
	t.transform(pairs(dst), src)
}

// pairs returns the memory of x as complex numbers.
func pairs(x []float64) []complex128 {
	return unsafe.Slice((*complex128)(unsafe.Pointer(unsafe.SliceData(x))), len(x)/2)
}

// transform writes the transform of x to y. Most of the time goes into the passes after
// the first, for which there is assembly.
func (t *FFT) transform(y, x []complex128) {
	order := t.order
	y, x = y[:len(order)], x[:len(order)]
	if len(t.passes[0].b) == 2 {
		for i := 1; i < len(order); i += 2 {
			a, b := x[order[i-1]], x[order[i]]
			y[i-1], y[i] = a+b, a-b
		}
	} else {
		for i := 3; i < len(order); i += 4 {
			y[i-3], y[i-2], y[i-1], y[i] = butterfly(x[order[i-3]], x[order[i-2]], x[order[i-1]], x[order[i]])
		}
	}
	for i := range t.passes {
		if hasAVX {
			passAVX(y, t.passes[i].b, t.passes[i].c, t.passes[i].d)
		} else {
			t.passes[i].run(y)
		}
	}
}

// run is what passAVX does, to the last bit where the compiler joins no multiplication
// and addition.
func (p *pass) run(y []complex128) {
	m := len(p.b)
	b, c, d := p.b, p.c[:m], p.d[:m]
	for ; len(y) >= 4*m; y = y[4*m:] {
		y0, y1, y2, y3 := y[:m], y[m:][:m], y[2*m:][:m], y[3*m:][:m]
		for j := range b {
			y0[j], y1[j], y2[j], y3[j] = butterfly(y0[j], y1[j]*b[j], y2[j]*c[j], y3[j]*d[j])
		}
	}
}

// butterfly is a transform of four numbers.
func butterfly(a, b, c, d complex128) (_, _, _, _ complex128) {
	s, t, u, v := a+c, a-c, b+d, b-d
	return s + u, complex(real(t)+imag(v), imag(t)-real(v)), s - u, complex(real(t)-imag(v), imag(t)+real(v))
}
