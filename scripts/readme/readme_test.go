// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package readme tests what README.md says.
package readme

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/scripts/internal/demo"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The program in README.md runs on the corpus of the demo and prints what README.md
// shows below it.
func TestProgram(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	main := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(main, []byte(example(t, "In Go", "go")), 0o600))
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), main)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.NoError(t, demo.Write(context.Background(), filepath.Join(dir, "demo", "data"), demo.Options{Seed: 42}))
	program := exec.Command(filepath.Join(dir, "program"))
	program.Dir = dir
	out, err = program.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, example(t, "In Go", ""), string(out))
	for _, name := range []string{"last.pt", "best.pt", "model.pt", "history.json", "history.png", "model.onnx"} {
		assert.FileExists(t, filepath.Join(dir, "runs", "emotion", name))
	}
}

// README.md stays short enough to be read.
func TestLengthOfTheREADME(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(text), "\n"), 240)
}

// Links in the pages lead to files.
func TestLinks(t *testing.T) {
	links := 0
	for _, name := range []string{"README.md", ".github/docs/running.md", ".github/ARCHITECTURE.md", ".github/CONTRIBUTING.md", ".github/CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(string(text), -1) {
			links++
			assert.FileExists(t, filepath.Join("../..", filepath.Dir(name), m[1]), name)
		}
	}
	assert.NotZero(t, links)
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
