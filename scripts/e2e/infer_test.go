// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch/torchtest"
)

// What a trained network answers to real files is what ONNX Runtime in Python answers to
// their features, from its .pt and from its .onnx file. Both round otherwise by 1e-5 at
// most: sums of some hundred products of float32.
func TestPredictLikePython(t *testing.T) {
	shared := torchtest.SharedData(t)
	torchtest.Need(t)
	torchtest.Python(t)
	ctx, out := context.Background(), t.TempDir()
	plan, err := runs.NewPlan(runs.Options{Data: shared, Out: out}, runs.Overrides{Epochs: new(2)}, "all")
	require.NoError(t, err)
	_, err = plan.Run(ctx)
	require.NoError(t, err)
	emotions := filepath.Join(out, "emotions.jsonl")
	require.NoError(t, os.WriteFile(emotions, []byte(`{"valence": -0.7, "arousal": 0.1} {"valence": 0.5, "arousal": 0.9}`), 0o600))

	type answer struct {
		Model  string    `json:"model"`
		Input  []float32 `json:"input"`
		Output []float32 `json:"output"`
	}
	var answers []answer
	for _, spec := range models.All() {
		dir := filepath.Join(out, spec.Name)
		var inputs [][]float32
		files := []string{emotions}
		if spec.In == dataset.EmbeddingSize {
			inputs = [][]float32{dataset.Embedding(-0.7, 0.1), dataset.Embedding(0.5, 0.9)}
		} else {
			folder := map[string]string{"emotion": "audio", "harmony": "chords", "dynamics": "dynamics_midi"}[spec.Name]
			files, _, err = dataset.List(filepath.Join(shared, "training", folder), spec.Source.Reads())
			require.NoError(t, err)
			for _, file := range files {
				read := spec.Source.Features
				if source, ok := spec.Source.(dataset.Chords); ok {
					read = source.FeaturesAhead
				}
				features, err := read(file)
				require.NoError(t, err)
				for _, p := range features.Parts {
					inputs = append(inputs, p.Input)
				}
			}
		}
		require.NotEmpty(t, inputs)
		for _, path := range []string{dir, filepath.Join(dir, "model.onnx")} {
			m, err := runs.OpenModel(path, "")
			require.NoError(t, err)
			list, err := m.Predict(ctx, files...)
			m.Close()
			require.NoError(t, err)
			require.Len(t, list, len(inputs), "%s: %v", spec.Name, files)
			for i, p := range list {
				require.NoError(t, p.Err)
				answers = append(answers, answer{filepath.Join(dir, "model.onnx"), inputs[i], p.Output})
			}
		}
	}
	text, err := json.Marshal(answers)
	require.NoError(t, err)
	file := filepath.Join(out, "answers.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	var worst map[string]float64
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "infer.py", file), &worst))
	assert.Len(t, worst, len(models.All()))
	for path, difference := range worst {
		assert.LessOrEqual(t, difference, 1e-5, path)
	}
	t.Logf("%d answers; the largest differences: %v", len(answers), worst)
}
