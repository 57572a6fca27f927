// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package readme tests what README.md says.
package readme

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// The program in README.md is the example digits, which learns to read as many digits as
// README.md says.
func TestProgram(t *testing.T) {
	const digits = "scripts/examples/digits"
	text, err := os.ReadFile("../../" + digits + "/main.go")
	require.NoError(t, err)
	require.Equal(t, string(text), example(t, "In Go", "go"))

	torchtest.Need(t)
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), "../../"+digits)
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.CopyFS(filepath.Join(dir, digits, "testdata"), os.DirFS("../../"+digits+"/testdata")))
	program := exec.Command(filepath.Join(dir, "program"))
	program.Dir = dir
	program.Env = append(os.Environ(), "OMP_NUM_THREADS=1") // so small a network is not faster with more
	out, err = program.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Regexp(t, `^epoch 1: (.*\n)+largest difference to ONNX Runtime: .*\n$`, string(out))
	run := filepath.Join(dir, "runs", "digits")
	for _, name := range []string{"last.pt", "best.pt", "model.pt", "history.json", "history.png", "digits.onnx"} {
		assert.FileExists(t, filepath.Join(run, name))
	}
	history, err := trainer.LoadHistory(filepath.Join(run, trainer.HistoryFile))
	require.NoError(t, err)
	assert.Contains(t, page(t), fmt.Sprintf("It reads %.0f %% of the digits", 100*history.Best().ValAcc))
}

// README.md names every example, and each is short enough to be read.
func TestExamples(t *testing.T) {
	mains, err := filepath.Glob("../examples/*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, mains)
	for _, path := range mains {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Less(t, strings.Count(string(text), "\n"), 120, path)
		name := filepath.Base(filepath.Dir(path))
		assert.True(t, strings.Contains(page(t), "`"+name+"`") || strings.Contains(page(t), "./scripts/examples/"+name), name)
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
	for _, name := range []string{"README.md", ".github/docs/running.md", ".github/docs/searching.md", ".github/ARCHITECTURE.md", ".github/CONTRIBUTING.md", ".github/CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
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
