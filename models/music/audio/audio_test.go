// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wav returns a file of chunks, whose sizes are those of the bodies.
func wav(order binary.AppendByteOrder, magic string, chunks ...string) []byte {
	b := append(order.AppendUint32([]byte(magic), 0), "WAVE"...)
	for i := 0; i < len(chunks); i += 2 {
		b = append(b, chunks[i]...)
		b = order.AppendUint32(b, uint32(len(chunks[i+1])))
		b = append(b, chunks[i+1]...)
		if len(chunks[i+1])&1 == 1 {
			b = append(b, 0)
		}
	}
	return b
}

// fmtChunk returns the body of a plain fmt chunk, 16 bytes.
func fmtChunk(order binary.AppendByteOrder, tag, channels, rate, block, bits int) string {
	b := order.AppendUint16(nil, uint16(tag))
	b = order.AppendUint16(b, uint16(channels))
	b = order.AppendUint32(b, uint32(rate))
	b = order.AppendUint32(b, uint32(rate*block))
	b = order.AppendUint16(b, uint16(block))
	return string(order.AppendUint16(b, uint16(bits)))
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

func TestDecodeWAV(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	for name, c := range map[string]struct {
		file []byte
		want []float64
	}{
		"8 bit": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 1, 8), "data", "\x00\x80\xff"), []float64{-1, 0, 127.0 / 128}},
		"5 bit": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 1, 5), "data", "\x00\x88"), []float64{-1, 8.0 / 128}},
		// The mean of the channels: -1 and 0.5.
		"stereo":       {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 2, 8000, 4, 16), "data", "\x00\x80\x00\x40"), []float64{-0.25}},
		"12 in 16 bit": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 12), "data", "\x10\x00\xf0\x7f"), []float64{16.0 / 32768, 32752.0 / 32768}},
		"24 bit":       {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 3, 24), "data", "\x00\x00\x80\x01\x00\x00"), []float64{-1, 1.0 / (1 << 23)}},
		"24 in 32 bit": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 4, 24), "data", "\x00\x00\x80\xff\x00\x00\x40\x00"), []float64{-1, 0.5}},
		"36 bit":       {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 5, 36), "data", "\x00\x00\x00\x00\x80\x00\x00\x00\x00\x40"), []float64{-1, 0.5}},
		"64 bit":       {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 8, 64), "data", "\x00\x00\x00\x00\x00\x00\x00\x40"), []float64{0.5}},
		"float":        {wav(le, "RIFF", "fmt ", fmtChunk(le, 3, 1, 8000, 4, 32), "data", "\x00\x00\x00\xc0"), []float64{-2}},
		"RIFX":         {wav(be, "RIFX", "fmt ", fmtChunk(be, 1, 1, 8000, 2, 16), "data", "\x40\x00"), []float64{0.5}},
		// The last values of both laws' tables in ITU-T G.711, of 16 bits.
		"mu-law":            {wav(le, "RIFF", "fmt ", fmtChunk(le, 7, 1, 8000, 1, 8), "data", "\x00\x80\xff"), []float64{-32124.0 / 32768, 32124.0 / 32768, 0}},
		"A-law":             {wav(le, "RIFF", "fmt ", fmtChunk(le, 6, 1, 8000, 1, 8), "data", "\x2a\xaa\xd5"), []float64{-32256.0 / 32768, 32256.0 / 32768, 8.0 / 32768}},
		"odd chunk":         {wav(le, "RIFF", "junk", "abc", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40"), []float64{0.5}},
		"odd, no padding":   {[]byte(strings.Replace(string(wav(le, "RIFF", "junk", "abc", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40")), "abc\x00", "abc", 1)), []float64{0.5}},
		"block contradicts": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 2, 8000, 3, 16), "data", "\x00\x40\x00\x40"), []float64{0.5}},
		"size lies": {[]byte(strings.Replace(string(wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40")),
			"data\x02\x00\x00\x00", "data\xff\xff\xff\xff", 1)), []float64{0.5}},
		"size 0": {[]byte(strings.Replace(string(wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40")),
			"data\x02", "data\x00", 1)), []float64{0.5}},
		"no samples":    {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", ""), []float64{}},
		"cut in sample": {wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40\x7f"), []float64{0.5}},
		"behind ID3":    {append([]byte("ID3\x03\x00\x00\x00\x00\x00\x02xx"), wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16), "data", "\x00\x40")...), []float64{0.5}},
	} {
		clip, err := Decode(write(t, c.file), 0)
		require.NoError(t, err, name)
		assert.Equal(t, c.want, clip.Samples, name)
		assert.Equal(t, 8000, clip.Rate, name)
	}
}

func TestDecodeErrors(t *testing.T) {
	le := binary.LittleEndian
	one := func(tag, channels, rate, block, bits int) []byte {
		return wav(le, "RIFF", "fmt ", fmtChunk(le, tag, channels, rate, block, bits), "data", "\x00\x40\x00\x40\x00\x40\xff\x7f")
	}
	for text, file := range map[string][]byte{
		"file is empty":                          {},
		"no MPEG frames found":                   []byte("\x01plain bytes, some of them long enough to be searched"),
		"is a text file; put the right file":     []byte("plain text"),
		"is a MIDI file":                         []byte("MThd\x00\x00\x00\x06"),
		"is an Ogg file without a known stream":  []byte("OggS"),
		"form is \"XYZ \"":                       []byte("RIFF\x00\x00\x00\x00XYZ "),
		"is an AVI film; convert it to wav":      []byte("RIFF\x00\x00\x00\x00AVI "),
		"wav: fmt chunk: missing":                wav(le, "RIFF"),
		"wav: fmt chunk: missing before":         wav(le, "RIFF", "data", "ab"),
		"wav: data chunk: missing":               wav(le, "RIFF", "fmt ", fmtChunk(le, 1, 1, 8000, 2, 16)),
		"fmt chunk: is 3 bytes long":             wav(le, "RIFF", "fmt ", "abc"),
		"sample rate is 0 Hz":                    one(1, 1, 0, 2, 16),
		"sample rate is 4000000000 Hz":           one(1, 1, 4e9, 2, 16),
		"channel count is 0":                     one(1, 0, 8000, 2, 16),
		"channel count is 65535":                 one(1, 65535, 8000, 2, 16),
		"0 bits a sample":                        one(1, 1, 8000, 2, 0),
		"65 bits a sample":                       one(1, 1, 8000, 2, 65),
		"16 bits a float sample":                 one(3, 1, 8000, 2, 16),
		"format tag 0x0031 is not decoded":       one(0x31, 1, 8000, 65, 0),
		"less than one frame of 512":             one(1, 256, 8000, 512, 16),
		"sample 1 is NaN":                        wav(le, "RIFF", "fmt ", fmtChunk(le, 3, 1, 8000, 4, 32), "data", "\x00\x00\x00\x00\x00\x00\xc0\x7f"),
		"flac: STREAMINFO: file ends inside":     []byte("fLaC\x00\x00\x00\x22"),
		"first metadata block is of type 4":      []byte("fLaC\x84\xff\xff\xff"),
		"flac: no frames behind the metadata":    []byte(constantFLAC[:42]),
		"flac: STREAMINFO: 1 bits a sample":      []byte("fLaC\x80\x00\x00\x22" + strings.Repeat("\x00", 34)),
		"MPEG layer 2 is not decoded; convert":   append(bytes.Repeat(append([]byte{0xff, 0xfd, 0x14, 0xc0}, make([]byte, 92)...), 4), 0),
		"mp3: no whole frame of sound":           append([]byte{0xff, 0xfb, 0x90, 0xc4}, append(make([]byte, 17), append([]byte("Info"), make([]byte, 417-25)...)...)...),
		"metadata block of type 3 claims 131072": []byte("fLaC\x00" + constantFLAC[5:42] + "\x83\x02\x00\x00"),
	} {
		path := write(t, file)
		clip, err := Decode(path, 2)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), text)
			assert.Contains(t, err.Error(), path)
		}
		assert.Nil(t, clip)
	}
	for path, text := range map[string]string{
		filepath.Join(t.TempDir(), "absent.wav"): "no such file",
		t.TempDir():                              "not a regular file",
	} {
		_, err := Decode(path, 2)
		require.ErrorContains(t, err, text)
		assert.Equal(t, 1, strings.Count(err.Error(), path), "the path is named once: %v", err)
	}
	for _, seconds := range []float64{-1, math.NaN()} {
		_, err := Decode(write(t, one(1, 1, 8000, 2, 16)), seconds)
		assert.ErrorContains(t, err, "length limit")
	}
}

// Decode returns the first ⌊seconds·rate⌋ frames, and not one more.
func TestDecodeLimit(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteWAV(&b, make([]float64, 1000), 8000))
	for seconds, want := range map[float64]int{0: 1000, 0.1: 800, 0.10001: 800, 1: 1000, 1e300: 1000, 1e-9: 0} {
		clip, err := Decode(write(t, b.Bytes()), seconds)
		require.NoError(t, err)
		assert.Len(t, clip.Samples, want)
	}
}

