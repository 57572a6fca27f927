// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	penguins, run, err := build("penguins.csv", 0)
	require.NoError(t, err)
	result.Listen(&run)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	best := history.Best()
	assert.Greater(t, best.ValAcc, 0.95)
	result.Metrics = map[string]float64{"loss": best.ValLoss, "accuracy": best.ValAcc}

	// Python numbers the penguins as the table does.
	folds, err := data.KFoldStratified(torch.ToSlice[int64](penguins.Y), 5, 1)
	require.NoError(t, err)
	result.Compare(t, twin.Orders(run, len(history.Epochs), folds[0].Train), 1e-2)
}
