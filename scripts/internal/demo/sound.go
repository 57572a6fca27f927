// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"math"
	"math/rand/v2"
)

const (
	rate    = 22050 // frames per second
	seconds = 2.2   // of each clip
)

// sound plays the opening of a score on an additive instrument. Its overtones
// fall off steeply when calm and slowly when excited; it is louder then, too.
func (s *score) sound(mood Mood, rng *rand.Rand) []float64 {
	clip := make([]float64, int(seconds*rate))
	perBeat := 60 / s.tempo * rate
	tone := tone{
		rolloff: 3.2 - 2.2*mood.Arousal - 0.3*mood.Valence,
		attack:  (0.06 - 0.055*mood.Arousal) * rate,
		decay:   (0.9 - 0.5*mood.Arousal) * rate,
	}
	for _, n := range s.notes {
		start := int(n.start * perBeat)
		if start >= len(clip) {
			continue
		}
		tone.play(clip[start:], n, n.length*perBeat)
	}
	peak := 0.0
	for _, x := range clip {
		peak = max(peak, math.Abs(x))
	}
	// From −22 dB of full scale when calm to −2 dB when excited, with the noise
	// of a quiet room below.
	gain := math.Pow(10, (-22+20*mood.Arousal)/20) / peak
	for i := range clip {
		clip[i] = clip[i]*gain + 3e-5*rng.NormFloat64()
	}
	return clip
}

// tone describes the sound of the instrument.
type tone struct {
	rolloff float64 // partial k has the amplitude k^−rolloff
	attack  float64 // frames until full
	decay   float64 // frames in which the fundamental falls by 1/e
}

// play adds a note, held for some frames, to the clip from its start.
func (t tone) play(clip []float64, n note, held float64) {
	const release = 0.05 * rate
	frames := min(len(clip), int(held+release))
	frequency := 440 * math.Pow(2, float64(n.pitch-69)/12)
	loudness := math.Pow(float64(n.velocity)/127, 1.5)
	envelope := make([]float64, frames)
	for i := range envelope {
		x := float64(i)
		envelope[i] = min(1, x/t.attack) * min(1, (held+release-x)/release)
	}
	for k := 1.0; k <= 24 && k*frequency < 0.45*rate; k++ {
		// One complex rotation a frame: the angle is the partial's, the radius
		// its decay; high partials die sooner.
		angle := 2 * math.Pi * k * frequency / rate
		shrink := math.Exp(-(0.7 + 0.3*k) / t.decay)
		turnRe, turnIm := shrink*math.Cos(angle), shrink*math.Sin(angle)
		re, im := loudness*math.Pow(k, -t.rolloff), 0.0
		for i, e := range envelope {
			clip[i] += e * im
			re, im = re*turnRe-im*turnIm, re*turnIm+im*turnRe
		}
	}
}
