// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

var commands = []string{"setup", "doctor", "demo", "import", "validate", "features", "train", "evaluate", "export", "infer", "inspect", "diff", "cache", "launch", "verify-resume", "bench-inference"}

func TestHelp(t *testing.T) {
	all := run(t, "--help")
	assert.Equal(t, 0, all.code)
	assert.Empty(t, all.stderr)
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(all.stdout, -1) {
		listed = append(listed, m[1])
	}
	assert.Equal(t, commands, listed, "what does not exist is not advertised")

	for _, command := range commands {
		r := run(t, command, "--help")
		assert.Equal(t, 0, r.code)
		_, examples, found := strings.Cut(r.stdout, "Examples:")
		assert.True(t, found, command)
		assert.GreaterOrEqual(t, strings.Count(examples, "etude "+command), 2, r.stdout)
	}
	assert.Regexp(t, `^etude \S+\n$`, run(t, "--version").stdout)
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"", `say what to do`},
		{"fly", `unexpected argument fly`},
		{"infer", `MODEL is missing in etude infer MODEL FILE`},
		{"infer model.onnx", `FILE is missing in etude infer MODEL FILE`},
		{"infer model.onnx a.wav --every soon", `--every is soon; it must be a number of seconds`},
		{"infer model.onnx a.wav --every 0", `--every is 0; it must be`},
		{"infer model.onnx a.wav --every NaN", `--every is NaN; it must be`},
		{"infer model.onnx a.wav --every Inf", `--every is Inf; it must be`},
		{"infer model.onnx a.wav --json --csv", `--json and --csv can't be used together`},
		{"infer run a.wav --midi a.mid", `--midi and --bars need --chain`},
		{"infer run a.wav --chain --midi a.wav", `--midi is a.wav; its name must end in .mid`},
		{"infer run a.wav b.wav --chain --midi a.mid", `take one sound`},
		{"infer run a.wav b.wav --chain --plot a.png", `take one sound`},
		{"infer run a.wav --chain --bars=-1", `--bars is -1`},
		{"infer run - --chain", `--chain takes files, not -`},
		{"infer m.onnx a.wav --plot a.jpg", `--plot is a.jpg; its name must end in .png or .svg`},
		{"bench-inference", `MODEL is missing in etude bench-inference MODEL`},
		{"bench-inference m.pt --batch 16,0", `--batch needs numbers from 1 to 1,048,576`},
		{"bench-inference m.pt --batch=", `--batch needs numbers`},
		{"bench-inference m.pt --batch 99999999999", `--batch needs numbers`},
		{"bench-inference m.pt --duration 0s", `--duration is 0s; it must be positive`},
		{"bench-inference m.pt --duration long", `--duration`},
		{"bench-inference m.pt --threads 0", `--threads is 0; it must be from 1 to`},
		{"train", `missing flag --data`},
		{"train emotion --out r", `missing flag --data`},
		{"train tempo --data d --out r", `network "tempo" is not known; there are emotion, melody, harmony, dynamics, groove`},
		{"train emotion Groove --data d --out r", `network "Groove" is not known`},
		{"train moods --data d --out r", `network "moods" is not known`},
		{"train all --data d --out r --epochs 0", `--epochs is 0`},
		{"train all --data d --seeds 3-1", `--seeds is "3-1"; it must be a range or a list of whole numbers, such as 0-31 or 1,4,9`},
		{"train all --data d --seeds 1,x", `--seeds is "1,x"; it must be`},
		{"train all --data d --seeds 0-99999", `--seeds is "0-99999"; a sweep has 10000 runs at most`},
		{"train all --data d --seeds 1,0-2", `--seeds or --grid gives seed-1 twice`},
		{"train all --data d --seeds 0-1 --seed 2", `--seed and --seeds set the same; give one of them`},
		{"train emotion --resume-from f --seeds 0-1", `--resume-from continues one run`},
		{"train all --data d --grid lr", `--grid is "lr"; it must be a setting with its values, such as lr=1e-3,3e-4`},
		{"train all --data d --grid lr=1e-3,x", `--grid lr=x: the value is no number`},
		{"train all --data d --grid lr=", `--grid lr=: the value is no number`},
		{"train all --data d --grid lr=1e-3,0.001", `gives lr=0.001 twice`},
		{"train all --data d --grid lr=1 --lr 2", `--grid lr=1: lr is given elsewhere too`},
		{"train all --data d --grid tempo=3", `--grid tempo=3: there is no such setting; a grid takes epochs, batch-size, lr`},
		{"train all --data d --grid seed=3", `--grid seed=3: there is no such setting`},
		{"train all --data d --grid batch-size=1.5", `--grid batch-size=1.5: the value must be a whole number`},
		{"train all --data d --grid lr=-1", `--lr is -1; it must be above 0`},
		{"train all --data d --metrics", `--metrics prints one run of one network`},
		{"train emotion --data d --metrics --seeds 0-3", `--metrics prints one run of one network`},
		{"train emotion --data d --metrics --json", `can't be used together`},
		{"train all --data d --jobs=-1", `--jobs is -1; it must be at least 1`},
		{"train all --data d --out r --epochs many", `--epochs`},
		{"train all --data d --out r --lr=-1", `--lr is -1`},
		{"train all --data d --out r --lr NaN", `--lr is NaN`},
		{"train all --data d --out r --val-split 1", `--val-split is 1`},
		{"train all --data d --out r --threads 0", `--threads is 0`},
		{"features emotion", `FILE is missing in etude features NETWORK FILE`},
		{"features drums a.mid", `network "drums" is not known`},
		{"features all a.mid", `name one network`},
		{"validate", `--data`},
		{"export", `MODEL.PT is missing in etude export MODEL.PT`},
		{"export m.pt --format rtneural --opset 18", `--to are for ONNX; the format is rtneural`},
		{"export m.pt --dialect kelly", `add --format rtneural`},
		{"export m.pt --format rtneural --dialect keras", `dialect "keras" is not known`},
		{"export m.pt --format csv", `"csv" is not known`},
		{"export m.pt --network drums", `is not known`},
		{"export m.pt --from-samples --format rtneural", `are for ONNX`},
		{"export m.pt --to d --format rtneural", `--to are for ONNX; the format is rtneural`},
		{"export m.pt --to d -o m.onnx", `--to names the folder and -o the file`},
		{"export m.pt --force", `--force replaces the folder of --to; none is given`},
		{"export m.pt --license mit", `--license is for the card in the folder of --to; none is given`},
		{"export m.pt --from-samples --opset 16", `--opset is 16; the spectra of --from-samples need 17`},
		{"export m.pt --from-samples=44100", `--from-samples is "44100"; it is a switch`},
		{"train all --data d --out r --resume-from last.pt", `--resume-from continues one network`},
		{"inspect", `FILE is missing in etude inspect FILE`},
		{"diff", `A is missing in etude diff A B`},
		{"diff a.pt", `B is missing in etude diff A B`},
		{"validate --data", `--data needs a value; see etude validate --help`},
		{"train all --data d --epochs", `--epochs needs a value`},
		{"train all --data d --seed -1", `--seed needs a value, and one that begins with a dash is written --seed=-1`},
		{"train all --data d --seed=-1", `--seed is "-1"; it must be a whole number that is not negative`},
		{"train all --data d --epochs=1.5", `--epochs is "1.5"; it must be a whole number`},
		{"train all --data d --lr=fast", `--lr is "fast"; it must be a number`},
		{"train all --data d --resume=maybe", `--resume is "maybe"; it is a switch and takes no value`},
		{"help fly", `unexpected argument fly`},
		{"verify-resume emotion", `--data`},
		{"verify-resume all --data d", `name one network`},
		{"verify-resume drums --data d", `is not known`},
		{"verify-resume emotion --data d --stop-at 3,0", `--stop-at is 0`},
		{"verify-resume emotion --data d --epochs 0", `--epochs is 0`},
		{"launch -- train", `-n has to be at least 1`},
		{"launch -n 0 -- train", `-n has to be at least 1`},
		{"launch -n two -- train", `-n`},
		{"launch -n 2 --", `ARGS is missing in etude launch ARGS`},
		{"launch -n 2 --shutdown-timeout 0s -- train", `--shutdown-timeout has to be more than 0`},
		{"doctor --fix", `unknown flag --fix`},
	} {
		r := run(t, strings.Fields(c.args)...)
		assert.Equal(t, 2, r.code, c.args)
		assert.Empty(t, r.stdout, c.args)
		assert.Contains(t, r.stderr, "etude: ", c.args)
		assert.Contains(t, r.stderr, c.says, c.args)
		for _, foreign := range []string{"goroutine", "EOL", "<", "expected a valid"} {
			_, message, _ := strings.Cut(r.stderr, "etude: ") // behind the help, where there is some
			assert.NotContains(t, message, foreign, c.args)
		}
	}
	for _, args := range [][2]string{{"help", "--help"}, {"help train", "train --help"}} {
		r := run(t, strings.Fields(args[0])...)
		assert.Equal(t, 0, r.code, args)
		assert.Equal(t, run(t, strings.Fields(args[1])...), r)
	}
}

