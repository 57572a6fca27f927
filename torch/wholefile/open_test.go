// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build unix

package wholefile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o666))
	for _, path := range []string{pipe, dir, os.DevNull} {
		_, _, err := Open(path)
		assert.EqualError(t, err, "it is not a regular file", path)
	}
	_, _, err := Open(filepath.Join(dir, "absent"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestOpenSparse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, make([]byte, 10_000), 0o666))
	require.NoError(t, os.Truncate(path, mostHoles+10_000))
	f, size, err := Open(path)
	require.NoError(t, err, "not large enough to matter")
	assert.EqualValues(t, mostHoles+10_000, size)
	at, err := f.Seek(0, 1)
	require.NoError(t, err)
	assert.Zero(t, at)
	require.NoError(t, f.Close())

	if err := os.Truncate(path, 300<<30); err != nil {
		t.Skip(err)
	}
	if holes, err := os.Stat(path); err != nil || holes.Sys().(*syscall.Stat_t).Blocks*512 > 1<<30 {
		t.Skip("the file system has no sparse files")
	}
	_, _, err = Open(path)
	assert.ErrorContains(t, err, "it has 322122547200 bytes, of which only 1")
	assert.ErrorContains(t, err, "were ever written")
}
