// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	run := build()
	run.Epochs = 4 // fewer than the program has, to be done sooner
	result.Listen(&run)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	auc := history.Best().More["val_auc"]
	assert.Greater(t, auc, 0.9)
	result.Metrics = map[string]float64{"auc": auc}
	result.Compare(t, twin.Orders(run, run.Epochs, nil), 0.01)
}
