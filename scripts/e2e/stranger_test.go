// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// stranger is somebody with the command in the PATH and music in the home.
type stranger struct {
	dir string // the current folder
	env []string
}

// run runs a line of a shell and returns its result and what it says to people.
func (s stranger) run(line string) (stdout, stderr string, err error) {
	var out, errors strings.Builder
	cmd := exec.Command("bash", "-euc", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}

func (s stranger) must(t *testing.T, line string) string {
	t.Helper()
	stdout, stderr, err := s.run(line)
	require.NoError(t, err, "%s\n%s", line, stderr)
	return stdout
}

// The way of somebody who has read README.md: its lines, as they stand there, lead from a
// corpus as the demo composes it to trained networks, to a MIDI sketch of a sound, to a folder
// that Python reads, and to a file that a program in C++ runs.
func TestAStrangersWay(t *testing.T) {
	torchtest.Need(t)
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	home := t.TempDir()
	s := stranger{filepath.Join(home, "work"), append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+cache,
		"ETUDE_CACHE="+filepath.Join(home, "features"), "PATH="+home+":"+os.Getenv("PATH"), "ORT_DISABLE_TELEMETRY=1")}
	require.NoError(t, os.Mkdir(s.dir, 0o755))
	out, err := exec.Command("go", "build", "-o", filepath.Join(home, "etude"), "../etude").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for folder, pieces := range map[string]int{"music": 32, "other-music": 3} {
		require.NoError(t, demo.Write(t.Context(), filepath.Join(home, folder), demo.Options{Seed: uint64(pieces), Pieces: pieces, Sections: 2}))
	}

	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^etude (train|export|infer) .*$`).FindAllString(string(readme), -1)
	require.Len(t, lines, 5)
	song, err := os.ReadFile(filepath.Join(home, "other-music/training/audio/piece-01-section-1.wav"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "song.wav"), song, 0o644))
	var said strings.Builder
	for _, line := range lines {
		said.WriteString(s.must(t, line))
	}
	assert.Regexp(t, `valence|arousal`, said.String(), "the answers to the song")
	sketch, err := midi.Read(filepath.Join(s.dir, "a.mid"))
	require.NoError(t, err)
	assert.Empty(t, sketch.Faults)
	assert.Greater(t, len(sketch.Notes), 20)

	folder := filepath.Join(s.dir, "emotion")
	t.Run("folder", func(t *testing.T) {
		_, stderr, err := s.run("etude export runs/first/emotion --to emotion")
		assert.ErrorContains(t, err, "exit status 1")
		assert.Contains(t, stderr, "emotion: the folder holds an earlier export: name another folder, or replace it (--force)")
		var result struct {
			File, Folder, Network string
			ONNX                  runs.ONNXCheck
		}
		require.NoError(t, json.Unmarshal([]byte(s.must(t, "etude export runs/first/emotion --to emotion --force --json")), &result))
		assert.Equal(t, []string{"emotion", "emotion/model.onnx"}, []string{result.Folder, result.File})
		assert.NotEmpty(t, result.ONNX.Batches)

		var summary map[string]struct {
			Loss     float64 `json:"val_loss"`
			Constant float64 `json:"constant_loss"`
		}
		text, err := os.ReadFile(runs.SummaryFile(filepath.Join(s.dir, "runs/first")))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &summary))
		card, err := os.ReadFile(filepath.Join(folder, "README.md"))
		require.NoError(t, err)
		for _, text := range []string{
			fmt.Sprintf("\n| loss | %.4g | %.4g |\n", summary["emotion"].Loss, summary["emotion"].Constant), "| valence CCC |",
			"64 samples in 32 groups, such as pieces or players, from the folder `music`: 50 for training and 14 for validation",
			"The run does not say who made 64 of the samples", "feature emotion.logmel+clip: version",
		} {
			assert.Contains(t, string(card), text)
		}
		assert.NotContains(t, string(card), home, "where things lie here is nobody's business")

		// Measures of another epoch's weights are not taken.
		s.must(t, `sed -i 's/"best_epoch": [0-9]*/"best_epoch": 1000/' runs/first/emotion/summary.json`)
		_, stderr, err = s.run("etude export runs/first/emotion --to unmeasured")
		require.NoError(t, err)
		assert.Contains(t, stderr, "the card has no measures, because runs/first/emotion/summary.json is missing or about other weights")
	})

	// 1e-5 is what export allows between ONNX Runtime and libtorch.
	t.Run("Python", func(t *testing.T) {
		var differences map[string]float64
		folders := []string{folder, filepath.Join(s.dir, "unmeasured")}
		require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "../../models/runs/testdata/folder.py", folders...), &differences))
		require.Len(t, differences, 2)
		for _, folder := range folders {
			assert.LessOrEqual(t, differences[folder], 1e-5)
		}
	})

	// The same program computes the features of the file, in float32 where Go has float64.
	t.Run("C++", func(t *testing.T) {
		answer := compileAnswer(t)
		sounds, err := filepath.Glob(filepath.Join(home, "other-music/training/audio/*.wav"))
		require.NoError(t, err)
		require.Len(t, sounds, 6)
		if shared, err := filepath.Glob(filepath.Join(torchtest.Root(t), "../shared/data/training/audio/*.wav")); err == nil {
			sounds = append(sounds, shared...)
		}
		worst, compared, spread := 0.0, 0, [2]float64{1, -1}
		for _, sound := range sounds {
			stdout, stderr, err := s.run(answer + " plugin.onnx '" + sound + "'")
			if err != nil && strings.Contains(stderr, "want 16-bit PCM at 22050 Hz") && compared >= 6 {
				continue
			}
			require.NoError(t, err, "%s: %s", sound, stderr)
			var valence, arousal float64
			_, err = fmt.Sscanf(stdout, "valence_arousal %g %g\n", &valence, &arousal)
			require.NoError(t, err, stdout)
			var line struct {
				Readout struct{ Valence, Arousal float64 }
			}
			require.NoError(t, json.Unmarshal([]byte(s.must(t, "etude infer runs/first/emotion --json '"+sound+"'")), &line))
			worst = max(worst, math.Abs(valence-line.Readout.Valence), math.Abs(arousal-line.Readout.Arousal))
			spread = [2]float64{min(spread[0], valence), max(spread[1], valence)}
			compared++
		}
		assert.LessOrEqual(t, worst, 1e-5)
		assert.Greater(t, spread[1]-spread[0], 0.1, "the network tells sounds apart")
		t.Logf("%d sounds; the largest difference is %.1e", compared, worst)
		_, stderr, err := s.run(answer + " emotion.onnx '" + sounds[0] + "'")
		assert.ErrorContains(t, err, "exit status 1")
		assert.Contains(t, stderr, "emotion.onnx takes audio_features, not samples of sound")
	})
}

// compileAnswer compiles the example as its comment says, against the installed ONNX Runtime
// and the header that its Go wrapper brings.
func compileAnswer(t *testing.T) string {
	library, err := libtorch.LocateONNXRuntime()
	require.NoError(t, err)
	header, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"libonnxruntime.so", "libonnxruntime.so.1"} { // for the linker, and as it calls itself
		require.NoError(t, os.Symlink(library, filepath.Join(dir, name)))
	}
	answer := filepath.Join(dir, "answer")
	cmd := exec.Command("c++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "../examples/onnx-cpp/main.cpp",
		"-I", strings.TrimSpace(string(header)), "-L", dir, "-lonnxruntime", "-Wl,-rpath,"+dir, "-o", answer)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return answer
}
