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
	run.Epochs = 8 // fewer than the program has, to be done sooner
	result.Listen(&run)
	ctx := context.Background()
	_, err := run.Fit(ctx)
	require.NoError(t, err)
	result.Metrics, err = measure(ctx, run)
	require.NoError(t, err)
	assert.Less(t, result.Metrics["RMSE"], 0.8*result.Metrics["RMSE of yesterday"])
	result.Compare(t, twin.Orders(run, run.Epochs, nil), 5e-3)
}
