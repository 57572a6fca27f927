// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pcm16 returns a wav of 16 bits with these values, one channel after another.
func pcm16(channels, rate int, values ...int) []byte {
	le := binary.LittleEndian
	var data []byte
	for _, v := range values {
		data = le.AppendUint16(data, uint16(int16(v)))
	}
	return wav(le, "RIFF", "fmt ", fmtChunk(le, tagPCM, channels, rate, 2*channels, 16), "data", string(data))
}

// inspect describes the first two seconds of a file, whether or not they have a
// feature.
func inspect(path string) (Info, error) {
	s, err := decodeFile(context.Background(), path, Seconds)
	if err != nil {
		return Info{}, fmt.Errorf("audio: %s: %w", path, err)
	}
	return s.info(), nil
}

func TestInfo(t *testing.T) {
	const top, low = 32767, -32768
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		file []byte
		want Info
	}{
		"no run":         {pcm16(1, 8000, top, top, 0, low, low, 0, top, 0), Info{"wav", 8000, 1, 0.001, 1, 0, false, nil}},
		"three":          {pcm16(1, 8000, 0, top, top, top, 0, 0, 0, 0), Info{"wav", 8000, 1, 0.001, 32767.0 / 32768, 3.0 / 8, false, nil}},
		"both signs":     {pcm16(1, 8000, top, low, top, low, 0, 0, 0, low), Info{"wav", 8000, 1, 0.001, 1, 4.0 / 8, false, nil}},
		"one of two":     {pcm16(2, 8000, top, 0, top, 0, top, 0, 5, 0), Info{"wav", 8000, 2, 0.0005, 32767.0 / 32768, 3.0 / 8, false, nil}},
		"runs in turn":   {pcm16(2, 8000, top, 0, 0, top, top, 0, 0, top), Info{"wav", 8000, 2, 0.0005, 32767.0 / 32768, 0, false, nil}},
		"cancelling":     {pcm16(2, 8000, 16384, -16384, -16384, 16384), Info{"wav", 8000, 2, 0.00025, 0.5, 0, true, nil}},
		"-80 dBFS":       {pcm16(1, 8000, 3, -3, 3), Info{"wav", 8000, 1, 0.000375, 3.0 / 32768, 0, true, nil}},
		"above -80 dBFS": {pcm16(1, 8000, 4, -4), Info{"wav", 8000, 1, 0.00025, 4.0 / 32768, 0, false, nil}},
		"no samples":     {pcm16(1, 8000), Info{"wav", 8000, 1, 0, 0, 0, true, nil}},
		// The first two seconds count, and no more.
		"later": {pcm16(1, 100, append(make([]int, 200), top, top, top)...), Info{"wav", 100, 1, 2, 0, 0, true, nil}},
		"8 bit": {wav(le, "RIFF", "fmt ", fmtChunk(le, tagPCM, 1, 8000, 1, 8), "data", "\xff\xff\x00\x80"),
			Info{"wav", 8000, 1, 0.0005, 1, 0.75, false, nil}},
		"24 bit, from 16": {wav(le, "RIFF", "fmt ", fmtChunk(le, tagPCM, 1, 8000, 3, 24), "data", strings.Repeat("\x00\xff\x7f", 3)+"\x00\x00\x00"),
			Info{"wav", 8000, 1, 0.0005, 32767.0 / 32768, 0.75, false, nil}},
		"float above 1": {wav(le, "RIFF", "fmt ", fmtChunk(le, tagFloat, 1, 8000, 4, 32), "data", strings.Repeat("\x00\x00\x00\x40", 4)),
			Info{"wav", 8000, 1, 0.0005, 2, 1, false, nil}},
		"mu-law": {wav(le, "RIFF", "fmt ", fmtChunk(le, tagMuLaw, 1, 8000, 1, 8), "data", "\x00\x80\x80\xff"),
			Info{"wav", 8000, 1, 0.0005, 32124.0 / 32768, 0.75, false, nil}},
		"A-law": {wav(le, "RIFF", "fmt ", fmtChunk(le, tagALaw, 1, 8000, 1, 8), "data", "\x2a\xaa\xaa\xd5"),
			Info{"wav", 8000, 1, 0.0005, 32256.0 / 32768, 0.75, false, nil}},
		"aiff": {aiff("AIFF", "COMM", comm(1, 4, 8, 8000, ""), "SSND", ssnd("\x7f\x7f\x80\x00")), Info{"aiff", 8000, 1, 0.0005, 1, 0.75, false, nil}},
		"w64":  {w64("fmt ", fmtChunk(le, tagPCM, 1, 8000, 2, 16), "data", "\x00\x40"), Info{"w64", 8000, 1, 0.000125, 0.5, 0, false, nil}},
		// Left is at the top of 32 bits, right at the bottom: all of it is clipped.
		"flac": {[]byte(constantFLAC), Info{"flac", 8000, 2, 0.002, 1, 1, true, nil}},
	} {
		path := write(t, c.file)
		got, err := inspect(path)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
		// One decoding gives the same of both.
		feature, info, err := LogMelInfo(context.Background(), path)
		assert.Equal(t, c.want, info, name)
		want, wantErr := LogMel(path)
		assert.Equal(t, want, feature, name)
		assert.Equal(t, wantErr, err, name)
		assert.Equal(t, c.want.Silent, err != nil, name)
		assert.Equal(t, c.want.Silent && c.want.Seconds > 0, errors.Is(err, ErrSilent), name)
	}
	for kind, file := range map[string][]byte{"mp3": goldenMP3s(t)[0].MP3, "opus": goldenOpuses(t)[0].Opus} {
		path := write(t, file)
		info, err := inspect(path)
		require.NoError(t, err)
		clip, err := Decode(path, Seconds)
		require.NoError(t, err)
		assert.Equal(t, Info{Kind: kind, Rate: clip.Rate, Channels: 2, Seconds: float64(len(clip.Samples)) / float64(clip.Rate), Peak: info.Peak}, info)
		// The right channel is the louder one: their mean is below it.
		assert.Greater(t, info.Peak, peak(clip.Samples), kind)
		assert.Less(t, info.Peak, 2*peak(clip.Samples), kind)
	}
}

