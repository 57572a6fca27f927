// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package readme tests what README.md says.
package readme

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

func trainEmotion(ctx context.Context, folder, out string) error {
	samples, err := dataset.EmotionSource.Samples(ctx, folder, dataset.Options{})
	if err != nil {
		return err
	}
	train, val, err := data.Split(samples.Groups, 0.2, 42)
	if err != nil {
		return err
	}
	torch.ManualSeed(42)
	model := models.NewEmotionRecognizer(torch.CPU)
	settings := optim.DefaultAdam()
	settings.WeightDecay = 1e-4
	run := trainer.Run{
		Model:     model,
		Loss:      nn.MSELoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     samples.Select(train).Tensors(torch.CPU),
		Val:       samples.Select(val).Tensors(torch.CPU),
		Epochs:    20,
		Save:      out, // last.pt, best.pt, model.pt, history.json, history.png
	}
	if _, err := run.Fit(ctx); err != nil {
		return err
	}
	_, err = onnx.Export(filepath.Join(out, "model.onnx"), model, onnx.Signature{
		Input: "audio_features", Output: "emotion_embedding", Example: run.Val.X,
	})
	return err
}

func TestProgram(t *testing.T) {
	torchtest.Need(t)
	folder, out := filepath.Join(t.TempDir(), "data"), t.TempDir()
	require.NoError(t, demo.Write(context.Background(), folder, demo.Options{Pieces: 6, Sections: 2}))
	require.NoError(t, trainEmotion(context.Background(), folder, out))
	for _, name := range []string{"last.pt", "best.pt", "model.pt", "history.json", "history.png", "model.onnx"} {
		assert.FileExists(t, filepath.Join(out, name))
	}
}

// The program in README.md is the one that was just run.
func TestProgramIsTheOneInTheREADME(t *testing.T) {
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	program := regexp.MustCompile(`(?s)func trainEmotion.*?\n}\n`).FindString(string(source))
	require.NotEmpty(t, program)
	assert.True(t, strings.Contains(page(t), "```go\n"+program+"```\n"), "README.md shows another one than\n%s", program)
}

// Targets and packages that README.md names exist.
func TestNamesInTheREADME(t *testing.T) {
	text := page(t)
	for _, line := range spans(t, "make") {
		checkTargets(t, line)
	}
	for _, m := range regexp.MustCompile("\\| `((?:torch|models|trainer)[a-z/]*)` \\|").FindAllStringSubmatch(text, -1) {
		assert.DirExists(t, filepath.Join("../..", m[1]))
	}
	for _, s := range models.All() {
		row := regexp.MustCompile(`(?m)^\| ` + s.Title + ` .*$`).FindString(text)
		assert.NotEmpty(t, row)
		assert.NotContains(t, strings.ToLower(row), "to come")
	}
}
