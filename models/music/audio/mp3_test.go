// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type goldenMP3 struct {
	Rate, Channels, Frames int
	MP3                    []byte
	Every5th               []float64
}

func goldenMP3s(t testing.TB) (golden []goldenMP3) {
	b, err := os.ReadFile("testdata/mp3.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &golden))
	return golden
}

// TestDecodeMP3Golden compares one file of each MPEG version with mpg123, which
// computes in float32.
func TestDecodeMP3Golden(t *testing.T) {
	for _, g := range goldenMP3s(t) {
		clip, err := Decode(write(t, g.MP3), 0)
		require.NoError(t, err)
		require.Equal(t, []int{g.Rate, g.Channels, g.Frames}, []int{clip.Rate, clip.Channels, len(clip.Samples)})
		for i, want := range g.Every5th {
			require.InDelta(t, want, clip.Samples[5*i], 2e-6, "%d Hz, sample %d", g.Rate, 5*i)
		}
	}
}

// withoutTag removes the frame of the Info tag, so that plain frames remain.
func withoutTag(t *testing.T, mp3 []byte) []byte {
	i := bytes.Index(mp3[4:], mp3[:2])
	require.Positive(t, i)
	return mp3[4+i:]
}

// Tags around a stream, junk before it, a lost start and a cut end change
// nothing else.
func TestDecodeMP3Surroundings(t *testing.T) {
	g := goldenMP3s(t)[1] // constant bit rate: 22,050 Hz
	want, err := Decode(write(t, g.MP3), 0)
	require.NoError(t, err)
	id3 := append([]byte("ID3\x03\x00\x00\x00\x00\x02\x01"), make([]byte, 257)...)
	for name, file := range map[string][]byte{
		"ID3v2":     append(id3, g.MP3...),
		"two ID3v2": append(append(id3[:267:267], id3...), g.MP3...),
		"ID3v1":     append(g.MP3[:len(g.MP3):len(g.MP3)], append([]byte("TAG"), make([]byte, 125)...)...),
		"zeros":     append(make([]byte, 5000), g.MP3...),
		"in a wav": wav(binary.LittleEndian, "RIFF", "fmt ", fmtChunk(binary.LittleEndian, tagMP3, 2, 22050, 1, 0)+"\x00\x00",
			"data", string(g.MP3)),
	} {
		clip, err := Decode(write(t, file), 0)
		require.NoError(t, err, name)
		assert.Equal(t, want, clip, name)
	}
	// Without the tag the delay is unknown, and whole frames of 576 samples remain.
	plain := withoutTag(t, g.MP3)
	clip, err := Decode(write(t, plain), 0)
	require.NoError(t, err)
	assert.Zero(t, len(clip.Samples)%576)
	assert.Equal(t, want.Samples[:1000], clip.Samples[1105:2105])
	// Cut in the last frame: one frame less.
	cut, err := Decode(write(t, plain[:len(plain)-5]), 0)
	require.NoError(t, err)
	assert.Equal(t, clip.Samples[:len(clip.Samples)-576], cut.Samples)
	// Noise inside: decoding goes on behind it.
	noise := append(bytes.Repeat([]byte{0x11}, 2000), plain...)
	damaged, err := Decode(write(t, append(plain[:len(plain):len(plain)], noise...)), 0)
	require.NoError(t, err)
	assert.Len(t, damaged.Samples, 2*len(clip.Samples))
}

// The free format has no bit rate in its headers; the distance of two headers gives it.
func TestDecodeMP3FreeFormat(t *testing.T) {
	g := goldenMP3s(t)[1]
	plain := withoutTag(t, g.MP3)
	want, err := Decode(write(t, plain), 0)
	require.NoError(t, err)
	size := bytes.Index(plain[4:], plain[:2]) + 4
	free := bytes.Clone(plain)
	for at := 0; at < len(free); {
		padding := int(free[at+2] >> 1 & 1)
		free[at+2] &= 0x0f
		at += size - int(plain[2]>>1&1) + padding
	}
	clip, err := Decode(write(t, free), 0)
	require.NoError(t, err)
	assert.Equal(t, want, clip)
}

// Damage anywhere gives an error or a clip, and a search among bytes that only look like
// headers ends.
func TestDecodeMP3Damage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, g := range goldenMP3s(t) {
		for range 200 {
			b := bytes.Clone(g.MP3)
			for range 1 + random.IntN(30) {
				b[random.IntN(len(b))] = byte(random.Uint32())
			}
			b = b[:random.IntN(len(b)+1)]
			clip, err := decode(bytes.NewReader(b), int64(len(b)), 0)
			if err != nil {
				assert.NotContains(t, err.Error(), "damaged in a way", "a decoder panicked")
				continue
			}
			assert.NoError(t, checkFinite(clip.Samples))
		}
	}
	b := make([]byte, 3<<20)
	for name, fill := range map[string]func(i int) byte{
		"noise":   func(int) byte { return byte(random.Uint32()) },
		"ones":    func(int) byte { return 0xff },
		"headers": func(i int) byte { return [4]byte{0xff, 0xfb, 0x90, 0x64}[i%4] },
		"free":    func(i int) byte { return [5]byte{0xff, 0xfb, byte(random.Uint32() & 12), 0x64, 0xff}[i%5] },
	} {
		for i := range b {
			b[i] = fill(i)
		}
		start := time.Now()
		_, err := decode(bytes.NewReader(b), int64(len(b)), Seconds)
		t.Logf("%s: %v, %v", name, time.Since(start), err)
	}
}
