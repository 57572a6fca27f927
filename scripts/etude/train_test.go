// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestTrain(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	silent := filepath.Join(data, "training/audio/piece-02-section-1.wav")
	require.NoError(t, os.WriteFile(silent, []byte("no sound"), 0o666))

	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "3", "--batch-size", "4", "--weight-decay", "0", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	assert.NotContains(t, r.stderr, "\r")
	assert.Contains(t, r.stderr, "emotion: left out: piece-02-section-1.wav: ")
	summary := parse(t, r.stdout)
	assert.Equal(t, summary, parseFile(t, filepath.Join(out, "summary.json")))
	for _, network := range []string{"emotion", "melody"} {
		entry := summary[network].(map[string]any)
		assert.EqualValues(t, 3, entry["epochs"])
		assert.NotNil(t, entry["constant_loss"])
		assert.Equal(t, entry["val_loss"].(float64) < entry["constant_loss"].(float64), entry["beats_constant"])
		spec, err := models.ByName(network)
		require.NoError(t, err)
		headlines := entry["headlines"].(map[string]any)
		require.Len(t, headlines, len(spec.Headlines))
		for name, h := range headlines {
			assert.NotNil(t, h.(map[string]any)["value"], name)
			assert.NotNil(t, h.(map[string]any)["constant"], name)
		}
		assert.NotNil(t, entry["measures"])
		assert.Less(t, entry["onnx"].(map[string]any)["max_abs_diff"], 1e-5)
		for _, file := range entry["files"].(map[string]any) {
			assert.FileExists(t, filepath.Join(out, file.(string)))
		}
		config := parseFile(t, filepath.Join(out, network, "config.json"))
		settings := config["settings"].(map[string]any)
		assert.EqualValues(t, 4, settings["batch_size"])
		assert.EqualValues(t, 0, settings["weight_decay"])
		assert.EqualValues(t, 42, settings["seed"])
		versions := config["versions"].(map[string]any)
		assert.Equal(t, runtime.Version(), versions["go"])
		assert.NotEmpty(t, versions["libtorch"])
		assert.NotEmpty(t, versions["onnxruntime"])
		assert.Len(t, config["data"].(map[string]any)["fingerprint"], 64)

		history := parseFile(t, filepath.Join(out, network, "history.json"))
		assert.Len(t, history["train_losses"], 3)
		assert.Len(t, history["val_losses"], 3)
		assert.Nil(t, history["train_accs"])
	}
	emotion := summary["emotion"].(map[string]any)
	assert.EqualValues(t, 15, emotion["samples"])
	skipped := emotion["skipped"].([]any)[0].(map[string]any)
	assert.Equal(t, "piece-02-section-1.wav", skipped["name"])
	assert.NotEmpty(t, skipped["reason"])

	// The same again gives the same weights.
	again := filepath.Join(t.TempDir(), "again")
	r = run(t, "train", "melody", "--data", data, "--out", again, "--epochs", "3", "--batch-size", "4", "--weight-decay", "0")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "melody")
	assert.Equal(t, read(t, filepath.Join(out, "melody/model.pt")), read(t, filepath.Join(again, "melody/model.pt")))

	// Continued with the data and the settings that it had, but for one.
	r = run(t, "train", "emotion", "--out", out, "--resume", "--epochs", "5", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	entry := parse(t, r.stdout)["emotion"].(map[string]any)
	assert.EqualValues(t, 5, entry["epochs"])
	assert.Equal(t, true, entry["resumed"])
	assert.Contains(t, parseFile(t, filepath.Join(out, "summary.json")), "melody", "the other network's entry stays")

	// Five epochs without a break give the same results.
	r = run(t, "train", "emotion", "--data", data, "--out", again, "--epochs", "5", "--batch-size", "4", "--weight-decay", "0")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, read(t, filepath.Join(again, "emotion/model.pt")), read(t, filepath.Join(out, "emotion/model.pt")))

	// A setting that is given counts, also against what the checkpoint holds.
	r = run(t, "train", "emotion", "--out", out, "--resume", "--epochs", "6", "--lr", "0.00025")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, []any{1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 2.5e-4},
		parseFile(t, filepath.Join(out, "emotion/history.json"))["learning_rates"])

	// Other data is not the run's, which stays as it is.
	config := read(t, filepath.Join(out, "emotion/config.json"))
	r = run(t, "train", "emotion", "--data", corpusOf(t, 9), "--out", out, "--resume", "--epochs", "7")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "cannot be continued")
	assert.Equal(t, config, read(t, filepath.Join(out, "emotion/config.json")))

	// The run is replaced, and a notice says so.
	r = run(t, "train", "emotion", "--data", data, "--out", out, "--epochs", "1", "--force")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "is replaced")
}

