// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"math"
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
			imdctLong(&y, lines, longBlock) // start and stop blocks, too, switch only above
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
func interleave(x *[576]float64, from int, h header) {
	table := bands(h)
	src := *x
	for b := from; b < 13; b++ {
		start, width := 3*table.short[b], table.short[b+1]-table.short[b]
		for w := range 3 {
			for i := range width {
				x[start+3*i+w] = src[start+w*width+i]
			}
		}
	}
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
	for _, v := range lines {
		if v != 0 {
			return false
		}
	}
	return true
}
