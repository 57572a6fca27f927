// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub/.hidden"), 0o700))
	for _, name := range []string{"b.MID", "sub/a.mid", "c.wav", ".d.mid", "sub/.hidden/e.mid"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "link.mid")))
	files, skipped, err := dataset.List(dir, dataset.MelodySource.Reads())
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "b.MID"), filepath.Join(dir, "sub/a.mid")}, files)
	require.Len(t, skipped, 1)
	assert.Equal(t, filepath.Join(dir, "link.mid"), skipped[0].Name)
	_, _, err = dataset.List(filepath.Join(dir, "none"), nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