// A step that is recorded gives the weights of one that is not.
func TestTrainRecorded(t *testing.T) {
	torchtest.Need(t)
	data, weights := corpus(t), map[string]string{}
	for _, flag := range []string{"--recorded=on", "--recorded=off", "--eager", "--recorded=auto"} {
		out := filepath.Join(t.TempDir(), "run")
		r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "12", "--batch-size", "4", flag)
		require.Equal(t, 0, r.code, r.stderr)
		assert.NotContains(t, r.stderr, "replaying", flag)
		for _, spec := range models.All() {
			network := spec.Name
			sum := sha256.Sum256(read(t, filepath.Join(out, network, "model.pt")))
			if weights[network] == "" {
				weights[network] = string(sum[:])
			}
			assert.Equal(t, weights[network], string(sum[:]), "%s with %s", network, flag)
		}
	}
	r := run(t, "train", "all", "--data", data, "--out", "run", "--eager", "--recorded=on")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "--eager and --recorded=on exclude each other")
}

func TestResumeWithoutCheckpoint(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	r := run(t, "train", "melody", "--out", out, "--resume")
	assert.Equal(t, 2, r.code)
	assert.Contains(t, r.stderr, "holds no run to continue")
	r = run(t, "train", "melody", "--data", data, "--out", out, "--resume", "--epochs", "1")
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "training starts anew")
}

func TestCutOffBeforeTheFirstCheckpoint(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	labels := filepath.Join(data, "training/midi/emotion_labels.json")
	hidden := labels + ".away"
	require.NoError(t, os.Rename(labels, hidden))
	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "2")
	require.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "emotion_labels.json")
	require.NoError(t, os.Rename(hidden, labels))
	r = run(t, "train", "all", "--out", out, "--resume", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	summary := parse(t, r.stdout)
	assert.EqualValues(t, 2, summary["emotion"].(map[string]any)["epochs"])
	assert.EqualValues(t, 2, summary["melody"].(map[string]any)["epochs"])
}

func TestExport(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	r := run(t, "train", "melody", "--data", data, "--out", out, "--epochs", "1")
	require.Equal(t, 0, r.code, r.stderr)
	for _, name := range []string{"model.pt", "last.pt"} {
		file := filepath.Join(t.TempDir(), "exported.onnx")
		r = run(t, "export", filepath.Join(out, "melody", name), "-o", file, "--json")
		require.Equal(t, 0, r.code, r.stderr)
		result := parse(t, r.stdout)
		assert.Equal(t, "melody", result["network"])
		assert.Equal(t, file, result["file"])
		assert.FileExists(t, file)
	}
	r = run(t, "export", filepath.Join(out, "melody/model.pt"), "--format", "rtneural")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "melody/model.json: MelodyTransformer, within ")
	assert.Contains(t, r.stdout, "call reset() before each forward()")
	assert.FileExists(t, filepath.Join(out, "melody/model.json"))
	r = run(t, "export", filepath.Join(out, "melody/model.pt"), "--format", "rtneural", "--dialect", "kelly")
	require.Equal(t, 0, r.code, r.stderr)
	plugin, err := os.ReadFile(filepath.Join(out, "melody/model-kelly.json"))
	require.NoError(t, err)
	assert.Equal(t, "MelodyTransformer", parse(t, string(plugin))["metadata"].(map[string]any)["model_name"])
	r = run(t, "export", filepath.Join(out, "melody/model.pt"), "--from-samples")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "melody does not take features of sound")
	r = run(t, "export", filepath.Join(out, "melody/model.pt"), "--network", "emotion")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "model.pt")
	r = run(t, "export", filepath.Join(out, "summary.json"))
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "summary.json")
	assert.NotContains(t, r.stderr, "goroutine")
}

// A file that holds more than the network does not take the name of the run's.
func TestExportFromSamples(t *testing.T) {
	torchtest.Need(t)
	weights := filepath.Join(t.TempDir(), "model.pt")
	require.NoError(t, pt.Save(weights, nn.StateDict(models.NewEmotionRecognizer(torch.CPU))))
	r := run(t, "export", weights, "--from-samples", "--with-readout", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	file := strings.TrimSuffix(weights, ".pt") + "-from-samples-with-readout.onnx"
	assert.Equal(t, file, parse(t, r.stdout)["file"])
	r = run(t, "inspect", file)
	assert.Contains(t, r.stdout, "audio_22050hz_2s float32 [batch_size samples]")
	assert.Contains(t, r.stdout, "valence_arousal float32 [batch_size 2]")
	r = run(t, "infer", file, "a.wav")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "not those of emotion alone")
	assert.Contains(t, r.stderr, "give the file that it was made from")
}

