// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// pitches returns the pitches of a song and how often each occurs, as text.
func pitches(s *Song) string {
	var count [Pitches]int
	for _, n := range s.Notes {
		count[n.Pitch]++
	}
	var text []string
	for p, n := range count {
		if n > 0 {
			text = append(text, fmt.Sprintf("%d:%d", p, n))
		}
	}
	return strings.Join(text, " ")
}

// The expected notes are those that mido 1.3.3 reads (with clip=True, so that values above
// 127 become 127). Where mido fails on the length of a track, on stray bytes or on another
// chunk, they are those of the file before it was damaged.
func TestReportedFiles(t *testing.T) {
	dir := torchtest.SharedData(t, "regressions", "midi")
	const (
		low      = "36:1 37:1 38:1 39:1 40:1 41:1 42:1 43:1"
		mid      = "60:1 61:1 62:1 63:1 64:1 65:1 66:1 67:1"
		high     = "72:1 73:1 74:1 75:1 76:1 77:1 78:1 79:1"
		good     = low + " " + mid + " " + high
		noRemark = ""
	)
	want := map[string]struct{ pitches, remark string }{
		"announced5.mid":    {good, "the header announces 5 tracks, 4 are there"},
		"bend0x87.mid":      {mid, "byte 44: the data byte 135 was read as 127, the largest"},
		"bigdelta_open.mid": {"50:1 " + mid, "byte 121: a delta time of 268435455 ticks, the longest there is: it may stand for one below 0"},
		"cc255.mid":         {mid, "byte 52: the data byte 255 was read as 127, the largest"},
		"good.mid":          {good, noRemark},
		"mido480_all.mid":   {good, "track 4 claims 71 bytes and has 68: what follows its events is read next"},
		"mido480_last.mid":  {good, "track 4 claims 72 bytes and has 68: what follows its events is read next"},
		"mido480_mid.mid":   {good, "track 2 claims 72 bytes and has 68: what follows its events is read next"},
		"mido480_short.mid": {good, "track 2 claims 64 bytes and has 68: what follows its events is read next"},
		"overlap.mid":       {"60:2", noRemark},
		"padded.mid":        {good, "1 stray bytes before track 2 were skipped"},
		"prog255.mid":       {low + " " + mid, "byte 43: the data byte 255 was read as 127, the largest"},
		"seqnum0.mid":       {mid, noRemark},
		"sjis.mid":          {mid, noRemark},
		"stray1.mid":        {good, "1 stray bytes at the end were ignored"},
		"stray6.mid":        {good, "6 stray bytes at the end were ignored"},
		"tempo2.mid":        {mid + " " + high, noRemark},
		"ts1.mid":           {"36:24", noRemark},
		"ts2.mid":           {"36:24", noRemark},
		"vel150.mid":        {"59:1 " + mid, "byte 44: the data byte 150 was read as 127, the largest"},
		"vendor.mid":        {mid, `a chunk "XFIH" of 4 bytes was skipped`},
		"verovio.mid":       {"60:10", noRemark},
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	songs := map[string]*Song{}
	for _, path := range files {
		name := filepath.Base(path)
		w, ok := want[name]
		require.True(t, ok, "%s has no value in this test", name)
		s, err := Read(path)
		require.NoError(t, err)
		assert.Equal(t, w.pitches, pitches(s), name)
		if w.remark == noRemark {
			assert.Empty(t, s.Faults, name)
		} else {
			assert.Contains(t, s.Faults, w.remark, name)
		}
		songs[name] = s
	}

	span := func(name string, i int) [2]int64 { n := songs[name].Notes[i]; return [2]int64{n.OnTick, n.OffTick} }
	assert.Equal(t, [2]int64{0, 96}, span("overlap.mid", 0), "the first note-off ends the first note")
	assert.Equal(t, [2]int64{48, 144}, span("overlap.mid", 1))
	for i := range 9 { // a note starts at the tick at which the one before ends, before it ends
		assert.Equal(t, [2]int64{int64(48 * i), int64(48 * (i + 1))}, span("verovio.mid", i))
	}
	assert.InDelta(t, 260869e-6/2, songs["tempo2.mid"].Notes[0].Off, 1e-9, "the tempo of the second track holds for the first")
	assert.Equal(t, songs["ts1.mid"].TimeSignatures, songs["ts2.mid"].TimeSignatures, "the signature of the second track")
	assert.Equal(t, []TimeSignature{{0, 3, 4}}, songs["ts2.mid"].TimeSignatures)
	assert.Equal(t, uint8(127), songs["vel150.mid"].Notes[0].Velocity)
	assert.Equal(t, uint8(127), songs["cc255.mid"].Controls[0].Value)
	last := songs["bigdelta_open.mid"].Notes[8]
	assert.Equal(t, last.OnTick+1<<28-1, last.OffTick, "held over the longest delta time there is")
}

// In files with wrong lengths and stray bytes, a track after the damage is never lost
// without an error.
func TestTrackLengths(t *testing.T) {
	first, second := oneNote+endOfTrack, "\x00\x90\x3e\x40\x60\x80\x3e\x00"+endOfTrack
	whole := file(1, 2, 96, first, second)
	at := len(file(1, 2, 96)) // the first track's header
	resize := func(delta int) []byte {
		b := slices.Clone(whole)
		binary.BigEndian.PutUint32(b[at+4:], uint32(len(first)+delta))
		return b
	}
	insert := func(offset int, stray string) []byte {
		return slices.Insert(slices.Clone(whole), offset, []byte(stray)...)
	}
	between := at + 8 + len(first)
	for name, tc := range map[string]struct {
		data         []byte
		remark, fail string
	}{
		"too long by 1":             {resize(1), "claims 13 bytes and has 12", ""},
		"too long by 7":             {resize(7), "claims 19 bytes and has 12", ""},
		"too long by 30":            {resize(30), "claims 42 bytes and has 12", ""},
		"over both tracks":          {resize(8 + len(second)), "claims 32 bytes and has 12", ""},
		"beyond the file":           {resize(1000), "claims 1012 bytes and has 12", ""},
		"too short by 1":            {resize(-1), "claims 11 bytes and has 12", ""},
		"too short by an event":     {resize(-4), "claims 8 bytes and has 12", ""},
		"of nothing":                {resize(-len(first)), "claims 0 bytes and has 12", ""},
		"4 GB":                      {resize(-len(first) - 1), "", "track 1 claims 4294967295 bytes"},
		"a stray byte":              {insert(between, "\x00"), "1 stray bytes before track 2", ""},
		"9 stray bytes":             {insert(between, "123456789"), "9 stray bytes before track 2", ""},
		"stray bytes like a chunk":  {insert(between, "abcd\x00\x00\x00\x02123"), "1 stray bytes before track 2", ""},
		"a chunk of 30 that has 2":  {insert(between, "abcd\x00\x00\x00\x1e12"), "10 stray bytes before track 2", ""},
		"after the header":          {insert(at, "\x00"), "1 stray bytes before track 1", ""},
		"no end of track, too long": {slices.Concat(whole[:at], []byte("MTrk\x00\x00\x00\x0a"), []byte(oneNote), whole[between:]), "", "track 1"},
		"a damaged name":            {bytes.Replace(whole, []byte("MTrk"), []byte("MTrx"), 1), "", `the chunk "MTrx" holds notes`},
		"cut in the second's name":  {whole[:between+4], "", "announces 2 tracks, 1 are there"},
		"cut and too long":          {resize(8 + len(second))[:between], "", "announces 2 tracks, 1 are there"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(tc.data)
			if tc.fail != "" {
				require.ErrorContains(t, err, tc.fail)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "60:1 62:1", pitches(s))
			assert.Contains(t, strings.Join(s.Faults, "\n"), tc.remark)
		})
	}
}

