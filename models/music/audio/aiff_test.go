// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// aiff returns a file of chunks, whose sizes are those of the bodies.
func aiff(form string, chunks ...string) []byte {
	be := binary.BigEndian
	b := append([]byte("FORM\x00\x00\x00\x00"), form...)
	for i := 0; i < len(chunks); i += 2 {
		b = append(b, chunks[i]...)
		b = be.AppendUint32(b, uint32(len(chunks[i+1])))
		b = append(b, chunks[i+1]...)
		if len(chunks[i+1])&1 == 1 {
			b = append(b, 0)
		}
	}
	be.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// comm returns a COMM chunk's body; compression is empty in an AIFF.
func comm(channels, frames, bits int, rate float64, compression string) string {
	be := binary.BigEndian
	b := be.AppendUint16(nil, uint16(channels))
	b = be.AppendUint32(b, uint32(frames))
	b = be.AppendUint16(b, uint16(bits))
	fraction, exponent := math.Frexp(rate)
	b = be.AppendUint16(b, uint16(exponent-1+16383))
	b = be.AppendUint64(b, uint64(math.Ldexp(fraction, 64)))
	return string(b) + compression
}

// ssnd returns an SSND chunk's body.
func ssnd(samples string) string { return strings.Repeat("\x00", 8) + samples }

func TestDecodeAIFF(t *testing.T) {
	plain := func(bits int, samples string) []byte {
		return aiff("AIFF", "COMM", comm(1, 1, bits, 8000, ""), "SSND", ssnd(samples))
	}
	packed := func(compression string, bits int, samples string) []byte {
		return aiff("AIFC", "FVER", "\xa2\x80\x51\x40", "COMM", comm(1, 1, bits, 8000, compression+"\x02ab\x00"), "SSND", ssnd(samples))
	}
	for name, c := range map[string]struct {
		file []byte
		want []float64
	}{
		// Signed, unlike in a wav.
		"8 bit":  {plain(8, "\x80\x00\x7f"), []float64{-1, 0, 127.0 / 128}},
		"5 bit":  {plain(5, "\x80\x08"), []float64{-1, 8.0 / 128}},
		"12 bit": {plain(12, "\x80\x00\x7f\xf0"), []float64{-1, 32752.0 / 32768}},
		"16 bit": {plain(16, "\x80\x00\x40\x00"), []float64{-1, 0.5}},
		"24 bit": {plain(24, "\x80\x00\x00\x00\x00\x01"), []float64{-1, 1.0 / (1 << 23)}},
		"32 bit": {plain(32, "\x80\x00\x00\x00\x00\x00\x00\x01"), []float64{-1, 1.0 / (1 << 31)}},
		// The mean of the channels: -1 and 0.5.
		"stereo":      {aiff("AIFF", "COMM", comm(2, 1, 16, 8000, ""), "SSND", ssnd("\x80\x00\x40\x00")), []float64{-0.25}},
		"NONE":        {packed("NONE", 16, "\x40\x00"), []float64{0.5}},
		"twos":        {packed("twos", 16, "\x40\x00"), []float64{0.5}},
		"sowt":        {packed("sowt", 16, "\x00\x40"), []float64{0.5}},
		"sowt 24 bit": {packed("sowt", 24, "\x00\x00\x40"), []float64{0.5}},
		"raw":         {packed("raw ", 8, "\x00\x80\xff"), []float64{-1, 0, 127.0 / 128}},
		// The sizes that these fix win over the chunk's.
		"in24":              {packed("in24", 16, "\x40\x00\x00"), []float64{0.5}},
		"in32":              {packed("in32", 16, "\x40\x00\x00\x00"), []float64{0.5}},
		"42n1":              {packed("42n1", 24, "\x00\x00\x40"), []float64{0.5}},
		"23ni":              {packed("23ni", 32, "\x00\x00\x00\x40"), []float64{0.5}},
		"fl32":              {packed("fl32", 16, "\xc0\x00\x00\x00"), []float64{-2}},
		"FL64":              {packed("FL64", 64, "\x3f\xe0\x00\x00\x00\x00\x00\x00"), []float64{0.5}},
		"ulaw":              {packed("ulaw", 16, "\x00\x80\xff"), []float64{-32124.0 / 32768, 32124.0 / 32768, 0}},
		"alaw":              {packed("ALAW", 8, "\x2a\xaa"), []float64{-32256.0 / 32768, 32256.0 / 32768}},
		"chunks in reverse": {aiff("AIFF", "SSND", ssnd("\x40\x00"), "NAME", "abc", "COMM", comm(1, 1, 16, 8000, "")), []float64{0.5}},
		"offset":            {aiff("AIFF", "COMM", comm(1, 1, 16, 8000, ""), "SSND", "\x00\x00\x00\x02\x00\x00\x00\x00xx\x40\x00"), []float64{0.5}},
		"offset too far":    {aiff("AIFF", "COMM", comm(1, 1, 16, 8000, ""), "SSND", "\xff\xff\xff\xff\x00\x00\x00\x00xx\x40\x00"), []float64{}},
		"no SSND":           {aiff("AIFF", "COMM", comm(1, 0, 16, 8000, "")), nil},
		"size lies": {[]byte(strings.Replace(string(plain(16, "\x40\x00")), "SSND\x00\x00\x00\x0a", "SSND\xff\xff\xff\xff", 1)),
			[]float64{0.5}},
		"size 0":        {[]byte(strings.Replace(string(plain(16, "\x40\x00")), "SSND\x00\x00\x00\x0a", "SSND\x00\x00\x00\x00", 1)), []float64{0.5}},
		"cut in sample": {plain(16, "\x40\x00\x7f"), []float64{0.5}},
	} {
		clip, err := Decode(write(t, c.file), 0)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, clip.Samples, name)
		assert.Equal(t, 8000, clip.Rate, name)
	}
}

