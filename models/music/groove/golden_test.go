// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch/torchtest"
)

// reference is what testdata/gen_groove.py, written from the description alone,
// says of a file.
type reference struct {
	File    string
	Windows []struct {
		FirstBar int `json:"first_bar"` // from 0
		Bars     int
		Target   []float64
	}
}

// goldenTolerance is two roundings of a float32 near 1: the reference prints nine
// digits.
const goldenTolerance = 1.2e-7

func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/groove.json")
	require.NoError(t, err)
	var all []reference
	require.NoError(t, json.Unmarshal(text, &all))
	require.NotEmpty(t, all)
	for _, want := range all {
		want.File = filepath.Join("testdata", want.File)
		want.compare(t)
	}
}

// The same of real drumming, at the time of the test.
func TestRealAgainstPython(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(torchtest.SharedData(t), "training", "*", "*.mid"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	torchtest.Python(t)
	lines := bytes.Split(bytes.TrimSpace(torchtest.RunPython(t, "testdata/gen_groove.py", files...)), []byte("\n"))
	require.Len(t, lines, len(files))
	windows := 0
	for i, line := range lines {
		var want reference
		require.NoError(t, json.Unmarshal(line, &want))
		want.File = files[i]
		want.compare(t)
		windows += len(want.Windows)
	}
	t.Logf("%d windows of %d files", windows, len(files))
}

func (want reference) compare(t *testing.T) {
	t.Helper()
	song, err := midi.Read(want.File)
	require.NoError(t, err)
	windows, err := Windows(song)
	if len(want.Windows) == 0 {
		assert.Error(t, err, want.File)
		return
	}
	require.NoError(t, err, want.File)
	require.Len(t, windows, len(want.Windows), want.File)
	for i, w := range want.Windows {
		assert.Equal(t, []int{w.FirstBar + 1, w.Bars}, []int{windows[i].FirstBar, windows[i].Bars}, want.File)
		for k, name := range OutputNames() {
			assert.InDelta(t, w.Target[k], windows[i].Target[k], goldenTolerance, "%s, bar %d: %s", want.File, w.FirstBar+1, name)
		}
	}
}
