// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file returns a Standard MIDI File: a header, then a chunk for each body.
func file(format, tracks, division uint16, bodies ...string) []byte {
	b := append([]byte("MThd"), 0, 0, 0, 6)
	b = binary.BigEndian.AppendUint16(b, format)
	b = binary.BigEndian.AppendUint16(b, tracks)
	b = binary.BigEndian.AppendUint16(b, division)
	for _, body := range bodies {
		b = append(b, track(body)...)
	}
	return b
}

func track(body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte("MTrk"), uint32(len(body))), body...)
}

const (
	endOfTrack = "\x00\xff\x2f\x00"
	oneNote    = "\x00\x90\x3c\x40\x60\x80\x3c\x00" // pitch 60 from tick 0 to 96
)

func TestGoldenMido(t *testing.T) {
	var want struct {
		Notes    [][8]float64 // on, off, pitch, velocity, channel, track, seconds on, off
		Controls [][6]float64 // tick, controller, value, channel, track, seconds
		EndTick  int64        `json:"end_tick"`
		End      float64
	}
	text, err := os.ReadFile("testdata/mido.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &want))

	s, err := Read("testdata/mido.mid")
	require.NoError(t, err)
	require.Len(t, s.Notes, len(want.Notes))
	const tolerance = 1e-9 // seconds: the same sums of a few doubles in another order
	for i, w := range want.Notes {
		n := s.Notes[i]
		assert.Equal(t, []float64{w[0], w[1], w[2], w[3], w[4], w[5]}, []float64{
			float64(n.OnTick), float64(n.OffTick), float64(n.Pitch), float64(n.Velocity), float64(n.Channel), float64(n.Track)})
		assert.InDelta(t, w[6], n.On, tolerance)
		assert.InDelta(t, w[7], n.Off, tolerance)
	}
	require.Len(t, s.Controls, len(want.Controls))
	for i, w := range want.Controls {
		c := s.Controls[i]
		assert.Equal(t, []float64{w[0], w[1], w[2], w[3], w[4]}, []float64{
			float64(c.Tick), float64(c.Controller), float64(c.Value), float64(c.Channel), float64(c.Track)})
		assert.InDelta(t, w[5], c.Time, tolerance)
	}
	assert.Equal(t, want.EndTick, s.EndTick)
	assert.InDelta(t, want.End, s.Seconds(s.EndTick), tolerance)
	assert.Equal(t, 384, s.TicksPerQuarter)
	assert.Equal(t, []TimeSignature{{0, 3, 8}, {1841, 5, 4}}, s.TimeSignatures)
	assert.Empty(t, s.Faults)
}

func TestVariants(t *testing.T) {
	rmid := func(smf []byte) []byte {
		b := append([]byte("RIFF\x00\x00\x00\x00RMID"), "INFO\x03\x00\x00\x00abc\x00data"...)
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(smf))), smf...)
	}
	plain := file(1, 1, 96, oneNote+endOfTrack)
	longHeader := slices.Concat([]byte("MThd\x00\x00\x00\x08\x00\x01\x00\x01\x00\x60xx"), plain[14:])
	for name, tc := range map[string]struct {
		data   []byte
		off    float64 // seconds of the note's end
		faults string
	}{
		"plain":                 {plain, 0.5, ""},
		"RMID":                  {rmid(plain), 0.5, ""},
		"RMID of a small size":  {bytes.Replace(rmid(plain), binary.LittleEndian.AppendUint32([]byte("data"), uint32(len(plain))), []byte("data\x0e\x00\x00\x00"), 1), 0.5, ""},
		"longer header":         {longHeader, 0.5, ""},
		"SMPTE 25 by 40":        {file(0, 1, 0xe728, oneNote+endOfTrack), 0.096, ""},
		"SMPTE 30 drop frame":   {file(0, 1, 0xe304, oneNote+endOfTrack), 96 / 4 * 1001.0 / 30000, ""},
		"SMPTE has no tempo":    {file(0, 1, 0xe728, "\x00\xff\x51\x03\x01\x00\x00"+oneNote+endOfTrack), 0.096, ""},
		"velocity 0 ends":       {file(0, 1, 96, "\x00\x90\x3c\x40\x60\x3c\x00"+endOfTrack), 0.5, ""},
		"end of track ends":     {file(0, 1, 96, "\x00\x90\x3c\x40\x60\xff\x2f\x00"), 0.5, ""},
		"tempo":                 {file(0, 1, 96, "\x00\xff\x51\x03\x0f\x42\x40"+oneNote+endOfTrack), 1, ""},
		"tempo of the first":    {file(1, 2, 96, "\x30\xff\x51\x03\x0f\x42\x40"+endOfTrack, oneNote+endOfTrack), 0.25 + 0.5, ""},
		"tempo 0 is none":       {file(0, 1, 96, "\x00\xff\x51\x03\x00\x00\x00"+oneNote+endOfTrack), 0.5, ""},
		"sysex and escape":      {file(0, 1, 96, "\x00\xf0\x03\x01\x02\xf7\x00\xf7\x02\xfa\xf8"+oneNote+endOfTrack), 0.5, ""},
		"running after meta":    {file(0, 1, 96, "\x00\x90\x3c\x40\x00\xff\x01\x01a\x60\x3c\x00"+endOfTrack), 0.5, ""},
		"no end of track":       {file(0, 1, 96, oneNote), 0.5, "end-of-track"},
		"after the end":         {file(0, 1, 96, oneNote+endOfTrack+oneNote), 0.5, "after the end"},
		"stray bytes":           {append(slices.Clone(plain), "abc"...), 0.5, "3 stray bytes"},
		"a chunk cut short":     {append(slices.Clone(plain), "XFIH\x00\x00\xff\xff12"...), 0.5, "start no chunk"},
		"alien chunk":           {slices.Concat(plain[:14], []byte("XFIH\x00\x00\x00\x02ab"), plain[14:]), 0.5, "skipped"},
		"65,535 announced":      {file(1, 0xffff, 96, oneNote+endOfTrack), 0.5, "announces 65535"},
		"song position skipped": {file(0, 1, 96, "\x00\xf2\x01\x02"+oneNote+endOfTrack), 0.5, "0xf2"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(tc.data)
			require.NoError(t, err)
			require.Len(t, s.Notes, 1)
			n := s.Notes[0]
			assert.Equal(t, [2]uint8{60, 64}, [2]uint8{n.Pitch, n.Velocity})
			assert.Equal(t, int64(96), n.OffTick)
			assert.InDelta(t, tc.off, n.Off, 1e-12)
			if tc.faults == "" {
				assert.Empty(t, s.Faults)
			} else {
				assert.Contains(t, strings.Join(s.Faults, "\n"), tc.faults)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":             {nil, "the file is empty"},
		"text":              {[]byte("not a midi file"), `starts with "not a mi"`},
		"MIDI 2.0":          {[]byte("SMF2CLIP\x00\x40"), "MIDI 2.0"},
		"only a header":     {file(1, 1, 96), "no track"},
		"half a header":     {[]byte("MThd\x00\x00\x00\x06\x00"), "header is cut short"},
		"header of 4":       {[]byte("MThd\x00\x00\x00\x04\x00\x01\x00\x01\x00\x60"), "length is 4"},
		"header of 4 GB":    {[]byte("MThd\xff\xff\xff\xff\x00\x01\x00\x01\x00\x60"), "header is cut short"},
		"format 3":          {file(3, 1, 96, oneNote), "format 3"},
		"division 0":        {file(1, 1, 0, oneNote), "division is 0"},
		"SMPTE rate 16":     {file(1, 1, 0xf060, oneNote), "16 SMPTE frames"},
		"SMPTE of 0 ticks":  {file(1, 1, 0xe700, oneNote), "at least 1 tick"},
		"track of 4 GB":     {append(file(0, 1, 96), "MTrk\xff\xff\xff\xff\x00"...), "track 1 claims 4294967295 bytes, 1 are left"},
		"second cut short":  {append(file(1, 2, 96, oneNote+endOfTrack), "MTrk\x00\x00\x00\x09\x00"...), "track 2 claims 9"},
		"meta of 256 MB":    {file(0, 1, 96, "\x00\xff\x01\xff\xff\xff\x7f"), "claims 268435455 bytes"},
		"sysex of 256 MB":   {file(0, 1, 96, "\x00\xf0\xff\xff\xff\x7f"), "claims 268435455 bytes"},
		"long quantity":     {file(0, 1, 96, "\x80\x80\x80\x80\x00\x90\x3c\x40"), "more than four bytes"},
		"no status":         {file(0, 1, 96, "\x00\x3c\x40"), "without a status"},
		"status not shared": {file(1, 2, 96, oneNote+endOfTrack, "\x00\x3c\x40"), "track 2, byte 43: data byte 0x3c without a status"},
		"data byte":         {file(0, 1, 96, "\x00\x90\x3c\x90"), "0x90 where a data byte"},
		"cut in an event":   {file(0, 1, 96, "\x00\x90\x3c"), "ends inside a message"},
		"RMID of nothing":   {[]byte("RIFF\x00\x00\x00\x00RMIDdata\x04\x00\x00\x00abcd"), "RMID without"},
		"RMID of 4 GB":      {[]byte("RIFF\x00\x00\x00\x00RMIDINFO\xff\xff\xff\xff"), "RMID without"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a song.mid")
			require.NoError(t, os.WriteFile(path, tc.data, 0o600))
			_, err := Read(path)
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, path)
		})
	}
}

