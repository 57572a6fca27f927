// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Where files without a name are not to be had, a failed write leaves nothing either.
func TestNamedTemporary(t *testing.T) {
	dir := t.TempDir()
	temp := filepath.Join(dir, ".x.pt.tmp-1")
	failed := errors.New("failed")
	err := writeNamed(temp, 0, func(w io.Writer) error {
		assert.FileExists(t, temp)
		return failed
	})
	require.ErrorIs(t, err, failed)
	assert.Empty(t, names(t, dir))
	require.NoError(t, writeNamed(temp, 0o600, func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }))
	info, err := os.Stat(temp)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// What fails half-way leaves the old content, and nothing else.
func TestReplaceOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write := func(text string, err error) error {
		return Replace(path, func(w io.Writer) error {
			_, e := io.WriteString(w, text)
			return errors.Join(e, err)
		})
	}
	require.NoError(t, write("old", nil))
	require.ErrorIs(t, write("new, half", io.ErrShortWrite), io.ErrShortWrite)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(b))
	require.NoError(t, write("new", nil))
	b, err = os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "new", string(b))
	assert.Equal(t, []string{"a"}, names(t, filepath.Dir(path)))
}
