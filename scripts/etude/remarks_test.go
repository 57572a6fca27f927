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

	"github.com/etude-ml/etude/torch/torchtest"
)

// What is wrong with a file that is read all the same reaches the user on every
// way, whether the file is decoded or its features come from the cache.
func TestRemarksReachTheUser(t *testing.T) {
	torchtest.Need(t)
	t.Setenv("ETUDE_CACHE", t.TempDir())
	data, out := corpus(t), t.TempDir()
	wav := filepath.Join(data, "training/audio/piece-01-section-1.wav")
	info, err := os.Stat(wav)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(wav, info.Size()/8))
	mid := filepath.Join(data, "training/midi/piece-02-section-1.mid")
	song := read(t, mid)
	require.Equal(t, "MTrk", string(song[14:18]))
	song[21]++ // the length of the first track is a byte too large
	require.NoError(t, os.WriteFile(mid, song, 0o666))

	const cut, long = "data chunk: claims ", "track 1 claims "
	for network, c := range map[string]struct{ file, note string }{"emotion": {wav, cut}, "melody": {mid, long}} {
		r := run(t, "features", network, c.file)
		require.Equal(t, 0, r.code, r.stderr)
		notes := parse(t, r.stdout)["notes"].([]any)
		require.Len(t, notes, 1)
		assert.Contains(t, notes[0], c.note)
	}
	r := run(t, "features", "melody", filepath.Join(data, "training/midi/piece-01-section-1.mid"), filepath.Join(data, "none.mid"))
	for line := range strings.Lines(r.stdout) {
		assert.Contains(t, line, `"notes":[]`, "a list, also where there is nothing to tell")
	}

	for _, from := range []string{"decoding", "the cache"} {
		r := run(t, "validate", "--data", data)
		assert.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stdout, "warning: emotion: piece-01-section-1.wav: "+cut, from)
		assert.Contains(t, r.stdout, "warning: melody: piece-02-section-1.mid: "+long, from)

		r = run(t, "train", "emotion", "melody", "--data", data, "--out", filepath.Join(out, from), "--epochs", "1")
		assert.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, "emotion: 1 remark on the data: piece-01-section-1.wav: "+cut, from)
		assert.Contains(t, r.stderr, "melody: 1 remark on the data: piece-02-section-1.mid: "+long, from)
		config := parseFile(t, filepath.Join(out, from, "melody/config.json"))
		notes := config["data"].(map[string]any)["notes"].([]any)
		require.Len(t, notes, 1, from)
		assert.Contains(t, notes[0], "piece-02-section-1.mid: "+long, from)
	}
	r = run(t, "evaluate", filepath.Join(out, "decoding/melody"), "--data", data, "--json")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Len(t, parse(t, r.stdout)["notes"], 1)
	assert.Contains(t, r.stderr, "melody: 1 remark on the data: ")
}
