// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"math"
	"sync"
)

// spectra holds the lines of both channels of a granule. Those of short blocks are in
// the order of the stream: band by band, in each the three windows one by one.
type spectra struct {
	x    [2][576]float64
	last [2]int // lines up to the last that is not zero
}

// pow43 holds i^(4/3) for every value that a code with 13 extra bits can have.
var pow43 = sync.OnceValue(func() *[8207]float64 {
	var p [8207]float64
	for i := range p {
		p[i] = math.Pow(float64(i), 4.0/3)
	}
	return &p
})

// maxGain is the greatest exponent of requantize, in quarters: 255-210.
const maxGain = 45

// gains holds 2^((maxGain-i)/4).
var gains = sync.OnceValue(func() *[512]float64 {
	var p [512]float64
	for i := range p {
		p[i] = math.Exp2(float64(maxGain-i) / 4)
	}
	return &p
})

// pretab raises the upper bands' scalefactors where preflag is set.
var pretab = [22]int{11: 1, 1, 1, 1, 2, 2, 3, 3, 3, 2, 0}

// requantize turns coded integers, which huffman raised to the power 4/3, into amplitudes:
// sign·|x|^(4/3)·2^((gain-210)/4)·2^-(scalefactor·step).
func (s *spectra) requantize(c int, gr *granule, sf *scalefactors, h header) {
	table := bands(h)
	long, short := gr.split(h)
	step := 2 << gr.scale // quarters of a factor of two
	for b := range long {
		v := sf.long[b]
		if gr.preflag {
			v += pretab[b]
		}
		s.scale(c, table.long[b], table.long[b+1], 210-gr.gain+step*v)
	}
	table.eachShort(short, func(b, w, from, to int) {
		s.scale(c, from, to, 210-gr.gain+8*gr.windowGain[w]+step*sf.short[b][w])
	})
}

// scale applies the gain 2^(-q/4) to the lines [from, to).
func (s *spectra) scale(c, from, to, q int) {
	if from >= s.last[c] {
		return
	}
	gain := gains()[q+maxGain]
	for i := range s.x[c][from:to] {
		s.x[c][from+i] *= gain
	}
}

// stereo reverses mid/side and intensity coding. gr and sf are the right channel's.
func (s *spectra) stereo(gr *granule, sf *scalefactors, h header) {
	midSide, intensity := h.modeExt&2 != 0, h.modeExt&1 != 0
	if !intensity {
		if midSide {
			s.midSide(0, 576)
		}
		return
	}
	table := bands(h)
	long, short := gr.split(h)
	// Intensity begins above the last band in which the right channel has lines.
	band := func(from, to, pos, top int, above bool) {
		legal := pos != top
		if h.version == mpeg1 {
			legal = pos < 7
		}
		switch {
		case above && legal:
			s.intensity(from, to, pos, sf.coarse, h)
		case midSide:
			s.midSide(from, to)
		}
	}
	for b := range long {
		p := min(b, 20) // the topmost band takes its neighbour's position
		band(table.long[b], table.long[b+1], sf.long[p], sf.longMax[p], table.long[b] >= s.last[1])
	}
	var bound [3]int
	table.eachShort(short, func(b, w, from, to int) {
		if !zero(s.x[1][from:to]) {
			bound[w] = b + 1
		}
	})
	table.eachShort(short, func(b, w, from, to int) {
		p := min(b, 11)
		band(from, to, sf.short[p][w], sf.shortMax[p][w], b >= bound[w])
	})
}

func (s *spectra) midSide(from, to int) {
	l, r := s.x[0][from:to], s.x[1][from:to]
	for i, m := range l {
		l[i], r[i] = (m+r[i])*math.Sqrt2/2, (m-r[i])*math.Sqrt2/2
	}
}

// intensity distributes the left channel's lines over both.
func (s *spectra) intensity(from, to, pos int, coarse bool, h header) {
	var left, right float64
	if h.version == mpeg1 {
		// tan(pos·π/12) is the ratio of left to right, whose sum is 1.
		sin, cos := math.Sincos(float64(pos) * math.Pi / 12)
		left, right = sin/(sin+cos), cos/(sin+cos)
	} else {
		q := (pos + 1) / 2
		if coarse {
			q *= 2
		}
		left, right = math.Exp2(-float64(q)/4), 1
		if pos%2 == 0 {
			left, right = right, left
		}
	}
	for i := from; i < to; i++ {
		v := s.x[0][i]
		s.x[0][i], s.x[1][i] = v*left, v*right
	}
}
