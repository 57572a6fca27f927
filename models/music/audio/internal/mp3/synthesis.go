// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"math"
	"slices"
	"sync"

	"github.com/etude-ml/etude/models/music/audio/internal/dsp"
)

// antialias holds the butterflies' coefficients.
var antialias = sync.OnceValue(func() (k struct{ cs, ca [8]float64 }) {
	for i, c := range [8]float64{-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037} {
		k.cs[i] = 1 / math.Sqrt(1+c*c)
		k.ca[i] = c / math.Sqrt(1+c*c)
	}
	return
})

// transforms hold the windows of the inverse MDCTs, and the short ones themselves.
type transforms struct {
	long  [4][36]float64 // by block type; see imdctLong
	short [12][6]float64
}

var transform = sync.OnceValue(func() *transforms {
	t := &transforms{}
	for block := range t.long {
		for i := range 36 {
			x := float64(i) + 0.5
			w := math.Sin(math.Pi / 36 * x)
			switch {
			case block == startBlock && i >= 30, block == stopBlock && i < 6:
				w = 0
			case block == startBlock && i >= 24:
				w = math.Sin(math.Pi / 12 * (x - 18))
			case block == stopBlock && i < 12:
				w = math.Sin(math.Pi / 12 * (x - 6))
			case block == startBlock && i >= 18, block == stopBlock && i < 18:
				w = 1
			}
			n, negative := unfold(i)
			if negative {
				w = -w
			}
			t.long[block][i] = w / (2 * math.Cos(math.Pi/72*float64(2*n+1)))
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

// unfold returns which value of an 18-point DCT-IV is output i of the inverse MDCT, and
// whether its sign is reversed.
func unfold(i int) (n int, negative bool) {
	switch {
	case i < 9:
		return 9 + i, false
	case i < 27:
		return 26 - i, true
	}
	return i - 27, true
}

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

// imdctLong computes y[i] = w[i]·Σ x[k]·cos(π/72·(2i+19)(2k+1)), of which 18 values are
// different, those of a DCT-IV. This is a DCT-III of the sums of neighbours over
// 2·cos(π/72·(2n+1)), and a DCT-III of 18 values is one of 9, of those with even numbers,
// and a DCT-IV of 9, of the others, which is a DCT-III over cosines in turn.
func imdctLong(y *[36]float64, lines []float64, block int) {
	if zero(lines) {
		return
	}
	x := (*[18]float64)(lines)
	var even, odd [9]float64
	even[0], odd[0] = x[0], x[0]+x[1]
	for k := 1; k < 9; k++ {
		even[k] = x[2*k-1] + x[2*k]
		odd[k] = x[2*k-2] + x[2*k-1] + x[2*k] + x[2*k+1]
	}
	dct9(&even)
	dct9(&odd)
	var u [18]float64
	for n, c := range &secants {
		u[n], u[17-n] = even[n]+odd[n]*c, even[n]-odd[n]*c
	}
	w := &transform().long[block]
	for i := range 9 {
		y[i], y[9+i], y[18+i], y[27+i] = w[i]*u[9+i], w[9+i]*u[17-i], w[18+i]*u[8-i], w[27+i]*u[i]
	}
}

// secants holds 1/(2·cos(π/36·(2n+1))).
var secants = func() (s [9]float64) {
	for n := range s {
		s[n] = 0.5 / math.Cos(math.Pi/36*float64(2*n+1))
	}
	return
}()

// dct9 replaces x by its DCT-III, Σ x[k]·cos(π/18·k(2n+1)). The terms of even k are the
// same for n and 8-n, and those of odd k differ in sign.
func dct9(x *[9]float64) {
	const (
		cos10 = 0.98480775301220805936674302458952
		cos20 = 0.93969262078590838405410927732473
		cos30 = 0.86602540378443864676372317075294
		cos40 = 0.76604444311897803520239265055542
		cos50 = 0.64278760968653932632264340990726
		cos70 = 0.34202014332566873304409961468226
		cos80 = 0.17364817766693034885171662676931
	)
	half := x[0] + x[6]/2
	a0 := half + x[2]*cos20 + x[4]*cos40 + x[8]*cos80
	a1 := x[0] - x[6] + (x[2]-x[4]-x[8])/2
	a2 := half - x[2]*cos80 - x[4]*cos20 + x[8]*cos40
	a3 := half - x[2]*cos40 + x[4]*cos80 - x[8]*cos20
	a4 := x[0] - x[2] + x[4] - x[6] + x[8]
	third := x[3] * cos30
	b0 := x[1]*cos10 + third + x[5]*cos50 + x[7]*cos70
	b1 := (x[1] - x[5] - x[7]) * cos30
	b2 := x[1]*cos50 - third - x[5]*cos70 + x[7]*cos10
	b3 := x[1]*cos70 - third + x[5]*cos10 - x[7]*cos50
	*x = [9]float64{a0 + b0, a1 + b1, a2 + b2, a3 + b3, a4, a3 - b3, a2 - b2, a1 - b1, a0 - b0}
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

// synthesis is the polyphase filterbank that combines 32 subbands. The standard makes a
// vector of 64 values of each slot, and sample j of 32 is the sum of 16 of them times the
// window: value j of the newest vector, 32+j of the one before, j of the next … These are
// ±c[16+j] and ±c[16-j] of the slots' DCTs c, and the same ones for samples j and 32-j.
type synthesis struct {
	// past holds these values, newest first, for slots of even and odd number. They
	// begin at index at, and stand twice, so that 16 in a row are there.
	past [2][17][32]float64
	at   int
}

// window is the synthesis window D with the signs of the values that it meets.
var window = sync.OnceValue(func() *[32][16]float64 {
	var d [32][16]float64
	for j := range d {
		for i := range d[j] {
			k := 32*i + j
			v := float64(halfWindow[min(k, 512-k)]) / (1 << 16)
			if k > 256 && k%64 != 0 {
				v = -v
			}
			if j > 16 || i%2 == 1 {
				v = -v
			}
			d[j][i] = v
		}
	}
	return &d
})

// slot turns one sample of each subband into 32 samples of sound.
func (s *synthesis) slot(out []float64, x *[32]float64) []float64 {
	dct32(x)
	s.at = (s.at + 15) & 15
	odd := s.at & 1
	for j := range 17 {
		above := 0.0
		if j < 16 {
			above = x[16+j]
		}
		now, next := &s.past[odd][j], &s.past[1-odd][j]
		now[s.at], now[s.at+16] = above, above
		next[s.at], next[s.at+16] = x[16-j], x[16-j]
	}
	d, past := window(), &s.past[odd]
	var y [32]float64
	for j := range past {
		values := (*[16]float64)(past[j][s.at:])
		y[j] = dsp.Dot16(&d[j], values)
		if j > 0 {
			y[32-j] = dsp.Dot16(&d[32-j], values)
		}
	}
	return append(out, y[:]...)
}

// halves holds 1/(2·cos(π/64·n(2k+1))) for the halves of 32/n values.
var halves = func() (h [3][16]float64) {
	for level := range h {
		for k := range 16 >> level {
			h[level][k] = 0.5 / math.Cos(math.Pi/64*float64(int(1)<<level*(2*k+1)))
		}
	}
	return
}()

// dct32 replaces x by its DCT-II, Σ x[k]·cos(π/64·m(2k+1)), as B. G. Lee does (1984): the
// even outputs are the DCT of the sums of opposite inputs, and the odd ones sums of two
// outputs of the DCT of their differences over cosines.
func dct32(x *[32]float64) {
	from, to := x, new([32]float64)
	for level := range halves {
		n := 16 >> level
		c := halves[level][:n]
		for b := 0; b < 32; b += 2 * n {
			first, last, sums, differences := from[b:][:n], from[b+n:][:n], to[b:][:n], to[b+n:][:n]
			for k := range c {
				v, w := first[k], last[n-1-k]
				sums[k], differences[k] = v+w, (v-w)*c[k]
			}
		}
		from, to = to, from
	}
	const (
		cos1 = 0.92387953251128675612818318939679 // of π/8
		cos3 = 0.38268343236508977172845998403040 // of 3π/8
	)
	for b := 0; b < 32; b += 4 {
		q := (*[4]float64)(from[b:])
		s, t, u, v := q[0]+q[3], q[1]+q[2], q[0]-q[3], q[1]-q[2]
		*q = [4]float64{s + t, u*cos1 + v*cos3, (s - t) * (math.Sqrt2 / 2), u*cos3 - v*cos1}
	}
	for n := 4; n <= 16; n *= 2 {
		for b := 0; b < 32; b += 2 * n {
			even, odd, out := from[b:][:n], from[b+n:][:n], to[b:][:2*n]
			for m := 1; m < n; m++ {
				out[2*m-2], out[2*m-1] = even[m-1], odd[m-1]+odd[m]
			}
			out[2*n-2], out[2*n-1] = even[n-1], odd[n-1]
		}
		from, to = to, from
	}
}