func TestInterrupt(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	for signal, code := range map[os.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		out := t.TempDir()
		last := filepath.Join(out, "emotion/last.pt")
		cmd := exec.Command(etude, "train", "emotion", "--data", data, "--out", out, "--epochs", "1000000", "--patience", "1000000")
		stderr, err := os.Create(filepath.Join(out, "stderr"))
		require.NoError(t, err)
		cmd.Stderr = stderr
		require.NoError(t, cmd.Start())
		assert.Eventually(t, func() bool { _, err := os.Stat(last); return err == nil }, time.Minute, 20*time.Millisecond)
		require.NoError(t, cmd.Process.Signal(signal))
		_ = cmd.Wait()
		require.NoError(t, stderr.Close())
		assert.Equal(t, code, cmd.ProcessState.ExitCode(), string(read(t, stderr.Name())))
		assert.Contains(t, string(read(t, stderr.Name())), "--resume")

		assert.Equal(t, 0, run(t, "export", last, "-o", filepath.Join(out, "last.onnx")).code, "what was saved is whole")
		done := len(parseFile(t, filepath.Join(out, "emotion/history.json"))["train_losses"].([]any))
		r := run(t, "train", "emotion", "--out", out, "--resume", "--epochs", "1", "--json")
		require.Equal(t, 0, r.code, r.stderr)
		assert.EqualValues(t, done, parse(t, r.stdout)["emotion"].(map[string]any)["epochs"])
	}
}

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	torchtest.Need(t)
	out := t.TempDir()
	r := run(t, "demo", "--out", out, "--json")
	require.Equal(t, 0, r.code, r.stderr)
	summary := parse(t, r.stdout)
	emotion := summary["emotion"].(map[string]any)
	assert.EqualValues(t, 200, emotion["samples"])
	measures, constant := emotion["measures"].(map[string]any), emotion["constant"].(map[string]any)
	for _, feeling := range []string{"arousal", "valence"} {
		mine, naive := measures[feeling].(map[string]any), constant[feeling].(map[string]any)
		// 0.98 and 0.96 were seen, and half the constant's error or less.
		assert.Greater(t, mine["r"], 0.9, feeling)
		assert.Less(t, mine["rmse"], 0.5*naive["rmse"].(float64), feeling)
		assert.Nil(t, naive["r"], "a constant correlates with nothing")
	}
	melody := summary["melody"].(map[string]any)
	assert.EqualValues(t, 200, melody["samples"])
	assert.Less(t, melody["val_loss"], 0.93*melody["constant_loss"].(float64), "0.87 was seen")
	for network, entry := range summary {
		assert.Equal(t, true, entry.(map[string]any)["beats_constant"], network)
	}
	for _, network := range []string{"harmony", "dynamics", "groove"} {
		entry := summary[network].(map[string]any)
		// 0.35, 0.16 and 0.11 were seen.
		assert.Less(t, entry["val_loss"], 0.5*entry["constant_loss"].(float64), network)
	}
	assert.Contains(t, r.stderr, fmt.Sprintf("$ etude train all --data %s --out %s --force --seed 42\n",
		filepath.Join(out, "data"), filepath.Join(out, "run")), "with the default flags")
}

// The same path on real recordings and MIDI files.
func TestTrainOnRealData(t *testing.T) {
	torchtest.Need(t)
	data, out := torchtest.SharedData(t), t.TempDir()
	r := run(t, "train", "all", "--data", data, "--out", out, "--epochs", "2", "--json")
	require.Equal(t, 0, r.code, r.stderr)
	summary := parse(t, r.stdout)
	count := func(path, text string) int {
		return bytes.Count(read(t, filepath.Join(data, "training", path)), []byte(text))
	}
	// A sample for each row of the table, and for each valence of the JSON; of a
	// progression one for each four chords but the first; of MIDI files what
	// "features" prints.
	want := map[string]int{
		"emotion": max(count("audio/labels.csv", "\n")-1, 0), "melody": count("midi/emotion_labels.json", `"valence"`),
		"dynamics": countFeatures(t, "dynamics", filepath.Join(data, "training/dynamics_midi/*.mid")),
		"groove":   countFeatures(t, "groove", filepath.Join(data, "training/drums/*.mid")),
	}
	for _, p := range parseFile(t, filepath.Join(data, "training/chords/chord_progressions.json"))["progressions"].([]any) {
		want["harmony"] += max(len(p.(map[string]any)["chords"].([]any))/4-1, 0)
	}
	require.Len(t, summary, 5)
	for network, n := range want {
		entry := summary[network].(map[string]any)
		assert.EqualValues(t, n, entry["samples"], "%s: %v", network, entry["skipped"])
		assert.Less(t, entry["onnx"].(map[string]any)["max_abs_diff"], 1e-5, network)
	}
}

func countFeatures(t *testing.T, network, pattern string) int {
	t.Helper()
	files, err := filepath.Glob(pattern)
	require.NoError(t, err)
	r := run(t, append([]string{"features", network}, files...)...)
	require.Equal(t, 0, r.code, r.stderr)
	return strings.Count(r.stdout, "\n")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