// Data bytes above 127 are read if every track ends where it should.
func TestHighDataBytes(t *testing.T) {
	loud := "\x00\x90\x3c\xc8\x60\x80\x3c\xff" + endOfTrack
	s, err := Parse(file(1, 2, 96, loud, oneNote+endOfTrack))
	require.NoError(t, err)
	require.Len(t, s.Notes, 2)
	assert.Equal(t, uint8(127), s.Notes[0].Velocity)
	assert.Equal(t, []string{"byte 25: the data byte 200 was read as 127, the largest", "byte 29: the data byte 255 was read as 127, the largest"}, s.Faults)

	for name, data := range map[string][]byte{
		"no end of track":         file(0, 1, 96, "\x00\x90\x3c\xc8\x60\x80\x3c\x00"),
		"events after the end":    file(0, 1, 96, loud+"\x00\x00"),
		"another track's length":  append(file(1, 2, 96, loud), "MTrk\x00\x00\x00\x05"+endOfTrack...),
		"the second lacks an end": file(1, 2, 96, loud, oneNote),
	} {
		_, err := Parse(data)
		require.ErrorContains(t, err, "track 1, byte 25: 0xc8 where a data byte below 0x80 should be", name)
	}
}

// composed returns an undamaged file of random tracks.
func composed(r *rand.Rand) (data []byte, headers []int) {
	n := 2 + r.IntN(5)
	data = file(1, uint16(n), 96)
	for range n {
		body, status := "", byte(0)
		for range 5 + r.IntN(60) {
			body += string([]byte{byte(r.IntN(128))})
			switch kind := r.IntN(12); {
			case kind == 0:
				body += "\xff\x01\x05hello"
			case kind == 1:
				body += "\xf0\x03\x01\x02\xf7"
			case kind == 2:
				status = 0xc0
				body += string([]byte{status, byte(r.IntN(128))})
			default:
				next := []byte{0x80, 0x90, 0xb0}[r.IntN(3)] | byte(r.IntN(2))
				if next != status || r.IntN(2) == 0 {
					status = next
					body += string([]byte{status})
				}
				body += string([]byte{byte(r.IntN(128)), byte(r.IntN(128))})
			}
		}
		headers = append(headers, len(data))
		data = append(data, track(body+endOfTrack)...)
	}
	return data, headers
}

