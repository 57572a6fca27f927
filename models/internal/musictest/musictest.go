// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package musictest holds what the tests of the packages of music share.
package musictest

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// SMF returns a Standard MIDI File, with a track of each body.
func SMF(format, division uint16, bodies ...string) []byte {
	b := []byte("MThd\x00\x00\x00\x06")
	for _, v := range []uint16{format, uint16(len(bodies)), division} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	for _, body := range bodies {
		b = append(binary.BigEndian.AppendUint32(append(b, "MTrk"...), uint32(len(body))), body...)
	}
	return b
}

// Table reads a csv file as one map for each row.
func Table(t *testing.T, path string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	var table []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, v := range row {
			m[rows[0][i]] = v
		}
		table = append(table, m)
	}
	return table
}

// NPY reads a one-dimensional array of float32 that NumPy wrote.
func NPY(t *testing.T, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "\x93NUMPY\x01\x00", string(b[:8]))
	start := 10 + int(binary.LittleEndian.Uint16(b[8:]))
	require.Contains(t, string(b[10:start]), "'<f4'")
	values := b[start:]
	out := make([]float32, len(values)/4)
	_, err = binary.Decode(values, binary.LittleEndian, out)
	require.NoError(t, err)
	return out
}

// reference holds the windows of a MIDI file that a script in Python found, none for a
// file that has none or cannot be read.
type reference[W any] struct {
	File    string
	Windows []W
}

// Windows compares the windows that read finds in files with references of type W: those in
// the golden file, of files beside it, and those that the script prints now for the real
// files of the pattern below training. same compares one window.
func Windows[W, G any](t *testing.T, golden, script, pattern string, read func(t *testing.T, path string) ([]G, error), same func(t *testing.T, want W, got G, file string)) {
	compare := func(t *testing.T, references []reference[W]) {
		require.NotEmpty(t, references)
		count := 0
		for _, r := range references {
			windows, err := read(t, r.File)
			if len(r.Windows) == 0 {
				assert.Error(t, err, r.File)
				continue
			}
			require.NoError(t, err, r.File)
			require.Len(t, windows, len(r.Windows), r.File)
			for i, w := range r.Windows {
				same(t, w, windows[i], r.File)
			}
			count += len(windows)
		}
		t.Logf("%d windows of %d files", count, len(references))
	}
	t.Run("golden", func(t *testing.T) {
		var references []reference[W]
		torchtest.Golden(t, golden, &references)
		for i, r := range references {
			references[i].File = filepath.Join(filepath.Dir(golden), r.File)
		}
		compare(t, references)
	})
	t.Run("real", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(torchtest.SharedData(t, "training"), pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		torchtest.Python(t)
		references := make([]reference[W], len(files))
		lines := json.NewDecoder(bytes.NewReader(torchtest.RunPython(t, script, files...)))
		for i, file := range files {
			require.NoError(t, lines.Decode(&references[i]))
			references[i].File = file
		}
		require.False(t, lines.More())
		compare(t, references)
	})
}
