// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/cli"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
)

// run is the command with arguments; it must end well.
func run(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Zero(t, cli.Main(args, &stdout, &stderr), "%v: %s", args, &stderr)
	return stdout.String()
}

// Everything that the command does with the five networks it does with a sixth.
func TestASixthNetwork(t *testing.T) {
	torchtest.Need(t)
	t.Setenv("ETUDE_CACHE", t.TempDir())
	data, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
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
}
