// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"bytes"
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
	"github.com/etude-ml/etude/scripts/cli"
	"github.com/etude-ml/etude/torch/torchtest"
)

// What a trained network answers to real files is what ONNX Runtime in Python answers to
// their features, from its .pt and from its .onnx files, also those with smaller weights.
// Both round otherwise by 1e-5 at most: sums of some hundred products of float32.
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
	refused := 0
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
		paths := []string{dir, filepath.Join(dir, "model.onnx")}
		for _, weights := range []string{"float16", "int8"} {
			path, isRefused := smaller(t, dir, weights, shared)
			paths = append(paths, path)
			if isRefused {
				refused++
			}
		}
		for _, path := range paths {
			file := path
			if path == dir {
				file = paths[1]
			}
			m, err := runs.OpenModel(path, "")
			require.NoError(t, err)
			list, err := m.Predict(ctx, files...)
			m.Close()
			require.NoError(t, err)
			require.Len(t, list, len(inputs), "%s: %v", spec.Name, files)
			for i, p := range list {
				require.NoError(t, p.Err)
				answers = append(answers, answer{file, inputs[i], p.Output})
			}
		}
	}
	text, err := json.Marshal(answers)
	require.NoError(t, err)
	file := filepath.Join(out, "answers.json")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	var worst map[string]float64
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "infer.py", file), &worst))
	assert.Len(t, worst, 3*len(models.All()))
	assert.Positive(t, refused, "rounding raises some loss")
	for path, difference := range worst {
		assert.LessOrEqual(t, difference, 1e-5, path)
	}
	t.Logf("%d answers; the largest differences: %v", len(answers), worst)
}

// smaller exports a network with smaller weights, and reports whether that is refused if the
// loss may not rise at all. The measures that the export prints are those of the file.
func smaller(t *testing.T, dir, weights, data string) (path string, refused bool) {
	t.Helper()
	path = filepath.Join(dir, "model-"+weights+".onnx")
	run := func(code int, result any, args ...string) (people string) {
		var out, errors bytes.Buffer
		require.Equal(t, code, cli.Main(append(args, "--data", data, "--json"), &out, &errors), errors.String())
		if code == 0 {
			require.NoError(t, json.Unmarshal(out.Bytes(), result))
		}
		return errors.String()
	}
	type measures struct {
		Loss     float64
		Measures any
	}
	var exported struct {
		File    string
		ONNX    struct{ Saved int }
		Weights struct {
			Before, After measures
			Rise          float64
		}
	}
	run(0, &exported, "export", dir, "--weights", weights, "--max-rise", "100")
	assert.Equal(t, path, exported.File)
	assert.Positive(t, exported.ONNX.Saved)
	var alone, rounded measures
	run(0, &alone, "evaluate", dir)
	run(0, &rounded, "evaluate", path)
	assert.Equal(t, alone, exported.Weights.Before)
	assert.Equal(t, rounded, exported.Weights.After)

	refused = exported.Weights.Rise > 0
	if refused {
		none := filepath.Join(t.TempDir(), "none.onnx")
		says := run(1, nil, "export", dir, "--weights", weights, "--max-rise", "0", "-o", none)
		assert.Contains(t, says, "raise the loss on "+data)
		assert.Contains(t, says, "--max-rise allows more")
		assert.NoFileExists(t, none)
	}
	return path, refused
}
