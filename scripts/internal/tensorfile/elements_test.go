// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		e, wrong := elementTypes[name], 0
		require.Len(t, want, len(raw)/e.size*8, name)
		for i := range len(raw) / e.size {
			x, y := real(e.read(raw[i*e.size:])), math.Float64frombits(u64(want[8*i:]))
			if x != y && !(math.IsNaN(x) && math.IsNaN(y)) || math.Signbit(x) != math.Signbit(y) && x == 0 {
				if wrong++; wrong == 1 {
					t.Errorf("%s: element %d is %v, in PyTorch %v", name, i, x, y)
				}
			}
		}
		assert.Zero(t, wrong, name)
	}
}

func TestCompareElements(t *testing.T) {
	i16, b := elementTypes["int16"], elementTypes["uint8"]
	d := compareElements([]byte{1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}, []byte{1, 0, 2, 0, 3, 0, 4, 0, 0xfb, 0xff, 6, 0}, i16, i16, true, []int{2, 3})
	assert.Equal(t, &ElementDiff{Count: 6, Differ: 1, MaxAbsDiff: 10, At: []int{1, 1}}, d)
	d = compareElements([]byte{1, 0, 2, 0}, []byte{1, 2}, i16, b, false, []int{2})
	assert.Equal(t, &ElementDiff{Count: 2}, d, "other types, the same values")

	f := elementTypes["float16"]
	nan, inf, one := []byte{0, 0x7e}, []byte{0, 0x7c}, []byte{0, 0x3c}
	assert.Equal(t, &ElementDiff{Count: 1}, compareElements(nan, nan, f, f, true, nil), "the same bits")
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, NonFinite: 1}, compareElements(nan, one, f, f, true, nil))
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, NonFinite: 1}, compareElements(inf, one, f, f, true, nil))
	assert.Equal(t, &ElementDiff{Count: 1, Differ: 1, At: []int{}}, compareElements([]byte{0, 0}, []byte{0, 0x80}, f, f, true, nil), "minus zero")
	assert.Equal(t, &ElementDiff{Count: 0}, compareElements(nil, nil, f, f, true, []int{0, 3}))
}
