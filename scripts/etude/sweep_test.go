// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// A sweep of two networks is interrupted and continued; other commands take each of its
// runs as any run.
func TestSweep(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), t.TempDir()
	p := launch(t, "train", "emotion", "groove", "--data", data, "--out", out, "--seeds", "0-9", "--grid", "lr=1e-3,3e-4",
		"--epochs", "400", "--patience", "400", "--jobs", "2")
	first := filepath.Join(out, "lr=0.001", "seed-0", "emotion")
	p.Until(t, time.Minute, func() bool { _, err := os.Stat(filepath.Join(first, "summary.json")); return err == nil })
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	assert.Equal(t, 130, p.End(), p.Said())
	assert.Contains(t, p.Said(), "training: stopped; --resume continues")
	// Those that were not reached are named in the file, and need no epoch more.
	r := run(t, "train", "emotion", "groove", "--out", out, "--resume", "--epochs", "1")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "holds a sweep: its runs are continued")
	assert.Equal(t, 1, strings.Count(r.stderr, "emotion: reading …"), "the data is read once")
	lines := strings.Split(r.stdout, "\n")
	assert.Regexp(t, `^network +lr +n +epochs +loss +constant +better +measures$`, lines[0])
	assert.Regexp(t, `^emotion +0.001 +10 +\d+ ± \d+ `, lines[1])
	assert.Regexp(t, `^groove +0.0003 +10 `, lines[4])

	v := parseFile(t, filepath.Join(out, "sweep.json"))
	require.Len(t, v["combinations"], 4)
	for _, c := range v["combinations"].([]any) {
		runs := c.(map[string]any)["runs"].([]any)
		require.Len(t, runs, 10)
		for _, r := range runs {
			assert.Equal(t, true, r.(map[string]any)["done"])
			assert.FileExists(t, filepath.Join(out, r.(map[string]any)["folder"].(string), "model.onnx"))
		}
	}
	r = run(t, "evaluate", out, "--data", data)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "holds a sweep: name one of its runs, which "+filepath.Join(out, "sweep.json")+" lists")
	single := filepath.Join(out, "lr=0.0003", "seed-4")
	assert.Equal(t, 0, run(t, "evaluate", single, "--data", data).code)
	assert.Equal(t, 0, run(t, "export", filepath.Join(single, "emotion"), "-o", filepath.Join(t.TempDir(), "m.onnx")).code)
	assert.Equal(t, 0, run(t, "train", "emotion", "--out", single, "--resume", "--epochs", "3").code)

	// One that diverges ends with its error, and the others with their results.
	r = run(t, "train", "emotion", "--data", data, "--out", t.TempDir(), "--epochs", "3", "--grid", "lr=1e30,1e-3", "--json")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "lr=1e+30: emotion: ")
	assert.Contains(t, r.stderr, "etude: 1 of 2 runs failed: emotion lr=1e+30")
	c := parse(t, r.stdout)["combinations"].([]any)
	assert.NotEmpty(t, c[0].(map[string]any)["runs"].([]any)[0].(map[string]any)["error"])
	assert.EqualValues(t, 1, c[1].(map[string]any)["measures"].(map[string]any)["val_loss"].(map[string]any)["n"])
}

// Katib's own filter of metrics finds every pair; the values are those of the files.
func TestMetrics(t *testing.T) {
	torchtest.Need(t)
	out := t.TempDir()
	r := run(t, "train", "melody", "--data", corpus(t), "--out", out, "--epochs", "3", "--metrics")
	require.Equal(t, 0, r.code, r.stderr)
	// DefaultFilter in pkg/metricscollector/v1beta1/common/const.go of kubeflow/katib.
	filter := regexp.MustCompile(`([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)`)
	var lines []map[string]float64
	for line := range strings.Lines(r.stdout) {
		pairs := map[string]float64{}
		for _, m := range filter.FindAllStringSubmatch(line, -1) {
			x, err := strconv.ParseFloat(m[2], 64)
			require.NoError(t, err, line)
			pairs[m[1]] = x
		}
		assert.Len(t, pairs, len(strings.Fields(line)))
		lines = append(lines, pairs)
	}
	require.Len(t, lines, 4)
	history, entry := parseFile(t, filepath.Join(out, "melody", "history.json")), parseFile(t, filepath.Join(out, "melody", "summary.json"))
	for i, pairs := range lines[:3] {
		assert.Equal(t, map[string]float64{
			"epoch": float64(i + 1), "train_loss": history["train_losses"].([]any)[i].(float64), "val_loss": history["val_losses"].([]any)[i].(float64),
		}, pairs)
	}
	top := func(name string) float64 {
		return entry["headlines"].(map[string]any)[name].(map[string]any)["value"].(float64)
	}
	assert.Equal(t, map[string]float64{
		"epochs": 3, "best_epoch": entry["best_epoch"].(float64) + 1, "val_loss": entry["val_loss"].(float64), "constant_loss": entry["constant_loss"].(float64),
		"top_1_agreement": top("top-1 agreement"), "top_5_agreement": top("top-5 agreement"),
	}, lines[3])
}
