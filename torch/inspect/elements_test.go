// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package inspect_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Elements have the values that PyTorch gives them.
func TestElements(t *testing.T) {
	dir := t.TempDir()
	torchtest.RunPython(t, "testdata/elements.py", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.raw"))
	require.NoError(t, err)
	assert.Len(t, files, 16)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".raw")
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		want, err := os.ReadFile(filepath.Join(dir, name+".f64"))
		require.NoError(t, err)
		e, ok := inspect.ElementOf(name)
		require.True(t, ok, name)
		wrong := 0
		require.Len(t, want, len(raw)/e.Size*8, name)
		for i := range len(raw) / e.Size {
			x, y := real(e.Read(raw[i*e.Size:])), math.Float64frombits(binary.LittleEndian.Uint64(want[8*i:]))
			if x != y && !(math.IsNaN(x) && math.IsNaN(y)) || math.Signbit(x) != math.Signbit(y) && x == 0 {
				if wrong++; wrong == 1 {
					t.Errorf("%s: element %d is %v, in PyTorch %v", name, i, x, y)
				}
			}
		}
		assert.Zero(t, wrong, name)
	}
}