func TestWriteWAV(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteWAV(&b, []float64{0, 0.5, -1, 1, 7, -7, 1.0 / 32768}, 44100))
	clip, err := Decode(write(t, b.Bytes()), 0)
	require.NoError(t, err)
	top := 32767.0 / 32768
	assert.Equal(t, &Clip{Samples: []float64{0, 0.5, -1, top, top, -1, 1.0 / 32768}, Rate: 44100, Channels: 1}, clip)
	assert.ErrorContains(t, WriteWAV(&b, []float64{math.NaN()}, 44100), "sample 0 is NaN")
	assert.ErrorContains(t, WriteWAV(&b, nil, 0), "sample rate is 0")
}

// constantFLAC returns a stream of one frame: 16 samples of 32 bits in two channels,
// stored as middle and side, both constant.
var constantFLAC = func() string {
	info := make([]byte, 34)
	info[1], info[3] = 16, 16                                       // block sizes
	info[10], info[11], info[12] = 8000>>12, 8000>>4&0xff, 0<<4|2|1 // 8 kHz, 2 channels, 32 bits
	info[13] = 0xf0
	frame := []byte{0xff, 0xf8, 0x60, 0xae, 0x00, 15} // 8-bit block size, mid/side, 32 bits
	var crc8 byte
	for _, c := range frame {
		crc8 ^= c
		for range 8 {
			crc8 = crc8<<1 ^ -(crc8>>7)&7
		}
	}
	frame = append(frame, crc8)
	// Left 2^31-1, right -2^31: middle -1, side 2^32-1 in 33 bits.
	bits := "00000000" + strings.Repeat("1", 32) + "00000000" + "0" + strings.Repeat("1", 32) + strings.Repeat("0", 7)
	for ; bits != ""; bits = bits[8:] {
		var c byte
		for _, b := range bits[:8] {
			c = c<<1 | byte(b-'0')
		}
		frame = append(frame, c)
	}
	var crc uint16
	for _, c := range frame {
		crc ^= uint16(c) << 8
		for range 8 {
			crc = crc<<1 ^ -(crc>>15)&0x8005
		}
	}
	return "fLaC\x80\x00\x00\x22" + string(info) + string(frame) + string([]byte{byte(crc >> 8), byte(crc)})
}()

// Samples of 32 bits need 33 for the difference of two channels.
func TestDecodeFLAC32(t *testing.T) {
	clip, err := Decode(write(t, []byte(constantFLAC)), 0)
	require.NoError(t, err)
	require.Equal(t, 2, clip.Channels)
	require.Len(t, clip.Samples, 16)
	assert.Equal(t, -1.0/(1<<32), clip.Samples[3])
	// One frame and a damaged one: the first is kept.
	frame := constantFLAC[42:]
	clip, err = Decode(write(t, []byte(constantFLAC+frame+frame[:10]+"x"+frame[11:])), 0)
	require.NoError(t, err)
	assert.Len(t, clip.Samples, 32)
}