// damageLength changes the length of a track in one of the ways that occur: by a few
// bytes, to one flipped bit, to the other byte order, to any number, to 0 or to all ones.
func damageLength(r *rand.Rand, field []byte, fileSize int) {
	size := binary.BigEndian.Uint32(field)
	switch r.IntN(7) {
	case 0, 1:
		size += uint32(r.IntN(17) - 8)
	case 2:
		size ^= 1 << r.IntN(32)
	case 3:
		size = binary.LittleEndian.Uint32(field)
	case 4:
		size = r.Uint32()
	case 5:
		size = uint32(r.IntN(fileSize + 10))
	case 6:
		size = []uint32{0, 1<<32 - 1}[r.IntN(2)]
	}
	binary.BigEndian.PutUint32(field, size)
}

// A damaged length gives all notes or an error, never fewer notes.
func TestDamagedLengthsLoseNoNotes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	read, refused := 0, 0
	check := func(data []byte, headers []int, what string) {
		t.Helper()
		sound, err := Parse(data)
		require.NoError(t, err, what)
		require.Empty(t, sound.Faults)
		bad := slices.Clone(data)
		for range 1 + r.IntN(2) {
			at := headers[r.IntN(len(headers))]
			damageLength(r, bad[at+4:at+8], len(bad))
		}
		stray := r.IntN(3) == 0
		if stray {
			junk := make([]byte, 1+r.IntN(12))
			for i := range junk {
				junk[i] = byte(r.Uint32())
			}
			bad = slices.Insert(bad, headers[r.IntN(len(headers))], junk...)
		}
		got, err := Parse(bad)
		if err != nil {
			refused++
			return
		}
		read++
		require.Equal(t, sound.Notes, got.Notes, what)
		require.True(t, bytes.Equal(bad, data) || len(got.Faults) > 0, "%s: no remark", what)
	}
	for i := range 500 {
		data, headers := composed(r)
		check(data, headers, fmt.Sprint("file ", i))
	}
	assert.Greater(t, read, 150)
	assert.Greater(t, refused, 10)
	t.Logf("%d read, %d refused", read, refused)

	mido, err := os.ReadFile("testdata/mido.mid")
	require.NoError(t, err)
	var headers []int
	for at := 14; at < len(mido); at += 8 + int(binary.BigEndian.Uint32(mido[at+4:])) {
		headers = append(headers, at)
	}
	require.Len(t, headers, 3)
	for i := range 500 {
		check(mido, headers, fmt.Sprint("mido.mid, damage ", i))
	}
}
