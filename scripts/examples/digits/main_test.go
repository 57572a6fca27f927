// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

const table = "testdata/digits.csv.gz"

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	run, err := build(table, t.TempDir())
	require.NoError(t, err)
	run.Epochs = 8 // fewer than the program has, to be done sooner
	result.Listen(&run)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	best := history.Best()
	assert.Greater(t, best.ValAcc, 0.95)
	result.Metrics = map[string]float64{"loss": best.ValLoss, "accuracy": best.ValAcc, "f1": best.More["val_f1"]}
	assert.FileExists(t, run.Save+"/history.png")

	// Python numbers the digits as the table does.
	digits, err := files.ReadCSV(table, files.Columns{Targets: []string{"digit"}, Classes: map[string][]string{"digit": nil}})
	require.NoError(t, err)
	train, _, err := data.SplitStratified(torch.ToSlice[int64](digits.Y), 0.2, 1)
	require.NoError(t, err)
	result.Compare(t, twin.Orders(run, len(history.Epochs), train), 1e-2)
}

// The job is as short as it is in Lightning.
func TestLines(t *testing.T) {
	text, err := os.ReadFile("main.go")
	require.NoError(t, err)
	lines := 0
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	assert.LessOrEqual(t, lines, 60)
}
