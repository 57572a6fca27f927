// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/models/music/midi"
)

func FuzzWindows(f *testing.F) {
	for _, s := range []*midi.Song{byHand(), song(repeat(30, 0, 60)...), random(rand.New(rand.NewPCG(7, 8)))} {
		var file bytes.Buffer
		require.NoError(f, midi.Write(&file, s.Notes, midi.WriteOptions{TicksPerQuarter: 500}))
		f.Add(file.Bytes())
	}
	// Two patterns with pedal in SMPTE time, and the highest tempo there is.
	notes := "\x00\xb0\x40\x7f\x00\x90\x3c\x40\x10\x3d\x41\x28\x3e\x42\x00\x3c\x00\x10\x3c\x40\x05\x3f\x01" +
		"\x05\x40\x02\x7f\x41\x03\x10\x42\x7f\x00\x43\x7f\x00\xb0\x40\x00\x00\xff\x2f\x00"
	f.Add(musictest.SMF(2, 0xe728, notes, notes))
	f.Add(musictest.SMF(1, 0x7fff, "\x00\xff\x51\x03\x00\x00\x01\x00\xff\x2f\x00", notes))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := midi.Parse(data)
		if err != nil {
			return
		}
		windows, err := Windows(s)
		if (err == nil) != (len(windows) > 0) {
			t.Fatalf("%d windows and the error %v", len(windows), err)
		}
		checkRanges(t, windows)
	})
}

// checkRanges checks what holds for every window of any file.
func checkRanges(t *testing.T, windows []Window) {
	t.Helper()
	for k, w := range windows {
		if len(w.Input) != Inputs || len(w.Target) != Outputs || !(w.End > w.Start) || k > 0 && w.Start < windows[k-1].End {
			t.Fatalf("window %d from %g to %g, of %d and %d numbers", k, w.Start, w.End, len(w.Input), len(w.Target))
		}
		for i, v := range w.Input {
			lowest := float32(0)
			if i >= 18 && i < 22 {
				lowest = -1
			}
			if !(v >= lowest && v <= 1) {
				t.Fatalf("window %d: %s is %g", k, InputNames()[i], v)
			}
		}
		for i, v := range w.Target {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("window %d: %s is %g", k, OutputNames()[i], v)
			}
		}
	}
}
