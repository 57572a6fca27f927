// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"bytes"
	"encoding/binary"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fuzzSeeds returns small files of every kind, and the starts of such files.
func fuzzSeeds(t testing.TB) map[string][]byte {
	le, be := binary.LittleEndian, binary.BigEndian
	noise := strings.Repeat("\x12\x9a\x40\xc3\x7f\x81\x05", 40)
	mpeg1 := append([]byte{0xff, 0xfb, 0x90, 0x64}, bytes.Repeat([]byte{0x5a, 0x03, 0x91}, 138)[:413]...)
	mpeg25 := bytes.Clone(mpeg1)
	mpeg25[1], mpeg25[3] = 0xe3, 0xc4 // mono
	seeds := map[string][]byte{
		"wav 16":         wav(le, "RIFF", "fmt ", fmtChunk(le, tagPCM, 2, 8000, 4, 16), "data", "\x00\x40\x00\x40"),
		"wav double":     wav(le, "RIFF", "fmt ", fmtChunk(le, tagFloat, 1, 8000, 8, 64), "data", "\x00\x40\x00\x40\x00\x40\x00\x40"),
		"RIFX":           wav(be, "RIFX", "fmt ", fmtChunk(be, tagPCM, 1, 8000, 5, 36), "data", "abcdefghij"),
		"RF64":           wav(le, "RF64", "ds64", strings.Repeat("\x00", 28), "fmt ", fmtChunk(le, tagMuLaw, 1, 8000, 1, 8), "data", "abc"),
		"IMA":            adpcmWAV(tagIMA, 2, 32, noise),
		"MS":             adpcmWAV(tagMS, 2, 32, noise),
		"mp3 in wav":     wav(le, "RIFF", "fmt ", fmtChunk(le, tagMP3, 2, 22050, 1, 0), "data", strings.Repeat(string(mpeg1), 2)),
		"w64":            w64("fmt ", fmtChunk(le, tagPCM, 2, 8000, 6, 24), "data", noise),
		"aiff":           aiff("AIFF", "COMM", comm(2, 9, 12, 8000, ""), "SSND", ssnd(noise)),
		"aifc":           aiff("AIFC", "SSND", ssnd(noise), "COMM", comm(3, 9, 24, 44100, "sowt")),
		"aifc float":     aiff("AIFC", "COMM", comm(1, 9, 32, 44100, "fl32"), "SSND", ssnd(noise)),
		"flac":           []byte("ID3\x03\x00\x00\x00\x00\x00\x02xx" + constantFLAC),
		"mpeg 1":         bytes.Repeat(mpeg1, 4),
		"mpeg 2.5":       bytes.Repeat(mpeg25, 4),
		"ogg":            oggPage(2, 0, 1, 0, []byte("\x01vorbis")),
		"ogg, two heads": append(oggPage(2, 0, 1, 0, []byte("\x80theora")), oggPage(2, 0, 2, 0, []byte("OpusHead"))...),
	}
	for _, g := range goldenOpuses(t) {
		packets, end := opusPackets(t, g.Opus)
		packets[1] = []byte("OpusTags")
		for n, p := range packets[2:] { // short ones of every mode do
			packets[2+n] = p[:min(len(p), 40)]
		}
		packets = packets[:min(len(packets), 7)]
		seeds["opus "+string(rune('0'+g.Channels))] = opusFile(packets, 0, end)
		// All 32 configurations, four frames a packet at most.
		for config := range 32 {
			packets[2+config%4] = append([]byte{byte(config<<3 | config&7)}, noise[config:]...)
			if config%4 == 3 {
				seeds["opus "+string(rune('0'+g.Channels))+" config "+string(rune('@'+config))] = opusFile(packets, 0, 1<<40)
			}
		}
	}
	for i, g := range goldenMP3s(t) {
		seeds["mp3 "+string(rune('0'+i))] = g.MP3[:min(len(g.MP3), 2000)]
	}
	return seeds
}

// checkDecoded expects of any bytes an error or a clip that is finite and no longer than
// the limit, within a time and a memory that do not depend on what the bytes claim.
func checkDecoded(t *testing.T, b []byte) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	s, err := decode(bytes.NewReader(b), int64(len(b)), Seconds)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	// The longest clip of 2 s has 1.5 million frames, 12 MB, and grows there by
	// copies; decoders have up to 5 MB of their own.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(150<<20+100*len(b)), "bytes allocated")
	// Slow is 100 ms; the bound is for a busy machine.
	require.Less(t, took, 10*time.Second)
	if err != nil {
		require.Nil(t, s)
		require.NotContains(t, err.Error(), "damaged in a way", "a decoder panicked")
		return
	}
	require.NoError(t, checkShape(int64(s.Rate), int64(s.Channels)))
	require.LessOrEqual(t, len(s.Samples), int(Seconds*float64(s.Rate)))
	require.NoError(t, checkFinite(s.Samples))
	i := s.info()
	require.True(t, i.Peak >= 0 && i.ClippedShare >= 0 && i.ClippedShare <= 1 && i.Seconds <= Seconds, "%+v", i)
	require.GreaterOrEqual(t, s.heard, len(s.Samples), "each frame has a channel")
}

// FuzzDecode decodes any bytes with all decoders.
func FuzzDecode(f *testing.F) {
	seeds := fuzzSeeds(f)
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		f.Add(seeds[name])
	}
	f.Fuzz(checkDecoded)
}

// FuzzDecodeOpus decodes packets of Opus without the checksums of pages: each two bytes
// of lengths give the length of one packet.
func FuzzDecodeOpus(f *testing.F) {
	for _, g := range goldenOpuses(f) {
		packets, _ := opusPackets(f, g.Opus)
		var b []byte
		for _, p := range packets[2:] {
			b = append(b, byte(len(p)>>8), byte(len(p)))
			b = append(b, p...)
		}
		f.Add(byte(g.Channels), uint32(g.Rate), b)
	}
	f.Fuzz(func(t *testing.T, channels byte, rate uint32, b []byte) {
		head := append([]byte("OpusHead\x01"), channels, 0, 1)
		head = binary.LittleEndian.AppendUint32(head, rate)
		packets := [][]byte{append(head, 0, 0, 0), []byte("OpusTags")}
		for len(b) > 2 && len(packets) < 60 {
			n := min(2+(int(b[0])<<8|int(b[1]))%2000, len(b))
			packets = append(packets, b[2:n])
			b = b[n:]
		}
		checkDecoded(t, opusFile(packets, 0, 1<<40))
	})
}

// TestDamagedSeeds cuts every kind of file at each byte and changes each.
func TestDamagedSeeds(t *testing.T) {
	for name, b := range fuzzSeeds(t) {
		_, err := decode(bytes.NewReader(b), int64(len(b)), 0)
		t.Logf("%-18s %5d bytes: %v", name, len(b), err)
		for i := 0; i < len(b); i += 1 + len(b)/100 {
			checkDecoded(t, b[:i])
			c := bytes.Clone(b)
			c[i] ^= 0xff
			checkDecoded(t, c)
		}
	}
}
