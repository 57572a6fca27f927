// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"encoding/csv"
	"io"
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
	r = runWith(t, alone, "infer", filepath.Join(out, "emotion/model.pt"), sounds)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "etude setup")

	// A folder stands for its model.onnx, as long as that has the weights of model.pt.
	r = runWith(t, alone, "infer", filepath.Join(out, "emotion"), sounds, "--json")
	assert.Empty(t, r.stderr)
	sameLines := jsonLines(t, r.stdout)
	copied := filepath.Join(t.TempDir(), "emotion")
	require.NoError(t, os.CopyFS(copied, os.DirFS(filepath.Join(out, "emotion"))))
	assert.Empty(t, run(t, "infer", copied, sounds).stderr)
	other, err := os.ReadFile(onnx("melody"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(copied, "model.onnx"), other, 0o600))
	r = run(t, "infer", copied, sounds, "--json")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, filepath.Join(copied, "model.pt")+" answers, with libtorch, which takes longer")
	assert.Equal(t, "emotion", jsonLines(t, r.stdout)[0]["network"])

	// An interrupt ends the wait for standard input.
	waiting := exec.Command(etude, "infer", copied, "-")
	_, err = waiting.StdinPipe()
	require.NoError(t, err)
	says, err := waiting.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, waiting.Start())
	_, err = says.Read(make([]byte, 1)) // signals are listened to now
	require.NoError(t, err)
	require.NoError(t, waiting.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, says)
	require.NoError(t, err)
	assert.ErrorContains(t, waiting.Wait(), "exit status 130")

	// Of libtorch, of the features as JSON, and as CSV the answers are the same; 1e-5 is
	// what export allows between the two libraries.
	ofTorch := jsonLines(t, run(t, "infer", filepath.Join(out, "emotion/model.pt"), sounds, "--json").stdout)
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
		assert.Equal(t, a["output"], sameLines[i]["output"])
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
	chained(t, out, rising)
	r = run(t, "infer", onnx("emotion"), files[0], "--chain")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "no network emotion in it")
	r = run(t, "infer", out, files[0])
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "name one of them, such as "+filepath.Join(out, "emotion"))
}

// chained lets the networks of a run answer one after another: each as it does alone to the
// same input, in every form, and with the same sketch.
func chained(t *testing.T, out, sound string) {
	t.Helper()
	dir := t.TempDir()
	sketch, again, plot := filepath.Join(dir, "a.mid"), filepath.Join(dir, "b.mid"), filepath.Join(dir, "bars.svg")
	r := run(t, "infer", out, sound, "--chain", "--json", "--midi", sketch, "--plot", plot)
	require.Equal(t, 0, r.code, r.stderr)
	lines := map[string][]string{}
	values := 0
	for text := range strings.Lines(r.stdout) {
		line := parse(t, text)
		network := line["network"].(string)
		lines[network] = append(lines[network], text)
		values += len(line["readout"].(map[string]any))
		assert.EqualValues(t, sound, line["file"])
	}
	counts := map[string]int{}
	for network, texts := range lines {
		counts[network] = len(texts)
		alone := exec.Command(etude, "infer", filepath.Join(out, network), "-", "--json")
		alone.Stdin = strings.NewReader(strings.Join(texts, ""))
		answers, err := alone.Output()
		require.NoError(t, err)
		for i, a := range jsonLines(t, string(answers)) {
			want := parse(t, texts[i])
			assert.InDeltaSlice(t, want["output"], a["output"], 1e-6, "kernels for one row may round otherwise than those for several")
			assert.Equal(t, want["part"], a["part"])
		}
	}
	assert.Equal(t, map[string]int{"emotion": 1, "melody": 1, "groove": 1, "harmony": 4, "dynamics": 8}, counts)

	// The order of file and flag does not matter, nor does the form of the answers.
	r = run(t, "infer", out, "--chain", sound, "--midi", again, "--csv", "--seed", "42")
	require.Equal(t, 0, r.code, r.stderr)
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, []string{"file", "network", "part", "at", "name", "value"}, rows[0])
	assert.Len(t, rows[1:], values)
	written, err := os.ReadFile(sketch)
	require.NoError(t, err)
	same, err := os.ReadFile(again)
	require.NoError(t, err)
	assert.Equal(t, written, same)
	require.Equal(t, 0, run(t, "infer", out, sound, "--chain", "--midi", again, "--seed", "7").code)
	same, err = os.ReadFile(again)
	require.NoError(t, err)
	assert.NotEqual(t, written, same)
	picture, err := os.ReadFile(plot)
	require.NoError(t, err)
	for _, name := range []string{"emotion valence", "groove offset_15", "dynamics velocity_mean"} {
		assert.Contains(t, string(picture), name)
	}

	r = run(t, "infer", out, sound, "--chain", "--every", "0.5", "--bars", "2", "--plot", plot)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "emotion [0.5 s]")
	assert.Contains(t, r.stdout, "harmony [1 s, chords 5-6: ")
	assert.Contains(t, r.stdout, "dynamics [sketch, 8.0-12.0 s]")
	picture, err = os.ReadFile(plot)
	require.NoError(t, err)
	assert.Contains(t, string(picture), "emotion of ")

	part := filepath.Join(dir, "part")
	for _, network := range []string{"emotion", "groove"} {
		require.NoError(t, os.CopyFS(filepath.Join(part, network), os.DirFS(filepath.Join(out, network))))
	}
	r = run(t, "infer", part, sound, "--chain", "--midi", again)
	assert.Equal(t, 0, r.code)
	assert.Equal(t, part+" has no melody, harmony, dynamics, without which the chain goes on\n", r.stderr)
	none, picked := filepath.Join(dir, "none.mid"), filepath.Join(dir, "none.svg")
	r = run(t, "infer", out, filepath.Join(dir, "none.wav"), "--chain", "--midi", none, "--plot", picked)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, none+" is not written")
	assert.Contains(t, r.stderr, picked+" is not written")
	assert.NoFileExists(t, none)
	assert.NoFileExists(t, picked)
	r = run(t, "infer", out, sound, "--chain", "--midi", filepath.Join(none, "a.mid"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "--midi "+none+"/a.mid: its folder "+none+" does not exist")
	r = run(t, "infer", out, filepath.Dir(sound)+"/none.wav", sound, "--chain")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "groove")
	assert.Contains(t, r.stderr, "none.wav")
}
