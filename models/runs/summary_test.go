// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch/wholefile"
)

// entry writes what a network's training writes at its end.
func entry(t *testing.T, run, network string, epochs int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(run, network), 0o777))
	require.NoError(t, addToSummary(run, network, &Entry{Model: network, Result: Result{Epochs: epochs}}))
}

func epochsIn(t *testing.T, run string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(SummaryFile(run))
	require.NoError(t, err)
	var s map[string]struct{ Epochs int }
	require.NoError(t, json.Unmarshal(text, &s))
	epochs := map[string]int{}
	for network, e := range s {
		epochs[network] = e.Epochs
	}
	return epochs
}

// Another process that changes summary.json is waited for, and its entry stays.
func TestSummaryOfTwoProcesses(t *testing.T) {
	run := t.TempDir()
	entry(t, run, "emotion", 1)
	other, err := os.Open(run)
	require.NoError(t, err)
	require.True(t, wholefile.Lock(other))
	require.NoError(t, os.MkdirAll(filepath.Join(run, "melody"), 0o777))
	done := make(chan error)
	go func() { done <- addToSummary(run, "melody", &Entry{Result: Result{Epochs: 2}}) }()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	require.NoError(t, os.WriteFile(SummaryFile(run), []byte(`{"emotion": {"epochs": 1}, "groove": {"epochs": 3}}`), 0o666))
	require.NoError(t, other.Close())
	require.NoError(t, <-done)
	assert.Equal(t, map[string]int{"emotion": 1, "melody": 2, "groove": 3}, epochsIn(t, run))
}

func TestDamagedSummary(t *testing.T) {
	for _, text := range []string{"", "{", "null", "[]", "5", `{"emotion": 5}`, `{"emotion": null}`, `{"emotion": {"epochs": 1}`, "\x00\x00"} {
		run := t.TempDir()
		for i, network := range models.Names() {
			entry(t, run, network, i+1)
		}
		whole, err := os.ReadFile(SummaryFile(run))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(SummaryFile(run), []byte(text), 0o666))
		var notes []string
		require.NoError(t, checkSummary(run, func(note string) { notes = append(notes, note) }), "%q", text)
		require.Len(t, notes, 1, "%q", text)
		assert.Contains(t, notes[0], "summary.json was damaged")
		assert.Contains(t, notes[0], "dynamics, emotion, groove, harmony, melody")
		now, err := os.ReadFile(SummaryFile(run))
		require.NoError(t, err)
		assert.Equal(t, string(whole), string(now))
		require.NoError(t, checkSummary(run, func(note string) { t.Error(note) }))
	}
}

// A network whose training begins again has no result in any file.
func TestRemovedFromSummary(t *testing.T) {
	run := t.TempDir()
	entry(t, run, "emotion", 1)
	entry(t, run, "melody", 2)
	require.NoError(t, clear(newFolder(run, "emotion")))
	require.NoError(t, removeFromSummary(run, "emotion"))
	assert.Equal(t, map[string]int{"melody": 2}, epochsIn(t, run))
	require.NoError(t, os.WriteFile(SummaryFile(run), nil, 0o666))
	require.NoError(t, checkSummary(run, nil))
	assert.Equal(t, map[string]int{"melody": 2}, epochsIn(t, run))
}

// Unfinished files of killed processes are removed. Other files with similar names stay.
func TestUnfinishedSummaries(t *testing.T) {
	run := t.TempDir()
	mine := []string{".summary.json.tmp-ABCDEFGHIJ"}
	others := []string{".summary.json.tmp", ".summary.json.x.tmp", "summary.json.1.tmp", ".notes.tmp-ABCDEFGHIJ"}
	for _, name := range append(mine, others...) {
		require.NoError(t, os.WriteFile(filepath.Join(run, name), nil, 0o666))
	}
	entry(t, run, "emotion", 1)
	for _, name := range mine {
		assert.NoFileExists(t, filepath.Join(run, name))
	}
	for _, name := range others {
		assert.FileExists(t, filepath.Join(run, name))
	}
}

// Settings decide the result of training: no damage of config.json may change them, and
// a changed file is reported.
func TestDamagedConfig(t *testing.T) {
	folder := folder(t.TempDir())
	spec, err := models.ByName("melody")
	require.NoError(t, err)
	config := Config{
		Network: "melody", Model: "MelodyTransformer", Settings: Defaults(spec), Device: "cpu", Threads: 1,
		Data: DataInfo{Root: "/data", Fingerprint: "abc", Samples: 10, Constant: []float32{0.1, 2e-9}},
	}
	require.NoError(t, config.write(folder))
	text, err := os.ReadFile(folder.file(configFile))
	require.NoError(t, err)
	want, err := loadConfig(folder)
	require.NoError(t, err)
	assert.Equal(t, config.Settings, want.Settings)
	refused := 0
	for i := range text {
		for _, bit := range []byte{1, 2, 4, 16, 32, 128} {
			damaged := append([]byte(nil), text...)
			damaged[i] ^= bit
			require.NoError(t, os.WriteFile(folder.file(configFile), damaged, 0o666))
			got, err := loadConfig(folder)
			if err != nil {
				assert.ErrorContains(t, err, "config.json was changed since the run wrote it")
				refused++
				continue
			}
			require.Equal(t, want, got, "bit %d of byte %d: %s", bit, i, damaged) // white space
		}
	}
	assert.Greater(t, refused, 3*len(text))
}

func TestConfigsOfOthers(t *testing.T) {
	folder := folder(t.TempDir())
	put := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(folder.file(configFile), []byte(text), 0o666))
	}
	c, err := loadConfig(folder)
	assert.NoError(t, err)
	assert.Nil(t, c, "there is none")
	put(`{"architectures": ["LlamaForCausalLM"], "hidden_size": 4096}`)
	c, err = loadConfig(folder)
	assert.NoError(t, err)
	assert.Nil(t, c, "it is not of a training")

	// Of a version that wrote no hash.
	old := `{"network": "groove", "settings": {"epochs": 7, %q: 0.001}, "threads": 1}`
	put(fmt.Sprintf(old, "min_delta"))
	c, err = loadConfig(folder)
	require.NoError(t, err)
	assert.Equal(t, 7, c.Settings.Epochs)
	put(fmt.Sprintf(old, "min_delt!"))
	_, err = loadConfig(folder)
	assert.ErrorContains(t, err, "min_delt!")
}
