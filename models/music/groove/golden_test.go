// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package groove

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/models/music/midi"
)

// reference is a window as testdata/gen_groove.py, which was written from the description
// alone, computes it.
type reference struct {
	FirstBar int `json:"first_bar"` // from 0
	Bars     int
	Target   []float64
}

// goldenTolerance is two roundings of a float32 near 1: the reference prints nine
// digits.
const goldenTolerance = 1.2e-7

// TestReferences compares with the golden file, and real drumming with what the script
// computes now.
func TestReferences(t *testing.T) {
	read := func(t *testing.T, path string) ([]Window, error) {
		song, err := midi.Read(path)
		require.NoError(t, err)
		return Windows(song)
	}
	musictest.Windows(t, "testdata/groove.json", "testdata/gen_groove.py", "*/*.mid", read, func(t *testing.T, want reference, got Window, file string) {
		assert.Equal(t, []int{want.FirstBar + 1, want.Bars}, []int{got.FirstBar, got.Bars}, file)
		for k, name := range OutputNames() {
			assert.InDelta(t, want.Target[k], got.Target[k], goldenTolerance, "%s, bar %d: %s", file, want.FirstBar+1, name)
		}
	})
}
