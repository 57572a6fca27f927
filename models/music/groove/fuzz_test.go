// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/models/music/midi"
)

func FuzzWindows(f *testing.F) {
	for _, s := range []*midi.Song{
		song(hit{0, 127}, hit{59, 27}, hit{60, 50}, hit{1980, 100}, hit{3780, 77}),
		song(hit{0, 1}, hit{7680, 2}, hit{15000, 3}, hit{20000, 4}, hit{1 << 20, 5}),
	} {
		var file bytes.Buffer
		require.NoError(f, midi.Write(&file, s.Notes, midi.WriteOptions{}))
		f.Add(file.Bytes())
	}
	// Changes of time signature and tempo inside bars; two patterns in SMPTE time.
	const (
		signatures = "\x00\xff\x58\x04\x03\x03\x18\x08\x05\xff\x58\x04\x07\x07\x18\x08\x81\x00\xff\x51\x03\x00\x00\x01\x01\xff\x58\x04\xff\x00\x18\x08\x00\xff\x2f\x00"
		notes      = "\x00\x99\x24\x40\x10\x26\x41\x28\x24\x42\x81\x10\x2a\x40\x8f\x05\x24\x01\x00\xff\x2f\x00"
	)
	f.Add(musictest.SMF(1, 96, signatures, notes))
	f.Add(musictest.SMF(1, 1, signatures, notes))
	f.Add(musictest.SMF(2, 0xe728, signatures, notes, notes))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := midi.Parse(data)
		if err != nil {
			return
		}
		windows, err := Windows(s)
		if (err == nil) != (len(windows) > 0) {
			t.Fatalf("%d windows and the error %v", len(windows), err)
		}
		checkRanges(t, s, windows)
	})
}

// checkRanges checks what holds for the windows of any file.
func checkRanges(t *testing.T, s *midi.Song, windows []Window) {
	t.Helper()
	hits := 0
	for k, w := range windows {
		short := k == len(windows)-1 && w.Bars >= 1 && w.Hits >= MinHits
		if len(w.Target) != Outputs || w.FirstBar != 1+4*k || w.Bars != BarsPerWindow && !short {
			t.Fatalf("window %d: %+v", k, w)
		}
		for i, v := range w.Target {
			lowest := float32(0)
			if i >= Steps {
				lowest = -1
			}
			if !(v >= lowest && v <= 1) || i >= Steps && v != 0 && w.Target[i-Steps] == 0 {
				t.Fatalf("window %d: %s is %g", k, OutputNames()[i], v)
			}
		}
		hits += w.Hits
	}
	// Each note is one hit; the last few may be in no window.
	if left := len(s.Notes) - hits; len(windows) > 0 && (left < 0 || left >= MinHits) {
		t.Fatalf("%d hits of %d notes", hits, len(s.Notes))
	}
}