func TestFailuresWithoutLibtorch(t *testing.T) {
	env, data := without(t), corpus(t)
	for _, args := range [][]string{
		{"train", "all", "--data", data, "--out", t.TempDir()},
		{"export", "model.pt"},
		{"verify-resume", "emotion", "--data", data},
	} {
		r := runWith(t, env, args...)
		assert.Equal(t, 1, r.code)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "etude setup", "the mend is named")
	}

	r := runWith(t, env, "doctor", "--json")
	assert.Equal(t, 1, r.code)
	report := parse(t, r.stdout)
	assert.Equal(t, false, report["ok"])
	assert.NotEmpty(t, report["parts"])
	r = runWith(t, env, "doctor")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stdout, "Training cannot run.")
}

// What is missing is named with the flag that named it.
func TestPathsAreNamedWithTheirFlags(t *testing.T) {
	torchtest.Need(t)
	data := corpus(t)
	out := filepath.Join(t.TempDir(), "run")
	require.Equal(t, 0, run(t, "train", "dynamics", "--data", data, "--out", out, "--epochs", "1").code)
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--data " + none + ": no such file", []string{"validate", "--data", none}},
		{"--data " + none + ": no such file", []string{"train", "all", "--data", none}},
		{"--data " + none + ": no such file", []string{"train", "dynamics", "--out", out, "--resume", "--data", none}},
		{"--data " + none + ": no such file", []string{"evaluate", out, "--data", none}},
		{"--data " + none + ": no such file", []string{"verify-resume", "groove", "--data", none}},
		{"--from " + none + ": no such file", []string{"import", "groove", "--from", none, "--to", out}},
		{"--plots /dev/null: ", []string{"evaluate", out, "--data", data, "--plots", "/dev/null"}},
		{"--out /dev/null: ", []string{"train", "groove", "--data", data, "--out", "/dev/null"}},
		{"begun with --batch-size 64 --seed 42: give the same again", []string{"train", "dynamics", "--out", out, "--resume", "--seed", "1", "--batch-size", "9"}},
	} {
		r := run(t, c.args...)
		assert.Equal(t, 1, r.code, c.args)
		assert.Contains(t, r.stderr, c.says, c.args)
		for _, prefix := range []string{"dataset: ", "trainer: ", "collection: "} {
			assert.NotContains(t, r.stderr, prefix, c.args)
		}
	}
	require.NoError(t, os.RemoveAll(filepath.Join(data, "training/midi")))
	r := run(t, "train", "melody", "--data", data, "--out", out)
	assert.Equal(t, 1, r.code)
	assert.Regexp(t, `(?m)^etude: melody: no folder`, r.stderr)
}
