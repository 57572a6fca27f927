// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package bridge_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// A table of entries compiles as it is; with two neighbours exchanged, with one left out
// or with one twice it does not, however alike their functions are.
func TestTablesCannotBeMixedUp(t *testing.T) {
	if _, err := exec.LookPath("g++"); err != nil {
		t.Skip("there is no g++")
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, bridge.Files()))
	entry := regexp.MustCompile(`^  E\(.*?\)`)
	for _, name := range []string{"entries.h", "cuda/entries.h"} {
		text, err := fs.ReadFile(bridge.Files(), name)
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		var at []int // the lines with an entry
		for i, line := range lines {
			if entry.MatchString(line) {
				at = append(at, i)
			}
		}
		require.Greater(t, len(at), 20, name)
		compiles := func(change func(entries []string) []string) bool {
			var entries []string
			for _, i := range at {
				entries = append(entries, entry.FindString(lines[i]))
			}
			entries = change(entries)
			changed := append([]string{}, lines[:at[0]]...)
			changed = append(changed, strings.Join(entries, " \\\n"))
			changed = append(changed, lines[at[len(at)-1]+1:]...)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(changed, "\n")), 0o600))
			return exec.Command("g++", "-std=c++20", "-fsyntax-only", filepath.Join(dir, filepath.Dir(name), "table.cpp")).Run() == nil
		}
		require.True(t, compiles(func(e []string) []string { return e }), "%s does not compile at all", name)
		for i := range len(at) - 1 {
			assert.False(t, compiles(func(e []string) []string { e[i], e[i+1] = e[i+1], e[i]; return e }), "%s: entries %d and %d exchanged", name, i, i+1)
		}
		assert.False(t, compiles(func(e []string) []string { return e[:len(e)-1] }), "%s without its last entry", name)
		assert.False(t, compiles(func(e []string) []string { return append(e, e[0]) }), "%s with an entry twice", name)
	}
}
