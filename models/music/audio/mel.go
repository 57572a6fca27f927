// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"errors"
	"math"
	"sync"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/floats"
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
	x := c.Samples[:min(len(c.Samples), frameLimit(c.Rate, Seconds))]
	if len(x) == 0 {
		return nil, errors.New("no samples: the file holds no sound; record or export it again")
	}
	if err := checkFinite(x); err != nil {
		return nil, err
	}
	if peak(x) < silence {
		return nil, ErrSilent
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

// peak returns the largest magnitude in x.
func peak(x []float64) float64 { return floats.Norm(x, math.Inf(1)) }

// logMel computes the feature of x at SampleRate.
func logMel(x []float64) ([]float32, error) {
	s := spectra.Get().(*spectrum)
	defer spectra.Put(s)
	frames := 1 + len(x)/HopSize
	power := make([]float64, 0, frames*Bands)
	top := Floor
	for f := range frames {
		power = s.mel(power, x, f*HopSize-WindowSize/2)
	}
	for _, p := range power {
		top = max(top, p)
	}
	ref := 10 * math.Log10(top)
	var mean [Bands]float64
	for i, p := range power {
		mean[i%Bands] += max(10*math.Log10(max(p, Floor))-ref, -RangeDB)
	}
	feature := make([]float32, Bands)
	for b := range feature {
		v := mean[b] / float64(frames) / RangeDB
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("samples are too large for a spectrum; scale them to ±1")
		}
		feature[b] = float32(min(max(v, -1), 0))
	}
	return feature, nil
}

// spectrum is the working memory of one frame. Each goroutine takes its own from
// the pool, because the transform keeps state.
type spectrum struct {
	fft  *fourier.FFT
	in   []float64
	out  []complex128
	abs2 []float64
}

var spectra = sync.Pool{New: func() any {
	return &spectrum{
		fft:  fourier.NewFFT(WindowSize),
		in:   make([]float64, WindowSize),
		out:  make([]complex128, WindowSize/2+1),
		abs2: make([]float64, WindowSize/2+1),
	}
}}

// mel appends the mel powers of the frame that starts at x[start], with zeros around x.
func (s *spectrum) mel(dst, x []float64, start int) []float64 {
	window := hann()
	for i := range s.in {
		s.in[i] = 0
		if j := start + i; j >= 0 && j < len(x) {
			s.in[i] = x[j] * window[i]
		}
	}
	s.out = s.fft.Coefficients(s.out, s.in)
	for i, c := range s.out {
		s.abs2[i] = real(c)*real(c) + imag(c)*imag(c)
	}
	for _, band := range filterbank() {
		var p float64
		for i, w := range band.weights {
			p += w * s.abs2[band.first+i]
		}
		dst = append(dst, p)
	}
	return dst
}

var hann = sync.OnceValue(func() []float64 {
	w := make([]float64, WindowSize)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/WindowSize)
	}
	return w
})

// melBand is a triangle over the bins first, first+1, …
type melBand struct {
	first   int
	weights []float64
}

// filterbank holds the triangles of Slaney's Auditory Toolbox, each of area 1
// in Hz (up to a factor of two), as librosa.filters.mel makes them.
var filterbank = sync.OnceValue(func() []melBand {
	var edge [Bands + 2]float64
	for i := range edge {
		edge[i] = melToHz(hzToMel(MaxHz) * float64(i) / (Bands + 1))
	}
	bands := make([]melBand, Bands)
	for b := range bands {
		lo, mid, hi := edge[b], edge[b+1], edge[b+2]
		for k := range WindowSize/2 + 1 {
			f := float64(k) * SampleRate / WindowSize
			w := min((f-lo)/(mid-lo), (hi-f)/(hi-mid))
			if w <= 0 {
				continue
			}
			if bands[b].weights == nil {
				bands[b].first = k
			}
			bands[b].weights = append(bands[b].weights, w*2/(hi-lo))
		}
	}
	return bands
})

// MelFilters returns the weights of the mel bands over the 1,025 bins of a power spectrum,
// [128, 1025], band by band.
func MelFilters() []float32 {
	const bins = WindowSize/2 + 1
	weights := make([]float32, Bands*bins)
	for b, band := range filterbank() {
		for i, w := range band.weights {
			weights[b*bins+band.first+i] = float32(w)
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
