// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"math"
	"slices"
	"sync"
)

// The feature's parameters. They are written into the metadata of exported
// networks, so that an input made otherwise can be refused.
const (
	Bands      = 128   // mel bands
	SampleRate = 22050 // Hz, after resampling
	Seconds    = 2.0   // of the clip's start that are used
	WindowSize = 2048  // samples of a frame, periodic Hann
	HopSize    = 512   // samples between frames
	MaxHz      = 11025 // upper edge of the last band
	RangeDB    = 80    // kept below the clip's maximum
	Floor      = 1e-10 // least power
	SilenceDB  = -80   // dBFS; a clip whose peak is below has no feature
)

// ErrSilent reports that a clip has no feature: relative to the maximum of silence
// every band would count as loudest. Errors that wrap it may say more: that sound
// starts later, or that the channels cancel each other.
var ErrSilent = errors.New("silent: peak below -80 dBFS")

// LogMel returns the 128 numbers in [-1, 0] that EmotionRecognizer reads: the
// first ⌊2·Rate⌋ samples resampled to 22,050 Hz; power spectrogram (2,048 point
// periodic Hann window, hop 512, centred in zeros); 128 Slaney mel bands with
// Slaney's area normalisation, 0 to 11,025 Hz; in dB below the clip's maximum,
// at most 80; mean over frames, divided by 80. These are librosa 0.11's numbers.
// The error is ErrSilent for a peak below -80 dBFS.
func (c *Clip) LogMel() ([]float32, error) {
	if err := checkShape(int64(c.Rate), 1); err != nil {
		return nil, err
	}
	if err := checkFinite(c.Samples[:min(len(c.Samples), frameLimit(c.Rate, Seconds))]); err != nil {
		return nil, err
	}
	return c.feature()
}

// feature is LogMel of finite samples.
func (c *Clip) feature() ([]float32, error) {
	x := c.Samples[:min(len(c.Samples), frameLimit(c.Rate, Seconds))]
	if len(x) == 0 {
		return nil, errors.New("no samples: the file holds no sound; record or export it again")
	}
	if !slices.ContainsFunc(x, loud) {
		return nil, ErrSilent
	}
	if c.Rate == SampleRate {
		return logMel(x)
	}
	y := resample(x, c.Rate, SampleRate)
	// soxr gives round(n·22050/rate) samples, and librosa appends a zero if that is
	// less than ⌈n·22050/rate⌉. It matters where a clip ends abruptly.
	if rest := len(x) * SampleRate % c.Rate; rest > 0 && 2*rest < c.Rate && len(y) > 1 {
		y[len(y)-1] = 0
	}
	return logMel(y)
}

// silence is SilenceDB as a level.
var silence = math.Pow(10, SilenceDB/20.0)

// loud reports whether a sample is not silent.
func loud(v float64) bool { return math.Abs(v) >= silence }

// logMel computes the feature of x at SampleRate.
func logMel(x []float64) ([]float32, error) {
	frames := 1 + len(x)/HopSize
	power := make([]float64, frames*Bands)
	in, out := make([]float64, WindowSize), make([]complex128, WindowSize/2+1)
	transform, window, filters := transforms.get(WindowSize), hann(), filterbank()
	for f := range frames {
		start := f*HopSize - WindowSize/2
		from, to := max(start, 0)-start, min(len(x)-start, WindowSize) // zeros are around x
		clear(in[:from])
		clear(in[to:])
		frame, weights := in[from:to], window[from:to]
		for i, v := range x[start+from : start+to] {
			frame[i] = v * weights[i]
		}
		transform.Forward(out, in)
		filters.apply(power[f*Bands:][:Bands], out)
	}
	top := Floor
	for _, p := range power {
		if !(p <= math.MaxFloat64) {
			return nil, errors.New("samples are too large for a spectrum; scale them to ±1")
		}
		if p > top {
			top = p
		}
	}
	// A sum of logarithms is the logarithm of a product, which is a normal number for 32
	// factors of 1e-8 or more.
	least := max(Floor/top, math.Pow(10, -RangeDB/10.0))
	var sum, product [Bands]float64
	for f := range frames {
		if f%32 == 0 {
			addLogs(&sum, &product)
		}
		for b, p := range power[f*Bands:][:Bands] {
			if p /= top; p < least {
				p = least
			}
			product[b] *= p
		}
	}
	addLogs(&sum, &product)
	feature := make([]float32, Bands)
	for b, s := range sum {
		feature[b] = float32(min(max(10*s/float64(frames)/RangeDB, -1), 0))
	}
	return feature, nil
}

