// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/models/music/audio"
)

// Clip describes the first two seconds of a sound, which are all that the features
// are made of.
type Clip struct {
	Format       string  // "wav"
	Rate         int     // frames per second
	Channels     int     // in the file
	Seconds      float64 // at most 2
	Peak         float64 // full scale is 1
	ClippedShare float64 // of the samples, 0 to 1
}

// ClipsSummary describes the usable clips of a section.
type ClipsSummary struct {
	Count    int            `json:"count"`
	Seconds  *Distribution  `json:"seconds"`  // at most 2, as no more is used
	Formats  map[string]int `json:"formats"`  // clips by format
	Rates    map[int]int    `json:"rates"`    // by sample rate in Hz
	Channels map[int]int    `json:"channels"` // by number of channels
	Short    []string       `json:"short"`    // names of those below 2 s, sorted
	LowRate  []string       `json:"low_rate"` // below 22,050 Hz
	Clipped  []string       `json:"clipped"`  // with 1 % of their samples cut off at full scale
	// Lengths, of each clip in seconds, and Peaks, of each clip from 0 to 1, are for
	// plots.
	Lengths, Peaks []float64 `json:"-"`
}

// clippedLimit is the share of clipped samples from which a clip counts as
// clipped: what is loud but sound stays far below it.
const clippedLimit = 0.01

// clips summarises the sounds, and warns of poor ones, once for each kind of fault.
func (s *Section) clips(items []item) {
	c := &ClipsSummary{Formats: map[string]int{}, Rates: map[int]int{}, Channels: map[int]int{}, Short: []string{}, LowRate: []string{}, Clipped: []string{}}
	for _, it := range items {
		clip := it.clip
		if clip == nil {
			continue
		}
		c.Count++
		c.Formats[clip.Format]++
		c.Rates[clip.Rate]++
		c.Channels[clip.Channels]++
		c.Lengths, c.Peaks = append(c.Lengths, clip.Seconds), append(c.Peaks, clip.Peak)
		// Half a frame is the rounding of a cache's float32.
		if clip.Seconds < audio.Seconds-0.5/float64(max(clip.Rate, 1)) {
			c.Short = append(c.Short, it.name)
		}
		if clip.Rate < audio.SampleRate {
			c.LowRate = append(c.LowRate, it.name)
		}
		if clip.ClippedShare >= clippedLimit {
			c.Clipped = append(c.Clipped, it.name)
		}
	}
	if c.Count == 0 {
		return
	}
	s.Clips, c.Seconds = c, distribution(c.Lengths)
	for _, poor := range []struct {
		names     []string
		are, mend string
	}{
		{c.Short, fmt.Sprintf("shorter than %g s", float64(audio.Seconds)), "take longer ones, as others are heard for so long"},
		{c.LowRate, fmt.Sprintf("sampled below %d Hz", audio.SampleRate), "take recordings of a higher rate, as the upper bands are empty in these"},
		{c.Clipped, fmt.Sprintf("clipped (%g %% of the samples or more)", 100*clippedLimit), "take unclipped recordings, as clipping sounds like loudness"},
	} {
		if n := len(poor.names); n > 0 {
			s.add(LevelWarning, KindSound, "%d of %s %s (%s): %s", n, plural(c.Count, "clip"), poor.are, firstFew(poor.names), poor.mend)
		}
	}
}

// newClip keeps what a cache can keep, so that it changes nothing.
func newClip(i audio.Info) *Clip {
	c := Clip{Format: i.Kind, Rate: i.Rate, Channels: i.Channels, Seconds: i.Seconds, Peak: i.Peak, ClippedShare: i.ClippedShare}
	return clipOf(c.row())
}

// clipNumbers: a cache keeps so many numbers of a clip.
const clipNumbers = 5

// row returns what a cache keeps of a clip.
func (c Clip) row() cache.Row {
	return cache.Row{Part: c.Format, Values: []float32{float32(c.Rate), float32(c.Channels), float32(c.Seconds), float32(c.Peak), float32(c.ClippedShare)}}
}

func clipOf(r cache.Row) *Clip {
	if len(r.Values) != clipNumbers {
		return nil
	}
	v := r.Values
	return &Clip{Format: r.Part, Rate: int(v[0]), Channels: int(v[1]), Seconds: float64(v[2]), Peak: float64(v[3]), ClippedShare: float64(v[4])}
}