func TestInfoErrors(t *testing.T) {
	path := write(t, []byte("\x01nothing"))
	_, err := inspect(path)
	require.ErrorContains(t, err, "no MPEG frames")
	assert.Equal(t, 1, strings.Count(err.Error(), path))
	feature, info, err := LogMelInfo(context.Background(), path)
	require.ErrorContains(t, err, "no MPEG frames")
	assert.Equal(t, 1, strings.Count(err.Error(), path))
	assert.Nil(t, feature)
	assert.Zero(t, info)
}

// A sine driven 6 dB over full scale is flat for two thirds of the time, 1 -
// (2/π)·asin(1/2); a sine within full scale never is.
func TestClippedSine(t *testing.T) {
	for amplitude, want := range map[float64]float64{2: 2.0 / 3, 1.0: 0, 0.99: 0} {
		x := sine(44100, 440.0/44100)
		for i := range x {
			x[i] *= amplitude
		}
		var b bytes.Buffer
		require.NoError(t, WriteWAV(&b, x, 44100))
		info, err := inspect(write(t, b.Bytes()))
		require.NoError(t, err)
		// The ends of 880 half waves are rounded to samples.
		assert.InDelta(t, want, info.ClippedShare, 880.0/44100)
		assert.InDelta(t, min(amplitude, 1), info.Peak, 1e-4)
	}
}

// Full scale of few bits is the largest number of the encoding.
func TestFullScale(t *testing.T) {
	for bits, want := range map[int]float64{2: 0.5, 8: 127.0 / 128, 16: 32767.0 / 32768, 24: 32767.0 / 32768, 64: 32767.0 / 32768} {
		assert.Equal(t, want, fullScale(bits))
	}
	for _, f := range []*pcm{{tag: tagMuLaw}, {tag: tagALaw}} {
		var top float64
		values, codes := make([]float64, 256), make([]byte, 256)
		for c := range codes {
			codes[c] = byte(c)
		}
		f.samples(1)(values, codes, 1)
		for _, v := range values {
			top = max(top, math.Abs(v))
		}
		assert.Equal(t, top, f.full())
	}
}

// Every fixture's ending is listed, and the list is sorted.
func TestExtensions(t *testing.T) {
	list := Extensions()
	assert.True(t, slices.IsSorted(list))
	for _, e := range list {
		assert.Equal(t, strings.ToLower(e), e)
		assert.True(t, strings.HasPrefix(e, "."))
	}
	for _, f := range fixtureStreams(t) {
		assert.Contains(t, list, filepath.Ext(f))
	}
	list[0] = ""
	assert.NotEmpty(t, Extensions()[0], "the list is the caller's")
}
