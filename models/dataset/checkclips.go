// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"

	"github.com/etude-ml/etude/models/music/audio"
)

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
		c.Formats[clip.Kind]++
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
		if float32(clip.ClippedShare) >= clippedLimit {
			c.Clipped = append(c.Clipped, it.name)
		}
	}
	if c.Count == 0 {
		return
	}
	s.Clips, c.Seconds = c, distribution(c.Lengths)
	for _, poor := range []struct {
		names    []string
		are, fix string
	}{
		{c.Short, fmt.Sprintf("shorter than %g s", float64(audio.Seconds)), "take longer ones, as others are heard for so long"},
		{c.LowRate, fmt.Sprintf("sampled below %d Hz", audio.SampleRate), "take recordings of a higher rate, as the upper bands are empty in these"},
		{c.Clipped, fmt.Sprintf("clipped (%g %% of the samples or more)", 100*clippedLimit), "take unclipped recordings, as clipping sounds like loudness"},
	} {
		if n := len(poor.names); n > 0 {
			s.add(LevelWarning, KindSound, "%d of %s %s (%s): %s", n, plural(c.Count, "clip"), poor.are, firstFew(poor.names), poor.fix)
		}
	}
}
