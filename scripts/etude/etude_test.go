// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/demo"
)

// etude is the built command.
var etude string

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "etude-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	etude = filepath.Join(dir, "etude")
	// What tests keep of files goes with them.
	os.Setenv("ETUDE_CACHE", filepath.Join(dir, "features"))
	if out, err := exec.Command("go", "build", "-o", etude, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the command with arguments.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runWith(t, nil, args...)
}

func runWith(t *testing.T, env []string, args ...string) result {
	t.Helper()
	cmd := exec.Command(etude, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// without is an environment in which nothing is installed.
func without(t *testing.T) []string {
	dir := t.TempDir()
	return []string{"ETUDE_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "ETUDE_LIBTORCH=", "LIBTORCH=", "ETUDE_ONNXRUNTIME="}
}

// corpus composes a small data folder: 8 pieces, 16 samples of each kind.
func corpus(t *testing.T) string {
	t.Helper()
	return corpusOf(t, 8)
}

func corpusOf(t *testing.T, pieces int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	require.NoError(t, demo.Write(context.Background(), dir, demo.Options{Seed: 1, Pieces: pieces, Sections: 2}))
	return dir
}

// parse reads all of a text as one JSON value.
func parse(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// parseFile reads a JSON file.
func parseFile(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return parse(t, string(text))
}
