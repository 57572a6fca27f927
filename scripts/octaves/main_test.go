// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
)

// outside builds this program as a module of its own, outside the repository, with the
// dependencies that the repository has, and returns its path.
func outside(t *testing.T) string {
	t.Helper()
	dir, root := t.TempDir(), torchtest.Root(t)
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	module := regexp.MustCompile(`(?m)^module (.*)$`)
	mod := read(filepath.Join(root, "go.mod"))
	etude := module.FindStringSubmatch(mod)[1]
	write("go.mod", module.ReplaceAllString(mod, "module example.org/octaves")+
		"\nrequire "+etude+" v0.0.0\n\nreplace "+etude+" => "+root+"\n")
	write("go.sum", read(filepath.Join(root, "go.sum")))
	write("main.go", read("main.go"))
	cmd := exec.Command("go", "build", "-o", "octaves", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "octaves")
}

// A sixth network, in a module of its own, is trained, measured, exported and loaded as
// the others are.
func TestASixthNetwork(t *testing.T) {
	torchtest.Need(t)
	t.Setenv("ETUDE_CACHE", t.TempDir())
	data, out, octaves := filepath.Join(t.TempDir(), "data"), t.TempDir(), outside(t)
	run := func(t *testing.T, args ...string) string {
		t.Helper()
		cmd := exec.Command(octaves, args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		stdout, err := cmd.Output()
		require.NoError(t, err, "%v: %s", args, &stderr)
		return string(stdout)
	}
	for _, command := range []string{"train", "features", "verify-resume"} {
		assert.Regexp(t, `groove(,| or)\s+octaves`, run(t, command, "--help"), "the help knows it")
	}
	require.NoError(t, demo.Write(t.Context(), data, demo.Options{Seed: 1, Pieces: 8, Sections: 2}))

	assert.Contains(t, run(t, "validate", "--data", data), "octaves")
	features := run(t, "features", "octaves", filepath.Join(data, "training/midi/piece-01-section-1.mid"))
	var line struct{ Target []float64 }
	require.NoError(t, json.Unmarshal([]byte(features), &line))
	sum := 0.0
	for _, share := range line.Target {
		sum += share
	}
	assert.Len(t, line.Target, 11)
	assert.InDelta(t, 1, sum, 1e-6)

	var summary map[string]struct {
		Loss float64 `json:"val_loss"`
		ONNX struct {
			Diff float64 `json:"max_abs_diff"`
		} `json:"onnx"`
	}
	require.NoError(t, json.Unmarshal([]byte(run(t, "train", "octaves", "--data", data, "--out", out, "--epochs", "5", "--json")), &summary))
	assert.Less(t, summary["octaves"].ONNX.Diff, 1e-5)

	for _, model := range []string{"octaves", "octaves/model.onnx"} {
		var evaluation struct {
			Network string
			Loss    float64
		}
		require.NoError(t, json.Unmarshal([]byte(run(t, "evaluate", filepath.Join(out, model), "--data", data, "--json")), &evaluation))
		assert.Equal(t, "octaves", evaluation.Network)
		if model == "octaves" { // the samples that were held back, as in the summary
			assert.InDelta(t, summary["octaves"].Loss, evaluation.Loss, 1e-6)
		}
	}
	assert.Contains(t, run(t, "export", filepath.Join(out, "octaves/best.pt"), "-o", filepath.Join(t.TempDir(), "octaves.onnx")), "OctavePredictor")

	// The folder is read by the code on its card; 1e-5 is what export allows between ONNX
	// Runtime and libtorch.
	folder := filepath.Join(t.TempDir(), "octaves")
	assert.Contains(t, run(t, "export", filepath.Join(out, "octaves"), "--to", folder), "OctavePredictor")
	var differences map[string]float64
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "../../models/runs/testdata/folder.py", folder), &differences))
	require.Contains(t, differences, folder)
	assert.LessOrEqual(t, differences[folder], 1e-5)
}
