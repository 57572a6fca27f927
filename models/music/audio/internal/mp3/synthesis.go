// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"math"
	"slices"
	"sync"
)

// antialias holds the butterflies' coefficients.
var antialias = sync.OnceValue(func() (k struct{ cs, ca [8]float64 }) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		k.cs[i] = 1 / math.Sqrt(1+c*c)
		k.ca[i] = c / math.Sqrt(1+c*c)
	}
	return
})

// transforms are the inverse MDCTs with their windows multiplied in.
type transforms struct {
	long  [4][36][18]float64 // by block type
	short [12][6]float64
}

var transform = sync.OnceValue(func() *transforms {
	t := &transforms{}
	for block := range t.long {
		for i := range 36 {
			w := math.Sin(math.Pi / 36 * (float64(i) + 0.5))
			switch x := float64(i) + 0.5; {
			case block == startBlock && i >= 30, block == stopBlock && i < 6:
				w = 0
			case block == startBlock && i >= 24:
				w = math.Sin(math.Pi / 12 * (x - 18))
			case block == stopBlock && i < 12:
				w = math.Sin(math.Pi / 12 * (x - 6))
			case block == startBlock && i >= 18, block == stopBlock && i < 18:
				w = 1
			}
			for k := range 18 {
				t.long[block][i][k] = w * math.Cos(math.Pi/72*float64((2*i+19)*(2*k+1)))
			}
		}
	}
	for i := range 12 {
		w := math.Sin(math.Pi / 12 * (float64(i) + 0.5))
		for k := range 6 {
			t.short[i][k] = w * math.Cos(math.Pi/24*float64((2*i+7)*(2*k+1)))
		}
	}
	return t
})

// channelState is the state of a channel between granules.
type channelState struct {
	overlap   [576]float64 // second halves of the transforms
	synthesis synthesis
}

// granule turns the lines x into 576 samples appended to out.
func (s *channelState) granule(out []float64, x *[576]float64, gr *granule, h header) []float64 {
	longBands, shortFrom := gr.split(h)
	longLines := bands(h).long[longBands]
	if gr.block == shortBlock {
		interleave(x, shortFrom, h)
	}
	k := antialias()
	for at := 18; at < longLines; at += 18 {
		for i := range 8 {
			a, b := x[at-1-i], x[at+i]
			x[at-1-i], x[at+i] = a*k.cs[i]-b*k.ca[i], b*k.cs[i]+a*k.ca[i]
		}
	}
	var slots [18][32]float64
	for band := range 32 {
		lines := x[18*band : 18*band+18]
		var y [36]float64
		switch {
		case gr.mixed && (band < 2 || gr.block == shortBlock && 18*band < longLines):
			imdctLong(&y, lines, longBlock) // start and stop blocks switch only above, too
		case gr.block != shortBlock:
			imdctLong(&y, lines, gr.block)
		default:
			imdctShort(&y, lines)
		}
		overlap := s.overlap[18*band : 18*band+18]
		for i := range 18 {
			v := y[i] + overlap[i]
			overlap[i] = y[i+18]
			if i&band&1 != 0 { // odd subbands run backwards in frequency
				v = -v
			}
			slots[i][band] = v
		}
	}
	for i := range slots {
		out = s.synthesis.slot(out, &slots[i])
	}
	return out
}

// interleave brings the windows of short bands together, line by line.
func interleave(x *[576]float64, first int, h header) {
	src := *x
	bands(h).eachShort(first, func(_, w, from, to int) {
		start := from - w*(to-from)
		for i := from; i < to; i++ {
			x[start+3*(i-from)+w] = src[i]
		}
	})
}

func imdctLong(y *[36]float64, lines []float64, block int) {
	if zero(lines) {
		return
	}
	t := &transform().long[block]
	for i := range y {
		var sum float64
		for k, c := range t[i] {
			sum += c * lines[k]
		}
		y[i] = sum
	}
}

func imdctShort(y *[36]float64, lines []float64) {
	if zero(lines) {
		return
	}
	t := &transform().short
	for w := range 3 {
		for i := range t {
			var sum float64
			for k, c := range t[i] {
				sum += c * lines[3*k+w]
			}
			y[6+6*w+i] += sum
		}
	}
}

func zero(lines []float64) bool {
	return !slices.ContainsFunc(lines, func(v float64) bool { return v != 0 })
}

// synthesis is the polyphase filterbank that combines 32 subbands.
type synthesis struct {
	v  [16][64]float64 // the newest vector at index at, older ones behind it
	at int
}

// cosines are those of the 32-point matrix, cos(m(2k+1)π/64), for k below 16:
// the others follow by symmetry.
var cosines = sync.OnceValue(func() *[32][16]float64 {
	var c [32][16]float64
	for m := range c {
		for k := range c[m] {
			c[m][k] = math.Cos(math.Pi / 64 * float64(m*(2*k+1)))
		}
	}
	return &c
})

// window is the synthesis window D in the order of use: [16 parts][32 samples].
var window = sync.OnceValue(func() *[16][32]float64 {
	var d [16][32]float64
	for i := range 512 {
		v := halfWindow[min(i, 512-i)]
		if i > 256 && i%64 != 0 {
			v = -v
		}
		d[i/32][i%32] = float64(v) / (1 << 16)
	}
	return &d
})

// slot turns one sample of each subband into 32 samples of sound.
func (s *synthesis) slot(out []float64, x *[32]float64) []float64 {
	var even, odd [16]float64
	for k := range 16 {
		even[k], odd[k] = x[k]+x[31-k], x[k]-x[31-k]
	}
	var c [32]float64
	for m, row := range cosines() {
		in := &even
		if m&1 != 0 {
			in = &odd
		}
		var sum float64
		for k, v := range row {
			sum += v * in[k]
		}
		c[m] = sum
	}
	s.at = (s.at + 15) & 15
	v := &s.v[s.at]
	for i := range v {
		switch {
		case i < 16:
			v[i] = c[16+i]
		case i == 16:
			v[i] = 0
		case i < 48:
			v[i] = -c[48-i]
		default:
			v[i] = -c[i-48]
		}
	}
	d := window()
	var y [32]float64
	for i := range 16 {
		// Even parts take the first half of their vector, odd ones the second.
		half := s.v[(s.at+i)&15][(i&1)*32:][:32]
		for j, w := range d[i] {
			y[j] += w * half[j]
		}
	}
	return append(out, y[:]...)
}
