// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// evaluate gives the JSON of a measured network.
func evaluate(t *testing.T, args ...string) map[string]any {
	t.Helper()
	r := run(t, append([]string{"evaluate", "--json"}, args...)...)
	require.Equal(t, 0, r.code, r.stderr)
	return parse(t, r.stdout)
}

func TestEvaluate(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	r := run(t, "train", "emotion", "melody", "--data", data, "--out", out, "--epochs", "3", "--batch-size", "4", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	summary := parse(t, r.stdout)

	// A run's own data: what was held back, with the measures of the summary.
	all := evaluate(t, out, "--data", data)
	require.Len(t, all, 2)
	for network, e := range all {
		e, want := e.(map[string]any), summary[network].(map[string]any)
		assert.Equal(t, want["measures"], e["measures"], network)
		assert.Equal(t, want["constant"], e["constant"], network)
		assert.Equal(t, want["beats_constant"], e["beats_constant"], network)
		assert.InDelta(t, want["val_loss"], e["loss"], 1e-6, "the trainer adds up batches")
		assert.Equal(t, want["val_samples"], e["samples"])
		assert.Equal(t, want["train_samples"], e["trained"])
		assert.Equal(t, "training", e["constant_from"])
	}

	// Other data: all of it. ONNX Runtime computes what libtorch does.
	other := corpusOf(t, 11)
	ofTorch := evaluate(t, filepath.Join(out, "emotion"), "--data", other)
	ofONNX := evaluate(t, filepath.Join(out, "emotion/model.onnx"), "--data", other)
	assert.Equal(t, ofTorch["constant"], ofONNX["constant"], "the file knows the training's mean")
	for _, name := range []string{"mse", "mae"} {
		assert.InDelta(t, ofTorch["measures"].(map[string]any)[name], ofONNX["measures"].(map[string]any)[name], 1e-5, name)
	}
	assert.Greater(t, ofTorch["samples"], all["emotion"].(map[string]any)["samples"])

	// The last weights, too, are measured beside the run's constant.
	last := evaluate(t, filepath.Join(out, "emotion/last.pt"), "--data", data)
	assert.Equal(t, all["emotion"].(map[string]any)["constant"], last["constant"])

	// A file by itself, away from its run, knows nothing of training.
	alone := filepath.Join(t.TempDir(), "emotion.pt")
	require.NoError(t, os.WriteFile(alone, read(t, filepath.Join(out, "emotion/model.pt")), 0o600))
	e := evaluate(t, alone, "--data", data)
	assert.Equal(t, "evaluated", e["constant_from"])
	assert.EqualValues(t, 16, e["samples"])
	assert.Nil(t, e["trained"], "nobody knows")
	assert.EqualValues(t, 16, evaluate(t, filepath.Join(out, "emotion"), "--data", data, "--all")["samples"])

	// For people, with pictures.
	plots := filepath.Join(t.TempDir(), "plots")
	r = run(t, "evaluate", out, "--data", data, "--plots", plots)
	require.Equal(t, 0, r.code, r.stderr)
	for _, text := range []string{"valence CCC", "KL divergence", "mean of the training targets"} {
		assert.Contains(t, r.stdout, text)
	}
	assert.Contains(t, r.stderr, "samples were trained on and are left out")
	for _, network := range []string{"emotion", "melody"} {
		for _, kind := range []string{"predicted", "residuals", "outputs"} {
			f, err := os.Open(filepath.Join(plots, network+"-"+kind+".png"))
			require.NoError(t, err)
			picture, err := png.DecodeConfig(f)
			f.Close()
			require.NoError(t, err)
			assert.Greater(t, picture.Width, 300)
		}
	}
}

func TestEvaluateRefuses(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	r := run(t, "evaluate", out, "--data", data)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "no such file")
	require.NoError(t, os.Mkdir(out, 0o777))
	r = run(t, "evaluate", out, "--data", data, "--json")
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, "neither a network of a run nor a run")

	r = run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "1")
	require.Equal(t, 0, r.code, r.stderr)
	// A folder of nothing but what the network was shown.
	samples := parseFile(t, filepath.Join(out, "melody/samples.json"))
	for _, v := range samples["val"].([]any) {
		require.NoError(t, os.Remove(filepath.Join(data, "training/midi", v.(map[string]any)["name"].(string))))
	}
	r = run(t, "evaluate", filepath.Join(out, "melody"), "--data", data)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "trained on every sample")
}

// Data that one network cannot be trained on does not stop the others; the folder of a
// network that was not named may be missing.
func TestOneFailingNetwork(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	require.NoError(t, os.WriteFile(filepath.Join(data, "training/audio/labels.csv"), []byte("song,mood\n1,good\n"), 0o666))
	require.NoError(t, os.RemoveAll(filepath.Join(data, "training/chords")))
	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "1", "--json")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "no column filename")
	assert.Contains(t, r.stderr, "harmony: passed over")
	summary := parse(t, r.stdout)
	assert.Contains(t, summary, "melody")
	assert.NotContains(t, summary, "emotion")
	assert.NotContains(t, summary, "harmony")

	r = run(t, "train", "harmony", "melody", "--data", data, "--out", out, "--epochs", "1", "--force")
	assert.Equal(t, 1, r.code, "it was named")
	assert.Contains(t, r.stderr, "training/chords: make it")
	assert.Contains(t, r.stdout, "melody")
}

func TestCache(t *testing.T) {
	torchtest.Need(t)
	data, out, cache := corpus(t), filepath.Join(t.TempDir(), "run"), t.TempDir()
	train := func(more ...string) result {
		r := run(t, append([]string{"train", "emotion", "--data", data, "--out", out, "--epochs", "1", "--force", "--cache", cache}, more...)...)
		require.Equal(t, 0, r.code, r.stderr)
		return r
	}
	assert.NotContains(t, train().stderr, "in the cache")
	first := read(t, filepath.Join(out, "emotion/model.pt"))
	assert.Contains(t, train().stderr, "features of 16 files were in the cache and 0 were not")
	assert.Equal(t, first, read(t, filepath.Join(out, "emotion/model.pt")), "kept features are the same features")
	assert.NotContains(t, train("--no-cache").stderr, "in the cache")

	state := parse(t, run(t, "cache", "--cache", cache, "--json").stdout)
	assert.EqualValues(t, 16, state["entries"])
	assert.Equal(t, cache, state["folder"])
	assert.Equal(t, 0, run(t, "cache", "--cache", cache, "--clear").code)
	assert.EqualValues(t, 0, parse(t, run(t, "cache", "--cache", cache, "--json").stdout)["entries"])

	// The folder of another program is neither used nor cleared.
	r := run(t, "cache", "--cache", data, "--clear")
	assert.Equal(t, 1, r.code)
	assert.DirExists(t, filepath.Join(data, "training"))
}
