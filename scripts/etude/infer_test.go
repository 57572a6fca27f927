// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// jsonLines reads a text of JSON lines.
func jsonLines(t *testing.T, text string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		list = append(list, parse(t, line))
	}
	return list
}

func TestInfer(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "2")
	require.Equal(t, 0, r.code, r.stderr)
	onnx := func(network string) string { return filepath.Join(out, network, "model.onnx") }
	sounds := filepath.Join(data, "training/audio")

	// ONNX Runtime is there, and no libtorch: an ONNX file answers, a .pt file cannot.
	path, err := libtorch.LocateONNXRuntime()
	require.NoError(t, err)
	alone := append(without(t), "ETUDE_ONNXRUNTIME="+path)
	r = runWith(t, alone, "infer", onnx("emotion"), sounds, "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	answers := jsonLines(t, r.stdout)
	require.Len(t, answers, 16)
	r = runWith(t, alone, "infer", filepath.Join(out, "emotion"), sounds)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "etude setup")

	// Of libtorch, of the features as JSON, and as CSV the answers are the same; 1e-5 is
	// what export allows between the two libraries.
	ofTorch := jsonLines(t, run(t, "infer", filepath.Join(out, "emotion"), sounds, "--json").stdout)
	var files []string
	for _, a := range answers {
		files = append(files, a["file"].(string))
	}
	features := run(t, append([]string{"features", "emotion"}, files...)...).stdout
	piped := exec.Command(etude, "infer", onnx("emotion"), "-", "--json")
	piped.Stdin = strings.NewReader(features)
	text, err := piped.Output()
	require.NoError(t, err)
	ofFeatures := jsonLines(t, string(text))
	r = run(t, "infer", onnx("emotion"), sounds, "--csv")
	require.Equal(t, 0, r.code, r.stderr)
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"file", "part", "at", "valence", "arousal"}, rows[0])
	for i, a := range answers {
		assert.Equal(t, "emotion", a["network"])
		assert.EqualValues(t, 0, a["at"])
		assert.Nil(t, a["error"])
		assert.Equal(t, []any{}, a["notes"])
		assert.InDeltaSlice(t, a["output"], ofTorch[i]["output"], 1e-5)
		assert.Equal(t, a["output"], ofFeatures[i]["output"])
		assert.Equal(t, a["file"], ofFeatures[i]["file"])
		valence, err := strconv.ParseFloat(rows[i+1][3], 64)
		require.NoError(t, err)
		assert.InDelta(t, a["readout"].(map[string]any)["valence"], valence, 1e-8)
	}

	// For people: what each network's numbers are called.
	emotion := filepath.Join(t.TempDir(), "emotion.jsonl")
	require.NoError(t, os.WriteFile(emotion, []byte(`{"valence": 0.5, "arousal": 0.8}`), 0o600))
	for network, c := range map[string]struct{ file, says string }{
		"emotion":  {files[0], "valence"},
		"melody":   {emotion, "pitch_"},
		"harmony":  {filepath.Join(data, "training/chords"), "IV 0."},
		"dynamics": {filepath.Join(data, "training/dynamics_midi"), "velocity_mean"},
		"groove":   {emotion, "offset_15"},
	} {
		r := run(t, "infer", onnx(network), c.file)
		assert.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stdout, c.says)
	}
	line := jsonLines(t, run(t, "infer", onnx("dynamics"), filepath.Join(data, "training/dynamics_midi"), "--json").stdout)[0]
	assert.Nil(t, line["at"])
	assert.NotEmpty(t, line["part"])

	// Windows of a sound: the first is what the network hears without them.
	x := make([]float64, 3*8000)
	for i := range x {
		x[i] = math.Sin(float64(i*i) / 40000)
	}
	var wav bytes.Buffer
	require.NoError(t, audio.WriteWAV(&wav, x, 8000))
	rising := filepath.Join(t.TempDir(), "rising.wav")
	require.NoError(t, os.WriteFile(rising, wav.Bytes(), 0o600))
	r = run(t, "infer", onnx("emotion"), rising, "--every", "500ms", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	curve := jsonLines(t, r.stdout)
	require.Len(t, curve, 3)
	whole := parse(t, run(t, "infer", onnx("emotion"), rising, "--json").stdout)
	assert.InDeltaSlice(t, whole["output"], curve[0]["output"], 1e-6, "kernels for one row may round otherwise than those for three")
	assert.NotEqual(t, curve[0]["output"], curve[2]["output"])
	assert.EqualValues(t, 0.5, curve[1]["at"])
	assert.Contains(t, run(t, "infer", onnx("emotion"), rising, "--every", "0.5").stdout, rising+" [0.5 s]")
	r = run(t, "infer", onnx("dynamics"), files[0], "--every", "1")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "dynamics does not take sound")

	// What cannot be used is named, and the rest is answered.
	bad := filepath.Join(t.TempDir(), "bad.wav")
	require.NoError(t, os.WriteFile(bad, []byte("no sound"), 0o600))
	r = run(t, "infer", onnx("emotion"), bad, files[0])
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, files[0])
	assert.Equal(t, 1, strings.Count(r.stderr, bad), r.stderr)
	assert.Contains(t, r.stderr, "left out: ")
	r = run(t, "infer", onnx("emotion"), bad, files[0], filepath.Join(data, "training/drums"), "--json")
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stderr)
	list := jsonLines(t, r.stdout)
	require.Len(t, list, 3)
	assert.Contains(t, list[0]["error"], "no file in it that ends in")
	assert.Nil(t, list[0]["output"])
	assert.Contains(t, list[1]["error"], bad)
	assert.InDeltaSlice(t, answers[0]["output"], list[2]["output"], 1e-6)
	r = run(t, "infer", onnx("groove"), filepath.Join(data, "training/drums"))
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, `give {"valence": …, "arousal": …} as JSON`)
	r = run(t, "infer", out, files[0])
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "name one of them, such as "+filepath.Join(out, "emotion"))
}
