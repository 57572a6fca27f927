// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"math"
	"sync"

	"github.com/etude-ml/etude/models/music/audio/internal/dsp"
)

// The low-pass filter, a Kaiser-windowed sinc, in terms of the lower of both
// rates: flat to 0.913 of its Nyquist frequency, 120 dB down from 1.0. The three
// numbers are those that soxr's HQ filter shows in its response to a pulse, so
// clips that start or end abruptly ring as in librosa.
const (
	cutoff    = 0.95687 // of the Nyquist frequency
	halfWidth = 97.25   // samples at the lower rate
	beta      = 13.04   // of the window
)

// windowedSinc is a sinc with zeros one apart, in a Kaiser window that reaches as far as
// width on either side.
func windowedSinc(t, width, beta float64) float64 {
	u := t / width
	if math.Abs(u) > 1 {
		return 0
	}
	return sinc(t) * bessel0(beta*math.Sqrt(1-u*u)) / bessel0(beta)
}

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

// resample converts x from one rate to another, in frames per second, with a
// linear-phase filter: flat to 0.913 of the lower Nyquist frequency, 120 dB down
// from 1.0. Its delay is removed, and silence is assumed around x. The result has
// ⌈len(x)·to/from⌉ samples. Equal rates give a copy.
//
// The filter has hundreds of taps, so it multiplies the spectra of overlapping blocks.
// They come back at twice, once, half … the rate, whichever is the least that is the
// new rate or leaves room for a short filter, which interpolates between the samples.
func resample(x []float64, from, to int) []float64 {
	if from == to {
		return append([]float64(nil), x...)
	}
	y := make([]float64, 0, (len(x)*to+from-1)/from)
	c := conversions.get([2]int{from, to})
	margin := c.margin * c.out / c.in
	keep := c.out - 2*margin // samples of a block that are not spoilt by its ends
	edge, out, spectrum := make([]float64, c.in), make([]float64, c.out), make([]complex128, max(c.in, c.out)/2+1)
	stride, part := c.down/c.up, c.down%c.up
	var z []float64 // the end of the last block and all of this one
	at := 0         // where the samples kept of a block begin
	if c.up > 1 {
		z, at = make([]float64, taps+keep), -taps/2
	}
	for whole, phase := 0, 0; len(y) < cap(y); at += keep {
		start := at*c.in/c.out - c.margin
		in := edge
		if start >= 0 && start+c.in <= len(x) {
			in = x[start:]
		} else {
			clear(edge)
			if first := max(start, 0); first < len(x) {
				copy(edge[min(first-start, len(edge)):], x[first:])
			}
		}
		c.forward.Forward(spectrum, in)
		for k, g := range c.gain {
			spectrum[k] = complex(real(spectrum[k])*g, imag(spectrum[k])*g)
		}
		clear(spectrum[len(c.gain):])
		c.inverse.Inverse(out, spectrum)
		kept := out[margin:][:keep]
		if c.up == 1 {
			y = append(y, kept[:min(keep, cap(y)-len(y))]...)
			continue
		}
		copy(z, z[keep:])
		copy(z[taps:], kept)
		// z[i] is the sample at+i-taps; the taps around an output begin taps/2-1 before it.
		for len(y) < cap(y) {
			i := whole - at + taps/2 + 1
			if i+taps > len(z) {
				break
			}
			y = append(y, c.between((*[taps]float64)(z[i:]), phase))
			whole += stride
			if phase += part; phase >= c.up {
				whole, phase = whole+1, phase-c.up
			}
		}
	}
	return y
}

// conversion holds the filters from one rate to another. Its rate in between is
// from·out/in, and an output is down/up samples at this rate after the one before.
type conversion struct {
	in, out          int // lengths of a block at the rates before and in between
	margin           int // of the block's start and end, at the rate before
	forward, inverse *dsp.FFT
	gain             []float64 // of the frequencies that both rates have
	up, down         int       // up is 1 if the rate in between is the new one
	exact            bool
	rows             [][taps]float64
}

