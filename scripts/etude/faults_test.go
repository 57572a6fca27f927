// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

//go:build linux && amd64

package main

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// Any write of `etude train` may fail once, or may be the last one before a kill: exit
// code 0 means that all files are those of an undisturbed run, and --resume produces
// them in every case. ETUDE_TEST_FAULTS sets how many faults are tried, 0 for all.
func TestFaults(t *testing.T) {
	torchtest.Need(t)
	inject := torchtest.NewInjector(t)
	data := corpus(t)
	train := func(out string, more ...string) []string {
		return append([]string{etude, "train", "groove", "--data", data, "--out", out, "--epochs", "3", "--patience", "9", "--threads", "1"}, more...)
	}
	whole := filepath.Join(t.TempDir(), "run")
	calls, said, err := inject.Run("before", 0, whole, nil, train(whole)...)
	require.NoError(t, err, said)
	require.Greater(t, calls, 50) // three short epochs are saved once
	want := results(t, whole)
	require.Equal(t, float64(2), want["summary"].(map[string]any)["best_epoch"], "or best.pt is never replaced")

	most := 6
	if n, err := strconv.Atoi(os.Getenv("ETUDE_TEST_FAULTS")); err == nil {
		most = n
	}
	random := rand.New(rand.NewPCG(7, 8))
	faults := random.Perm(calls * len(torchtest.Faults))
	if most > 0 {
		faults = faults[:min(most, len(faults))]
	}
	for _, i := range faults {
		how, n := torchtest.Faults[i%len(torchtest.Faults)], 1+i/len(torchtest.Faults)
		out := filepath.Join(t.TempDir(), "run")
		if _, said, err := inject.Run(how, n, out, nil, train(out)...); err == nil {
			require.Equal(t, want, results(t, out), "%s at %d: exit code 0, %s", how, n, said)
		}
		r := run(t, train(out, "--resume")[1:]...)
		require.Equal(t, 0, r.code, "%s at %d: %s", how, n, r.stderr)
		require.Equal(t, want, results(t, out), "%s at %d, resumed", how, n)
		for _, dir := range []string{out, filepath.Join(out, "groove")} {
			left, err := filepath.Glob(filepath.Join(dir, "*.tmp*"))
			require.NoError(t, err)
			hidden, err := filepath.Glob(filepath.Join(dir, ".*.tmp*"))
			require.NoError(t, err)
			assert.Empty(t, append(left, hidden...), "%s at %d", how, n)
		}
	}
}

// results returns the files of a run without times.
func results(t *testing.T, out string) map[string]any {
	t.Helper()
	all := map[string]any{}
	entries, err := os.ReadDir(filepath.Join(out, "groove"))
	require.NoError(t, err)
	for _, e := range entries {
		path := filepath.Join(out, "groove", e.Name())
		all[e.Name()] = true
		switch {
		case e.Name() == "model.pt" || e.Name() == "model.onnx" || e.Name() == "samples.json":
			all[e.Name()] = fmt.Sprintf("%x", sha256.Sum256(read(t, path)))
		case strings.HasSuffix(e.Name(), ".pt"):
			r := run(t, "inspect", path, "--json")
			require.Equal(t, 0, r.code, r.stderr)
			all[e.Name()] = parse(t, r.stdout)["tensors"]
		}
	}
	summary, _ := parseFile(t, filepath.Join(out, "summary.json"))["groove"].(map[string]any)
	kept := map[string]any{}
	for _, key := range []string{"best_epoch", "epochs", "val_loss", "stop_reason", "measures", "constant", "files"} {
		kept[key] = summary[key]
	}
	all["summary"] = kept
	return all
}
