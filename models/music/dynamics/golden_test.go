// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dynamics

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/internal/musictest"
	"github.com/etude-ml/etude/models/music/midi"
)

// reference is a window as testdata/gen_dynamics.py, which was written from the description
// alone, computes it.
type reference struct {
	Start         float64
	Input, Target []float64
}

// goldenTolerance is four roundings of a float32 near 1: the reference computes in
// float64, on exact times, and prints nine digits.
const goldenTolerance = 2.4e-7

// TestReferences compares with the golden file, and real performances with what the script
// computes now.
func TestReferences(t *testing.T) {
	read := func(t *testing.T, path string) ([]Window, error) {
		song, err := midi.Read(path)
		require.NoError(t, err)
		return Windows(song)
	}
	musictest.Windows(t, "testdata/dynamics.json", "testdata/gen_dynamics.py", "*midi/*.mid", read, func(t *testing.T, want reference, got Window, file string) {
		assert.InDelta(t, want.Start, got.Start, 1e-6, file)
		for k, name := range InputNames() {
			assert.InDelta(t, want.Input[k], got.Input[k], goldenTolerance, "%s, window at %g s: %s", file, want.Start, name)
		}
		for k, name := range OutputNames() {
			assert.InDelta(t, want.Target[k], got.Target[k], goldenTolerance, "%s, window at %g s: %s", file, want.Start, name)
		}
	})
}