// addLogs adds the logarithms of products, unless they are 0, and makes them 1.
func addLogs(sum, product *[Bands]float64) {
	for b, p := range product {
		if p > 0 {
			sum[b] += math.Log10(p)
		}
		product[b] = 1
	}
}

var hann = sync.OnceValue(func() []float64 {
	w := make([]float64, WindowSize)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/WindowSize)
	}
	return w
})

// triangles holds overlapping bands by their sides: the bins from edge[i] up to edge[i+1]
// are on the rising side of band i and on the falling side of band i-1.
type triangles struct {
	edge    [Bands + 2]int
	weights [WindowSize/2 + 1]struct{ rise, fall float64 }
}

// apply writes the power in each band of a spectrum to dst.
func (t *triangles) apply(dst []float64, spectrum []complex128) {
	below := 0.0 // of the rising side of the band before
	for i, end := range t.edge[1:] {
		rise, fall := 0.0, 0.0
		start := t.edge[i]
		weights := t.weights[start:end]
		for k, c := range spectrum[start:end] {
			p := real(c)*real(c) + imag(c)*imag(c)
			rise += p * weights[k].rise
			fall += p * weights[k].fall
		}
		if i > 0 {
			dst[i-1] = below + fall
		}
		below = rise
	}
}

// filterbank holds the triangles of Slaney's Auditory Toolbox, each of area 1
// in Hz (up to a factor of two), as librosa.filters.mel makes them.
var filterbank = sync.OnceValue(func() *triangles {
	t := &triangles{}
	hz := func(i int) float64 { return melToHz(hzToMel(MaxHz) * float64(i) / (Bands + 1)) }
	k := 0
	for i := range t.edge[1:] {
		t.edge[i] = k
		for ; k < len(t.weights) && float64(k)*SampleRate/WindowSize < hz(i+1); k++ {
			rise := (float64(k)*SampleRate/WindowSize - hz(i)) / (hz(i+1) - hz(i))
			t.weights[k].rise = rise * 2 / (hz(i+2) - hz(i))
			t.weights[k].fall = (1 - rise) * 2 / (hz(i+1) - hz(i-1))
		}
		t.edge[i+1] = k
	}
	return t
})

// MelFilters returns the weights of the mel bands over the 1,025 bins of a power spectrum,
// [128, 1025], band by band.
func MelFilters() []float32 {
	const bins = WindowSize/2 + 1
	weights := make([]float32, Bands*bins)
	t := filterbank()
	for b := range Bands {
		for k := t.edge[b]; k < t.edge[b+1]; k++ {
			weights[b*bins+k] = float32(t.weights[k].rise)
		}
		for k := t.edge[b+1]; k < t.edge[b+2]; k++ {
			weights[b*bins+k] = float32(t.weights[k].fall)
		}
	}
	return weights
}

// Slaney's scale is linear to 1 kHz and logarithmic above.
const (
	melLinear = 200.0 / 3 // Hz a mel below the break
	melBreak  = 1000.0    // Hz
)

var melLog = math.Log(6.4) / 27 // logarithm of the step above the break

func hzToMel(f float64) float64 {
	if f < melBreak {
		return f / melLinear
	}
	return melBreak/melLinear + math.Log(f/melBreak)/melLog
}

func melToHz(m float64) float64 {
	if m < melBreak/melLinear {
		return m * melLinear
	}
	return melBreak * math.Exp(melLog*(m-melBreak/melLinear))
}
