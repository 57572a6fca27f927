// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var commands = []string{"setup", "doctor", "demo", "import", "validate", "features", "train", "evaluate", "export", "inspect", "diff", "cache", "verify-resume"}

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
		{"infer model.onnx", `unexpected argument infer`},
		{"train", `missing flag --data`},
		{"train emotion --out r", `missing flag --data`},
		{"train tempo --data d --out r", `network "tempo" is not known; there are emotion, melody, harmony, dynamics, groove`},
		{"train emotion Groove --data d --out r", `network "Groove" is not known`},
		{"train moods --data d --out r", `network "moods" is not known`},
		{"train all --data d --out r --epochs 0", `--epochs is 0`},
		{"train all --data d --out r --epochs many", `--epochs`},
		{"train all --data d --out r --lr=-1", `--lr is -1`},
		{"train all --data d --out r --lr NaN", `--lr is NaN`},
		{"train all --data d --out r --val-split 1", `--val-split is 1`},
		{"train all --data d --out r --threads 0", `--threads is 0`},
		{"features emotion", `file`},
		{"features drums a.mid", `network "drums" is not known`},
		{"features all a.mid", `name one network`},
		{"validate", `--data`},
		{"export", `model.pt`},
		{"export m.pt --format rtneural", `rtneural is not available yet`},
		{"export m.pt --format csv", `"csv" is not known`},
		{"export m.pt --network drums", `is not known`},
		{"train all --data d --out r --resume-from last.pt", `--resume-from continues one network`},
		{"inspect", `file`},
		{"diff a.pt", `<b>`},
		{"verify-resume emotion", `--data`},
		{"verify-resume all --data d", `name one network`},
		{"verify-resume drums --data d", `is not known`},
		{"verify-resume emotion --data d --stop-at 3,0", `--stop-at is 0`},
		{"verify-resume emotion --data d --epochs 0", `--epochs is 0`},
		{"doctor --fix", `unknown flag --fix`},
	} {
		r := run(t, strings.Fields(c.args)...)
		assert.Equal(t, 2, r.code, c.args)
		assert.Empty(t, r.stdout, c.args)
		assert.Contains(t, r.stderr, "etude: ", c.args)
		assert.Contains(t, r.stderr, c.says, c.args)
		assert.NotContains(t, r.stderr, "goroutine", c.args)
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
