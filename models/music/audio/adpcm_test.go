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

// adpcmWAV returns a wav of one data chunk in blocks of size bytes.
func adpcmWAV(tag, channels, block int, data string) []byte {
	le := binary.LittleEndian
	return wav(le, "RIFF", "fmt ", fmtChunk(le, tag, channels, 8000, block, 4)+"\x00\x00", "data", data)
}

// The values were worked out by hand from the definitions, in 1/32768.
func TestDecodeADPCM(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want []float64
	}{
		// Start 100, step 7: code 0 adds 0 and keeps the step (its index cannot
		// fall), 4 adds 7 and goes two steps up, to 9; 8 takes 1 away, step 8; 7
		// adds 1+2+4+8 and goes eight steps up, to 17; codes 0 add 2, 2, 1 and 1.
		"IMA": {adpcmWAV(tagIMA, 1, 8, "\x64\x00\x00\x00\x40\x78\x00\x00"), []float64{100, 100, 107, 106, 121, 123, 125, 126, 127}},
		// Two channels take turns every four bytes.
		"IMA stereo": {adpcmWAV(tagIMA, 2, 16, "\x64\x00\x00\x00\x00\x00\x00\x00"+"\x04\x00\x00\x00"+"\x00\x00\x00\x00"),
			[]float64{50, 53.5, 54, 54.5, 54.5, 54.5, 54.5, 54.5, 54.5}},
		// Predictor 1 continues the line from 10 to 20: 30 and, of code 1 at step
		// 16, 40+16 = 56; the steps are (16·230)>>8 = 14, held at 16.
		"MS": {adpcmWAV(tagMS, 1, 8, "\x01\x10\x00\x14\x00\x0a\x00\x01"), []float64{10, 20, 30, 56}},
		// Clipped at the top; a head alone is two samples.
		"MS clipped":   {adpcmWAV(tagMS, 1, 8, "\x01\xff\x7f\xff\x7f\xff\x7f\x70"), []float64{32767, 32767, 32767, 32767}},
		"MS head only": {adpcmWAV(tagMS, 1, 8, "\x01\x10\x00\x14\x00\x0a\x00"), []float64{10, 20}},
		"no samples":   {adpcmWAV(tagMS, 1, 8, ""), []float64{}},
	} {
		clip, err := Decode(write(t, c.file), 0)
		require.NoError(t, err, name)
		for i := range c.want {
			c.want[i] /= 1 << 15
		}
		assert.Equal(t, c.want, clip.Samples, name)
	}
	// Of a cut block, what is there: two samples a byte of MS, eight a word of IMA.
	clip, err := Decode(write(t, adpcmWAV(tagMS, 1, 256, strings.Repeat("\x00", 256+10))), 0)
	require.NoError(t, err)
	assert.Len(t, clip.Samples, 500+8)
	clip, err = Decode(write(t, adpcmWAV(tagIMA, 1, 256, strings.Repeat("\x00", 256+13))), 0)
	require.NoError(t, err)
	assert.Len(t, clip.Samples, 505+17)
	clip, err = Decode(write(t, adpcmWAV(tagIMA, 1, 256, strings.Repeat("\x00", 512))), 0.0755)
	require.NoError(t, err)
	assert.Len(t, clip.Samples, 604, "frames of a limit inside the second block")
}

// Codes that double the step without end neither overflow nor leave the range.
func TestDecodeADPCMExtreme(t *testing.T) {
	for _, fill := range []string{"\x77", "\x88", "\xff", "\x7f"} {
		for _, tag := range []int{tagIMA, tagMS} {
			for _, channels := range []int{1, 2, 3} {
				clip, err := Decode(write(t, adpcmWAV(tag, channels, 4096, strings.Repeat(fill, 8192))), 0)
				require.NoError(t, err)
				for _, v := range clip.Samples {
					require.LessOrEqual(t, math.Abs(v), 1.0)
				}
			}
		}
	}
}

func TestDecodeADPCMErrors(t *testing.T) {
	le := binary.LittleEndian
	for text, file := range map[string][]byte{
		"3 bits an ADPCM sample, want 4":                         wav(le, "RIFF", "fmt ", fmtChunk(le, tagIMA, 1, 8000, 8, 3), "data", "abcdefgh"),
		"block of 7 bytes, want 8 or more for 2 channels":        adpcmWAV(tagIMA, 2, 7, "abcdefgh"),
		"block of 0 bytes, want 7 or more":                       adpcmWAV(tagMS, 1, 0, "abcdefgh"),
		"data chunk: 6 bytes, less than the 7 of a block's head": adpcmWAV(tagMS, 1, 8, "abcdef"),
	} {
		_, err := Decode(write(t, file), 0)
		require.ErrorContains(t, err, text)
	}
}

// w64 returns a Wave64 file of chunks.
func w64(chunks ...string) []byte {
	b := append([]byte(w64RIFF), make([]byte, 8)...)
	b = append(b, "wave"+w64Tail...)
	for i := 0; i < len(chunks); i += 2 {
		b = append(b, chunks[i]+w64Tail...)
		b = binary.LittleEndian.AppendUint64(b, uint64(24+len(chunks[i+1])))
		b = append(b, chunks[i+1]...)
		b = append(b, make([]byte, -len(b)&7)...)
	}
	return b
}

func TestDecodeW64(t *testing.T) {
	format := fmtChunk(binary.LittleEndian, tagPCM, 1, 8000, 2, 16)
	good := string(w64("fact", "abc", "fmt ", format, "data", "\x00\x40\x00\xc0"))
	size := "\x1c\x00\x00\x00\x00\x00\x00\x00" // of the data chunk
	require.Contains(t, good, size)
	for name, file := range map[string]string{
		"good":       good,
		"size lies":  strings.Replace(good, size, "\xff\xff\xff\xff\xff\xff\xff\xff", 1)[:len(good)-4],
		"size small": strings.Replace(good, size, "\x00\x00\x00\x00\x00\x00\x00\x00", 1)[:len(good)-4],
	} {
		clip, err := Decode(write(t, []byte(file)), 0)
		require.NoError(t, err, name)
		assert.Equal(t, []float64{0.5, -0.5}, clip.Samples, name)
	}
	for text, file := range map[string][]byte{
		"file ends after 39 of 40 bytes":   []byte(good[:39]),
		"is not that of a Wave64 file":     []byte(strings.Replace(good, "wave", "fave", 1)),
		"w64: fmt chunk: missing":          w64("fact", "abc"),
		"fmt chunk: missing before the":    w64("data", "abc"),
		"data chunk: missing":              w64("fmt ", format),
		"fmt chunk: is 3 bytes long, want": w64("fmt ", "abc"),
	} {
		_, err := Decode(write(t, file), 0)
		require.ErrorContains(t, err, text)
	}
}

// The search for samples ends in a file that holds only empty chunks.
func TestDecodeManyChunks(t *testing.T) {
	le := binary.LittleEndian
	tail := string(wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40")[12:])
	for n, ok := range map[int]bool{1000: true, maxChunks: false} {
		file := "RIFF\x00\x00\x00\x00WAVE" + strings.Repeat("junk\x00\x00\x00\x00", n) + tail
		_, err := Decode(write(t, []byte(file)), 0)
		assert.Equal(t, ok, err == nil, "%d chunks: %v", n, err)
	}
}