// Files of old Macs have rates with a fraction; libsndfile takes the whole part.
func TestDecodeAIFFRate(t *testing.T) {
	for rate, want := range map[float64]int{22254.5454: 22254, 100: 100, 768000: 768000, 44100: 44100} {
		clip, err := Decode(write(t, aiff("AIFF", "COMM", comm(1, 1, 8, rate, ""), "SSND", ssnd("a"))), 0)
		require.NoError(t, err)
		assert.Equal(t, want, clip.Rate)
	}
}

func TestDecodeAIFFErrors(t *testing.T) {
	common := comm(1, 1, 16, 8000, "")
	for text, file := range map[string][]byte{
		"file ends after 11 of 12 bytes":   []byte("FORM\x00\x00\x00\x00AIF"),
		"form is \"AIFX\"":                 aiff("AIFX"),
		"aiff: COMM chunk: missing":        aiff("AIFF", "SSND", ssnd("ab")),
		"SSND chunk: missing":              aiff("AIFF", "COMM", common),
		"is 17 bytes long, want 18":        aiff("AIFF", "COMM", common[:17], "SSND", ssnd("ab")),
		"is 18 bytes long, want 22":        aiff("AIFC", "COMM", common, "SSND", ssnd("ab")),
		"SSND chunk: is 7 bytes long":      aiff("AIFF", "COMM", common, "SSND", "1234567"),
		"channel count is 0":               aiff("AIFF", "COMM", comm(0, 1, 16, 8000, ""), "SSND", ssnd("ab")),
		"sample rate is 99 Hz":             aiff("AIFF", "COMM", comm(1, 1, 16, 99.9, ""), "SSND", ssnd("ab")),
		"sample rate is -1 Hz":             aiff("AIFF", "COMM", common[:8]+"\x7f\xff"+common[10:], "SSND", ssnd("ab")),
		"0 bits a sample, want 1 to 32":    aiff("AIFF", "COMM", comm(1, 1, 0, 8000, ""), "SSND", ssnd("ab")),
		"33 bits a sample, want 1 to 32":   aiff("AIFF", "COMM", comm(1, 1, 33, 8000, ""), "SSND", ssnd("ab")),
		"16 bits an unsigned sample":       aiff("AIFC", "COMM", comm(1, 1, 16, 8000, "raw "), "SSND", ssnd("ab")),
		"compression \"ima4\" is not deco": aiff("AIFC", "COMM", comm(1, 1, 16, 8000, "ima4"), "SSND", ssnd("ab")),
		"less than one frame of 4":         aiff("AIFF", "COMM", comm(2, 1, 16, 8000, ""), "SSND", ssnd("ab")),
	} {
		path := write(t, file)
		clip, err := Decode(path, 2)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), text)
			assert.Contains(t, err.Error(), path)
		}
		assert.Nil(t, clip)
	}
}
