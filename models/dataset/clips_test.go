// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset/cache"
	"github.com/etude-ml/etude/models/music/audio"
)

func clip(kind string, rate, channels int, seconds, peak, clipped float64) *audio.Info {
	return &audio.Info{Kind: kind, Rate: rate, Channels: channels, Seconds: seconds, Peak: peak, ClippedShare: clipped}
}

func TestClips(t *testing.T) {
	clips := map[string]*audio.Info{
		"f00.wav": clip("wav", 44100, 2, 2, 0.5, 0), "f01.wav": clip("wav", 22050, 1, 2, 1, 0.009),
		"f02.wav": clip("mp3", 22050, 1, 44099.0/22050, 0.5, 0), "f03.wav": clip("mp3", 16000, 1, 2, 1, 0.01), "f04.wav": clip("flac", 8000, 1, 0.5, 1, 0.5),
		"f05.wav": clip("flac", 8000, 1, 1, 0.25, 0), "f06.wav": clip("flac", 8000, 1, 1, 0.25, 0),
	}
	source := texts()
	inner := source.Feature.Read
	source.Feature.Read = func(ctx context.Context, path string) (*Features, error) {
		f, err := inner(ctx, path)
		if clip, ok := clips[filepath.Base(path)]; ok && err == nil {
			f.Clip = clip
		}
		return f, err
	}
	s := check(t, source, with(t, nil), Options{})
	assert.Equal(t, []string{
		`warning : 2 of 7 clips clipped (1 % of the samples or more) ("f03.wav", "f04.wav"): take unclipped recordings, as clipping sounds like loudness`,
		`warning : 4 of 7 clips sampled below 22050 Hz ("f03.wav", "f04.wav", "f05.wav" and 1 more): take recordings of a higher rate, as the upper bands are empty in these`,
		`warning : 4 of 7 clips shorter than 2 s ("f02.wav", "f04.wav", "f05.wav" and 1 more): take longer ones, as others are heard for so long`,
	}, sortedLines(s))
	assert.Equal(t, 7, s.Clips.Count)
	assert.Equal(t, map[string]int{"wav": 2, "mp3": 2, "flac": 3}, s.Clips.Formats)
	assert.Equal(t, map[int]int{44100: 1, 22050: 2, 16000: 1, 8000: 3}, s.Clips.Rates)
	assert.Equal(t, map[int]int{1: 6, 2: 1}, s.Clips.Channels)
	assert.Equal(t, []string{"f03.wav", "f04.wav"}, s.Clips.Clipped)
	assert.Equal(t, []float64{0.5, 2}, []float64{s.Clips.Seconds.Min, s.Clips.Seconds.Max})
	assert.Len(t, s.Clips.Lengths, 7)
}

// Files that package audio wrote: a good one, a short one of a low rate, and one
// driven beyond full scale.
func TestClipsOfFiles(t *testing.T) {
	tone := func(seconds, rate int, gain float64) string {
		x := make([]float64, seconds*rate)
		for i := range x {
			x[i] = max(-1, min(1, gain*math.Sin(2*math.Pi*440*float64(i)/float64(rate))))
		}
		var b bytes.Buffer
		require.NoError(t, audio.WriteWAV(&b, x, rate))
		return b.String()
	}
	root := folder(t, map[string]string{
		"audio/good.wav": tone(3, 44100, 0.5), "audio/loud.wav": tone(2, 22050, 2), "audio/short.wav": tone(1, 8000, 0.5),
		"audio/labels.csv": rows("good.wav,0.5,0.25,", "loud.wav,-0.5,0.75,", "short.wav,-0.5,0.25,"),
	})
	c := check(t, EmotionSource, root, Options{}).Clips
	require.NotNil(t, c)
	assert.Equal(t, []float64{2, 2, 1}, c.Lengths)
	assert.Equal(t, map[string]int{"wav": 3}, c.Formats)
	assert.Equal(t, map[int]int{44100: 1, 22050: 1, 8000: 1}, c.Rates)
	assert.Equal(t, [][]string{{"short.wav"}, {"short.wav"}, {"loud.wav"}}, [][]string{c.Short, c.LowRate, c.Clipped})
	assert.InDelta(t, 0.5, c.Peaks[0], 1.0/32768, "a step of 16 bits")
}

func TestClipInCache(t *testing.T) {
	clip := clip("wav", 192000, 8, 1.5, 0.75, 0.125)
	assert.Equal(t, clip, clipOf(clipRow(clip)))
	assert.Nil(t, clipOf(cache.Row{Part: "wav", Values: []float32{1, 2}}))
	f := &Features{Parts: []Part{{Name: "a", Input: []float32{1}}}, Clip: clip}
	back, err := fromEntry(toEntry(f, nil, "x.wav"), "x.wav")
	assert.NoError(t, err)
	assert.Equal(t, f, back)
}
