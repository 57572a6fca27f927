// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"gitlab.com/gomidi/midi/v2/smf"

	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestMalformedFiles follows the suggestions of the collection. Where they leave a choice,
// an error and notes are both right. The counts are mido's.
func TestMalformedFiles(t *testing.T) {
	dir := torchtest.SharedData(t, "bad_midi")
	count := regexp.MustCompile(`^ok .*note_ons=(\d+)`)
	outcomes := map[string]int{}
	for _, row := range musictest.Table(t, filepath.Join(dir, "index.csv")) {
		name, suggested := row["file"], row["suggested"]
		song, err := Read(filepath.Join(dir, name))
		if err != nil {
			require.ErrorContains(t, err, name)
			outcomes["error"]++
			require.NotContains(t, []string{"valid", "tolerate", "no notes"}, suggested, "%s: %v", name, err)
			continue
		}
		require.NotEqual(t, "error", suggested, "%s was read", name)
		require.NotContains(t, suggested, "no huge allocation", "%s was read", name)
		histogram, err := song.PitchHistogram()
		if suggested == "no notes" {
			require.ErrorIs(t, err, ErrNoNotes)
			require.ErrorContains(t, err, name)
			outcomes["no notes"]++
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, histogram, Pitches)
		if m := count.FindStringSubmatch(row["mido_clip"]); m != nil {
			want, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			require.Len(t, song.Notes, want, name)
			outcomes["as mido counts"]++
		} else {
			outcomes["read, mido refuses"]++
			t.Logf("%s: %d notes, faults: %q", name, len(song.Notes), song.Faults)
		}
	}
	t.Logf("%v", outcomes)
}

func TestReferenceHistograms(t *testing.T) {
	dir := torchtest.SharedData(t, "reference_hist")
	checked := 0
	for _, row := range musictest.Table(t, filepath.Join(dir, "index.csv")) {
		want := musictest.NPY(t, filepath.Join(dir, row["npy"]))

		midi := filepath.Base(row["midi"])
		var song *Song
		for _, folder := range []string{"training/midi", "training/dynamics_midi", "training/drums", "bad_midi"} {
			path := filepath.Join(dir, "..", folder, midi)
			if _, err := os.Stat(path); err == nil {
				song, err = Read(path)
				require.NoError(t, err)
			}
		}
		if song == nil {
			t.Logf("%s is not here", row["midi"])
			continue
		}
		checked++
		got, err := song.PitchHistogram()
		if row["note_ons"] == "0" {
			require.ErrorIs(t, err, ErrNoNotes)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, got, row["midi"]) // every bit
	}
	require.NotZero(t, checked)
	t.Logf("%d references", checked)
}

// TestAgreesWithLibrary compares the events of undamaged files with those of gomidi.
func TestAgreesWithLibrary(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(torchtest.SharedData(t, "training"), "*", "*.mid"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		want, err := smf.ReadFile(path)
		require.NoError(t, err)
		song, err := Read(path)
		require.NoError(t, err)
		require.Empty(t, song.Faults, path)
		require.Equal(t, want.NumTracks(), uint16(song.Tracks))

		type event struct {
			track                  uint16
			tick                   int64
			first, second, channel uint8
		}
		var notes, controls, got []event
		for track, events := range want.Tracks {
			var tick int64
			for _, e := range events {
				tick += int64(e.Delta)
				var c, a, b uint8
				switch {
				case e.Message.GetNoteStart(&c, &a, &b):
					notes = append(notes, event{uint16(track), tick, a, b, c})
				case e.Message.GetControlChange(&c, &a, &b):
					controls = append(controls, event{uint16(track), tick, a, b, c})
				}
			}
		}
		for _, n := range song.Notes {
			got = append(got, event{n.Track, n.OnTick, n.Pitch, n.Velocity, n.Channel})
			micros := float64(want.TimeAt(n.OnTick))
			require.InDelta(t, micros, n.On*1e6, 2+1e-6*micros, path) // the library rounds to microseconds at each change
		}
		require.ElementsMatch(t, notes, got, path)
		got = nil
		for _, n := range song.Controls {
			got = append(got, event{n.Track, n.Tick, n.Controller, n.Value, n.Channel})
		}
		require.ElementsMatch(t, controls, got, path)
	}
	t.Logf("%d files", len(files))
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := Read("testdata/mido.mid"); err != nil {
			b.Fatal(err)
		}
	}
}
