// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"math"

	"github.com/etude-ml/etude/models/internal/remarks"
)

// clippedRun is the least number of samples in a row at full scale that counts
// as clipped: one or two are what a loud but sound recording has at a peak.
const clippedRun = 3

// sound is a clip in the making: frames are averaged as they come, after their
// channels' levels were noted. An average hides that one channel is clipped.
type sound struct {
	Clip
	kind    string
	full    float64 // level that counts as full scale
	peak    float64 // largest level of any channel
	run     []int   // samples in a row at full scale, of each channel
	clipped int     // samples in such runs
	heard   int     // samples in all
	notes   remarks.List
}

func newSound(rate, channels int, full float64) *sound {
	return &sound{Clip: Clip{Rate: rate, Channels: channels}, full: full, run: make([]int, channels)}
}

// fullScale is the largest level of samples of so many bits; of more than 16 as
// of 16, since such files are often made from those.
func fullScale(bits int) float64 {
	return 1 - math.Ldexp(1, 1-min(max(bits, 2), 16))
}

// add appends a frame of one value a channel. Their number may differ from the
// stream's.
func (s *sound) add(frame []float64) {
	var sum float64
	for c, v := range frame {
		sum += v
		level := math.Abs(v)
		s.peak = max(s.peak, level)
		if level >= s.full || c < len(s.run) && s.run[c] > 0 {
			s.clip(c, level)
		}
	}
	s.heard += len(frame)
	s.Samples = append(s.Samples, sum/float64(len(frame)))
}

// clip counts the runs at full scale.
func (s *sound) clip(c int, level float64) {
	for c >= len(s.run) {
		s.run = append(s.run, 0)
	}
	if level < s.full {
		s.run[c] = 0
		return
	}
	s.run[c]++
	switch {
	case s.run[c] == clippedRun:
		s.clipped += clippedRun
	case s.run[c] > clippedRun:
		s.clipped++
	}
}

// cut notes why the sound ends, if that is in the part that is wanted.
func (s *sound) cut(maxSeconds float64, format string, args ...any) {
	if len(s.Samples) < frameLimit(s.Rate, maxSeconds) {
		s.notes.Add(format+"; what comes before was used: write the file anew from its source", args...)
	}
}

// seconds is the length of what was decoded.
func (s *sound) seconds() float64 { return float64(len(s.Samples)) / float64(s.Rate) }