// Format 2 holds independent pieces: the second starts when the first is over, at a tempo
// of its own.
func TestFormat2(t *testing.T) {
	s, err := Parse(file(2, 2, 96, "\x00\xff\x51\x03\x0f\x42\x40"+oneNote+"\x60\xff\x2f\x00", "\x00\xff\x58\x04\x03\x02\x18\x08"+oneNote+endOfTrack))
	require.NoError(t, err)
	require.Len(t, s.Notes, 2)
	assert.Equal(t, int64(192), s.Notes[1].OnTick)
	assert.InDelta(t, 2, s.Notes[1].On, 1e-12)
	assert.InDelta(t, 2.5, s.Notes[1].Off, 1e-12)
	assert.Equal(t, []TimeSignature{{0, 4, 4}, {192, 3, 4}}, s.TimeSignatures)
	assert.InDelta(t, 120, s.Tempo[1].BPM(), 1e-12)
}

func TestOverlapsPairFirstToFirst(t *testing.T) {
	s, err := Parse(file(0, 1, 96, "\x00\x90\x3c\x01\x0a\x3c\x02\x0a\x3c\x00\x0a\x3c\x03\x0a\x3c\x00\x0a\x3c\x00\x00\x3c\x00"+endOfTrack))
	require.NoError(t, err)
	var spans [][3]int64
	for _, n := range s.Notes {
		spans = append(spans, [3]int64{int64(n.Velocity), n.OnTick, n.OffTick})
	}
	assert.Equal(t, [][3]int64{{1, 0, 20}, {2, 10, 40}, {3, 30, 50}}, spans)
}

