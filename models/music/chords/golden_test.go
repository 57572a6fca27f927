// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestGolden compares with testdata/gen_chords.py, which was written from the description
// alone: the classes of names, and the names that cannot be read. The samples of its
// progressions are compared in package dataset, which reads them from files.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/chords.json")
	require.NoError(t, err)
	var golden struct {
		Names      [][3]any
		Unreadable []string
	}
	require.NoError(t, json.Unmarshal(text, &golden))
	require.NotEmpty(t, golden.Names)
	for _, n := range golden.Names {
		tonic, err := ParseKey(n[1].(string))
		require.NoError(t, err)
		c, err := Parse(n[0].(string))
		if assert.NoError(t, err) {
			assert.EqualValues(t, n[2], c.Class(tonic), "%v in %v", n[0], n[1])
		}
	}
	require.NotEmpty(t, golden.Unreadable)
	for _, name := range golden.Unreadable {
		_, err := Parse(name)
		assert.Error(t, err, name)
	}
}
