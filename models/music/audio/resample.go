// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"math"
	"sync"
)

// The low-pass filter, a Kaiser-windowed sinc, in terms of the lower of both
// rates: flat to 0.913 of its Nyquist frequency, 120 dB down from 1.0. The three
// numbers are those that soxr's HQ filter shows in its response to a pulse, so
// clips that start or end abruptly ring as in librosa.
const (
	cutoff    = 0.95687 // of the Nyquist frequency
	halfWidth = 97.25   // samples at the lower rate
	beta      = 13.04   // of the window
	gridSteps = 512     // of the tabulated prototype, per sample at the lower rate
)

// prototype tabulates the filter, a Kaiser-windowed sinc over t in samples at the
// lower rate: item i is its value at (i-1)/gridSteps, zero beyond halfWidth.
var prototype = sync.OnceValue(func() []float64 {
	grid := make([]float64, int(halfWidth*gridSteps)+4)
	for i := range grid {
		t := float64(i-1) / gridSteps
		if u := t / halfWidth; math.Abs(u) <= 1 {
			w := bessel0(beta*math.Sqrt(1-u*u)) / bessel0(beta)
			grid[i] = cutoff * sinc(cutoff*t) * w
		}
	}
	return grid
})

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// filterAt interpolates the prototype with a cubic through four grid points: its
// error of 1e-11 is far below the stop band.
func filterAt(grid []float64, t float64) float64 {
	t = math.Abs(t)
	if t >= halfWidth {
		return 0
	}
	x := t * gridSteps
	i := int(x)
	x -= float64(i)
	a, b, c, d := grid[i], grid[i+1], grid[i+2], grid[i+3]
	return b + x*((c-a/3-b/2-d/6)+x*((a+c)/2-b+x*((d-a)/6+(b-c)/2)))
}

// ratio is a pair of rates in lowest terms and the taps it needs.
type ratio struct {
	up, down int     // rates after and before
	scale    float64 // lower rate / rate before
	reach    int     // taps on one side
}

func newRatio(from, to int) ratio {
	g, b := from, to
	for b != 0 { // greatest common divisor
		g, b = b, g%b
	}
	s := min(1, float64(to)/float64(from))
	return ratio{to / g, from / g, s, int(halfWidth/s) + 2}
}

// resample converts x from one rate to another, in frames per second, with a
// linear-phase filter: flat to 0.913 of the lower Nyquist frequency, 120 dB down
// from 1.0. Its delay is removed, and silence is assumed around x. The result has
// ⌈len(x)·to/from⌉ samples. Equal rates give a copy.
func resample(x []float64, from, to int) []float64 {
	if from == to {
		return append([]float64(nil), x...)
	}
	q := newRatio(from, to)
	y := make([]float64, (len(x)*q.up+q.down-1)/q.down)
	b := tables.get(q)
	width := 2*q.reach + 1
	for i := range y {
		at := i * q.down
		base, phase := at/q.up-q.reach, at%q.up
		lo, hi := max(0, -base), min(width, len(x)-base)
		if lo >= hi {
			continue
		}
		in := x[base+lo : base+hi]
		if b.exact {
			y[i] = dot(b.rows[phase][lo:hi], in)
			continue
		}
		// A cubic through the four nearest rows; the first is of phase -1.
		e := float64(phase) / float64(q.up) * float64(len(b.rows)-3)
		p := int(e)
		e -= float64(p)
		y[i] = -e*(e-1)*(e-2)/6*dot(b.rows[p][lo:hi], in) +
			(e+1)*(e-1)*(e-2)/2*dot(b.rows[p+1][lo:hi], in) -
			(e+1)*e*(e-2)/2*dot(b.rows[p+2][lo:hi], in) +
			(e+1)*e*(e-1)/6*dot(b.rows[p+3][lo:hi], in)
	}
	return y
}

// dot uses four sums, because a single one would wait for each addition.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+3 < len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// bank holds the taps of a ratio: of all its phases, or, if there are too many
// (44,099 Hz has 22,050), of so many that a cubic between them errs by 1e-10.
type bank struct {
	exact bool
	rows  [][]float64
}

func newBank(q ratio) *bank {
	width := 2*q.reach + 1
	b := &bank{exact: q.up*width <= maxTable}
	phases, first, n := q.up, 0, q.up
	if !b.exact {
		phases = int(256*q.scale) + 1 // 256 to a sample at the lower rate
		first, n = -1, phases+3
	}
	grid := prototype()
	for p := range n {
		frac := float64(first+p) / float64(phases) // samples that an output lies behind its base
		row := make([]float64, width)
		for j := range row {
			row[j] = q.scale * filterAt(grid, (float64(j-q.reach)-frac)*q.scale)
		}
		b.rows = append(b.rows, row)
	}
	return b
}

// bankCache keeps the banks of the rates in use.
type bankCache struct {
	mu    sync.Mutex
	banks map[ratio]*bank
	size  int
}

const (
	maxTable  = 1 << 19 // values of one bank: 4 MB
	maxTables = 1 << 21 // of all
)

var tables = bankCache{banks: map[ratio]*bank{}}

func (c *bankCache) get(q ratio) *bank {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.banks[q]
	if !ok {
		b = newBank(q)
		size := len(b.rows) * len(b.rows[0])
		if c.size+size > maxTables {
			clear(c.banks)
			c.size = 0
		}
		c.banks[q] = b
		c.size += size
	}
	return b
}