const (
	taps = 16 // of the filter that interpolates

	// room is the least rate in between, in terms of the lower of both rates, at which the
	// Kaiser window of shortBeta keeps the images 120 dB down.
	room      = 1.9
	shortBeta = 12.5

	// maxRows bounds the number of an interpolating filter's phases. A ratio of rates that
	// has more (44,099 Hz has 22,050) gets fewRows and a cubic between them, which errs
	// by 1e-8.
	maxRows = 1024
	fewRows = 128
)

func newConversion(rates [2]int) *conversion {
	from, to := rates[0], rates[1]
	low := min(from, to)
	up, down := 2, 1
	for fits := func() bool {
		rate := float64(from*up) / float64(2*down)
		return rate == float64(to) || rate >= room*float64(low)
	}; fits(); {
		if up == 2 {
			up = 1
		} else {
			down *= 2
		}
	}
	c := &conversion{margin: (int(halfWidth*float64(from)/float64(low))/down + 1) * down}
	c.in = 2048
	for c.in < 12*c.margin {
		c.in *= 2
	}
	c.out = c.in * up / down
	c.forward, c.inverse = transforms.get(c.in), transforms.get(c.out)

	// The filter's response, from its values at the higher rate of a block.
	response := make([]complex128, max(c.in, c.out)/2+1)
	pulse := make([]float64, max(c.in, c.out))
	step := float64(low) / float64(from*up) // at the lower rate
	for i := range pulse[:len(pulse)/2] {
		v := cutoff * step * windowedSinc(cutoff*step*float64(i), cutoff*halfWidth, beta) / float64(c.in)
		pulse[i], pulse[(len(pulse)-i)%len(pulse)] = v, v
	}
	transforms.get(len(pulse)).Forward(response, pulse)
	for _, v := range response[:min(c.in, c.out)/2+1] {
		c.gain = append(c.gain, real(v))
	}

	c.up, c.down = to*down, from*up
	g, b := c.up, c.down
	for b != 0 { // greatest common divisor
		g, b = b, g%b
	}
	c.up, c.down = c.up/g, c.down/g
	c.exact = c.up <= maxRows
	phases, first, n := c.up, 0, c.up
	if !c.exact {
		phases, first, n = fewRows, -1, fewRows+3
	}
	c.rows = make([][taps]float64, n)
	for p := range c.rows {
		row, sum := &c.rows[p], 0.0
		for i := range row {
			row[i] = windowedSinc(float64(i-taps/2+1)-float64(first+p)/float64(phases), taps/2, shortBeta)
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
	}
	return c
}

// between returns the value that lies phase/up samples behind in[taps/2-1].
func (c *conversion) between(in *[taps]float64, phase int) float64 {
	if c.exact {
		return dsp.Dot16(&c.rows[phase], in)
	}
	// A cubic through the four nearest rows; the first is of phase -1.
	e := float64(phase) / float64(c.up) * fewRows
	p := int(e)
	e -= float64(p)
	rows := c.rows[p:][:4]
	return -e*(e-1)*(e-2)/6*dsp.Dot16(&rows[0], in) + (e+1)*(e-1)*(e-2)/2*dsp.Dot16(&rows[1], in) -
		(e+1)*e*(e-2)/2*dsp.Dot16(&rows[2], in) + (e+1)*e*(e-1)/6*dsp.Dot16(&rows[3], in)
}

// kept holds what was made of a key, of so many keys at most.
type kept[K comparable, V any] struct {
	make func(K) V
	most int
	mu   sync.Mutex
	of   map[K]V
}

func (k *kept[K, V]) get(key K) V {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.of[key]
	if !ok {
		if len(k.of) == k.most || k.of == nil {
			k.of = map[K]V{}
		}
		v = k.make(key)
		k.of[key] = v
	}
	return v
}

var (
	conversions = kept[[2]int, *conversion]{make: newConversion, most: 32} // of 0.5 MB at most
	transforms  = kept[int, *dsp.FFT]{make: dsp.NewFFT, most: 17}
)
