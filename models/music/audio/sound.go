// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/etude-ml/etude/models/internal/remarks"
)

// Clip is decoded sound: mono, the mean of the channels, at the file's own rate.
type Clip struct {
	Samples  []float64 // full scale is ±1
	Rate     int       // frames per second
	Channels int       // in the file, before they were averaged
	// Notes lists in words the faults in the decoded part of the file that were
	// passed over: samples may be missing or wrong.
	Notes []string
}

// format decodes one kind of file, without leading tags.
type format func(r *io.SectionReader, maxSeconds float64) (*sound, error)

// Bounds of what is decoded. Outside them a file is damaged or no music, and the
// resampling filter would grow with the rate.
const (
	minRate     = 100
	maxRate     = 768000
	maxChannels = 1024

	// maxLevel bounds samples, where 1 is full scale. Some float files hold integers
	// of 32 bits; anything above is damage.
	maxLevel = 1 << 32
)

// clippedRun is how many samples in a row at full scale count as clipped: one or
// two are normal at a peak of a loud recording.
const clippedRun = 3

// sound is a clip that is being decoded. Frames are averaged as they come, after
// the levels of their channels were noted, because the average hides a clipped one.
type sound struct {
	Clip
	kind    string
	limit   int     // frames that are wanted
	full    float64 // level that counts as full scale
	peak    float64 // largest level of any channel
	run     []int   // samples in a row at full scale, of each channel
	clipped int     // samples in such runs
	heard   int     // samples in all
	notes   remarks.List
	scaled  [][]float64 // working memory of addIntegers
}

func newSound(rate, channels int, full, maxSeconds float64) *sound {
	return &sound{
		Clip: Clip{Rate: rate, Channels: channels}, limit: frameLimit(rate, maxSeconds), full: full, run: make([]int, channels),
	}
}

// fullScale returns the largest level of samples of so many bits. More than 16
// count as 16, because such files are often made from those.
func fullScale(bits int) float64 {
	return 1 - math.Ldexp(1, 1-min(max(bits, 2), 16))
}

// add appends frames whose channels lie apart, from a position on, until the sound has
// limit frames. They may have another number of channels than the stream.
func (s *sound) add(channels [][]float64, from, limit int) {
	n := min(len(channels[0])-from, limit-len(s.Samples))
	if n <= 0 {
		return
	}
	for len(s.run) < len(channels) {
		s.run = append(s.run, 0)
	}
	at := len(s.Samples)
	s.Samples = slices.Grow(s.Samples, n)[:at+n]
	mean := s.Samples[at:]
	for c, x := range channels {
		x = x[from:][:n]
		most := peak(x)
		s.peak = max(s.peak, most)
		if most >= s.full || s.run[c] > 0 {
			s.clip(c, x)
		}
		if c == 0 {
			copy(mean, x)
			continue
		}
		for i, v := range x {
			mean[i] += v
		}
	}
	s.heard += len(channels) * n
	if share := 1 / float64(len(channels)); share != 1 {
		for i := range mean {
			mean[i] *= share
		}
	}
}

// addIntegers appends scaled frames as add does.
func (s *sound) addIntegers(channels [][]int64, scale float64, limit int) {
	for len(s.scaled) < len(channels) {
		s.scaled = append(s.scaled, nil)
	}
	for c, x := range channels {
		s.scaled[c] = slices.Grow(s.scaled[c][:0], len(x))[:len(x)]
		for i, v := range x {
			s.scaled[c][i] = float64(v) * scale
		}
	}
	s.add(s.scaled[:len(channels)], 0, limit)
}

// addInterleaved appends scaled frames whose channels alternate.
func addInterleaved[T int | float32](s *sound, x []T, scale float64, limit int) {
	channels := make([][]float64, s.Channels)
	for c := range channels {
		channels[c] = make([]float64, len(x)/s.Channels)
		for i := range channels[c] {
			channels[c][i] = float64(x[i*s.Channels+c]) * scale
		}
	}
	s.add(channels, 0, limit)
}

// peak returns the largest magnitude in x.
func peak(x []float64) float64 {
	var most float64
	for _, v := range x {
		if v = math.Abs(v); v > most {
			most = v
		}
	}
	return most
}

// clip counts the runs of a channel at full scale.
func (s *sound) clip(c int, x []float64) {
	for _, v := range x {
		if math.Abs(v) < s.full {
			s.run[c] = 0
			continue
		}
		s.run[c]++
		switch {
		case s.run[c] == clippedRun:
			s.clipped += clippedRun
		case s.run[c] > clippedRun:
			s.clipped++
		}
	}
}

// cut notes why the sound ends, unless it is as long as wanted.
func (s *sound) cut(format string, args ...any) {
	if len(s.Samples) < s.limit {
		s.notes.Add(format+"; what comes before was used: write the file anew from its source", args...)
	}
}

// expect makes room for so many frames, as far as they are wanted and 1 MB holds them.
func (s *sound) expect(frames int) {
	s.Samples = make([]float64, 0, min(frames, s.limit, 1<<17))
}

// seconds returns the length of what was decoded.
func (s *sound) seconds() float64 { return float64(len(s.Samples)) / float64(s.Rate) }

// frameLimit returns ⌊maxSeconds·rate⌋, or the largest int for 0, which means all.
func frameLimit(rate int, maxSeconds float64) int {
	if n := math.Floor(maxSeconds * float64(rate)); maxSeconds > 0 && n < math.MaxInt32 {
		return int(n)
	}
	return math.MaxInt
}

// checkShape refuses rates and channel counts that no recording has, before
// anything is allocated by them.
func checkShape(rate, channels int64) error {
	switch {
	case rate < minRate || rate > maxRate:
		return fmt.Errorf("sample rate is %d Hz, want %d to %d", rate, minRate, maxRate)
	case channels < 1 || channels > maxChannels:
		return fmt.Errorf("channel count is %d, want 1 to %d", channels, maxChannels)
	}
	return nil
}

func checkFinite(x []float64) error {
	for i, v := range x {
		if v-v != 0 { // NaN and infinite numbers
			return fmt.Errorf("sample %d is %v; write the file anew from its source", i, v)
		}
	}
	return nil
}
