// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The program learns from the corpus of the demo.
func TestProgram(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, demo.Write(context.Background(), filepath.Join(dir, "demo", "data"), demo.Options{Seed: 42}))
	program := exec.Command(filepath.Join(dir, "program"))
	program.Dir = dir
	out, err = program.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "20 epochs, validation loss 0.04\n", string(out))
	for _, name := range []string{"last.pt", "best.pt", "model.pt", "history.json", "history.png", "model.onnx"} {
		assert.FileExists(t, filepath.Join(dir, "runs", "emotion", name))
	}
}
