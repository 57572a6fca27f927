// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/dataset"
)

func TestFeatures(t *testing.T) {
	data := corpus(t)
	good := filepath.Join(data, "training/audio/piece-01-section-1.wav")
	bad := filepath.Join(t.TempDir(), "a \"bad\" <ü>.wav")
	require.NoError(t, os.WriteFile(bad, []byte("RIFF and no more"), 0o666))
	absent := filepath.Join(t.TempDir(), "none.wav")

	r := runWith(t, without(t), "features", "emotion", good, bad, absent, good)
	assert.Equal(t, 1, r.code, "one bad file is enough")
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	require.Len(t, lines, 4)
	for i, file := range []string{good, bad, absent, good} {
		line := parse(t, lines[i])
		assert.Equal(t, file, line["file"], "in the order given")
		assert.Equal(t, "emotion", line["network"])
		assert.Nil(t, line["target"])
		if file == good {
			assert.Len(t, line["input"], 128)
			assert.Nil(t, line["error"])
		} else {
			assert.Nil(t, line["input"])
			assert.NotEmpty(t, line["error"])
		}
	}
	want, err := dataset.EmotionInput(good)
	require.NoError(t, err)
	for i, x := range parse(t, lines[0])["input"].([]any) {
		assert.Equal(t, want[i], float32(x.(float64)), "printed so that it reads back exactly")
	}

	r = runWith(t, without(t), "features", "melody", filepath.Join(data, "training/midi/piece-01-section-1.mid"), "--json")
	assert.Equal(t, 0, r.code)
	assert.Empty(t, r.stderr)
	line := parse(t, r.stdout)
	assert.Nil(t, line["input"])
	assert.Len(t, line["target"], 128)
}

func TestValidate(t *testing.T) {
	data := corpus(t)
	r := runWith(t, without(t), "validate", "--data", data, "--json")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.NotContains(t, r.stderr, "\r", "a log has no carriage returns")
	report := parse(t, r.stdout)
	assert.Equal(t, true, report["ok"])
	assert.Equal(t, "emotion", report["sections"].([]any)[0].(map[string]any)["network"])

	wav := filepath.Join(data, "training/audio/piece-02-section-1.wav")
	require.NoError(t, os.WriteFile(wav, nil, 0o666))
	r = runWith(t, without(t), "validate", "--data", data, "--json")
	assert.Equal(t, 1, r.code)
	assert.EqualValues(t, 1, parse(t, r.stdout)["errors"])
	r = runWith(t, without(t), "validate", "--data", data)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "error: emotion: piece-02-section-1.wav: ")

	r = runWith(t, without(t), "validate", "--data", filepath.Join(data, "nowhere"), "--json")
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, "nowhere")
}