func TestReadNeedsARegularFileOfModestSize(t *testing.T) {
	dir := t.TempDir()
	_, err := Read(dir)
	require.ErrorContains(t, err, "not a regular file")
	_, err = Read(filepath.Join(dir, "none.mid"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.mid"), 0o600))
	_, err = Read(filepath.Join(dir, "pipe.mid")) // would block for ever
	require.ErrorContains(t, err, "not a regular file")
	big := filepath.Join(dir, "big.mid")
	require.NoError(t, os.WriteFile(big, nil, 0o600))
	require.NoError(t, os.Truncate(big, 1<<32))
	_, err = Read(big)
	require.ErrorContains(t, err, "files above 8 MB are not read")
}

// Reading the densest files of the greatest size takes less than 200 MB. TotalAlloc also
// counts the memory that the collector took back, so it bounds the resident memory.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("parses several files of 8 MB")
	}
	half := (MaxBytes - 100) / 2
	for name, data := range map[string][]byte{
		"notes":    file(0, 1, 96, "\x00\x90\x3c\x40"+strings.Repeat("\x01\x3c\x40", 2*half/3-8)),
		"chords":   file(1, 2, 96, "\x00\x90\x3c\x40"+strings.Repeat("\x00\x3c\x40", half/3-8), "\x00\x90\x3b\x40"+strings.Repeat("\x00\x3b\x40", half/3-8)),
		"controls": file(1, 2, 96, "\x00\xb0\x40\x40"+strings.Repeat("\x01\x40\x40", half/3-8), "\x00\xb0\x40\x40"+strings.Repeat("\x01\x40\x40", half/3-8)),
		"tempi":    file(1, 1, 96, strings.Repeat("\x01\xff\x51\x03\x01\x02\x03", 2*half/7-8)),
		"faults":   file(0, 1, 96, strings.Repeat("\x00\xf8", half-8)),
		"tracks":   slices.Concat(file(1, 0xffff, 96), []byte(strings.Repeat("MTrk\x00\x00\x00\x04\x00\x90\x3c\x40", 65535))),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := Parse(data)
			runtime.ReadMemStats(&after)
			require.NoError(t, err)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(190<<20-len(data)))
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(1, 2, 96, "\x00\xff\x51\x03\x0f\x42\x40"+oneNote+endOfTrack, oneNote))
	f.Add(file(2, 2, 0xe728, oneNote+endOfTrack, "\x00\xf0\x03\x01\x02\xf7\x00\xf2\x01\x02"+oneNote))
	f.Add([]byte("RIFF\x00\x00\x00\x00RMIDdata\xff\xff\xff\xff" + string(file(0, 1, 1, oneNote))))
	if mido, err := os.ReadFile("testdata/mido.mid"); err == nil {
		f.Add(mido)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		for i, n := range s.Notes {
			ok := n.Pitch < 128 && n.Velocity > 0 && n.Velocity < 128 && n.Channel < 16 &&
				n.OnTick >= 0 && n.OffTick >= n.OnTick && n.OffTick <= s.EndTick &&
				n.On >= 0 && n.Off >= n.On && !math.IsInf(n.Off, 0)
			if !ok || i > 0 && compareNotes(s.Notes[i-1], n) > 0 {
				t.Fatalf("note %d: %+v", i, n)
			}
		}
		for i, c := range s.Controls {
			if c.Controller > 127 || c.Value > 127 || i > 0 && c.Time < s.Controls[i-1].Time {
				t.Fatalf("control %d: %+v", i, c)
			}
		}
		if histogram, err := s.PitchHistogram(); err == nil {
			var sum float64
			for _, v := range histogram {
				sum += float64(v)
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Fatalf("the histogram's sum is %g", sum)
			}
		}
	})
}
