// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	var result twin.Result
	_, run := build()
	run.Epochs = 8 // fewer than the program has, to be done sooner
	result.Listen(&run)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	measured, err := run.Evaluate(context.Background(), run.Val)
	require.NoError(t, err)
	assert.Less(t, measured.MSE, run.Val.(*data.Set).X.Var(0).Item()/4, "what is drawn is not the mean of all pictures")
	assert.Equal(t, side, strings.Count(draw(run.Val.(*data.Set).X.Narrow(0, 0, 3)), "\n"))
	best := history.Best()
	result.Metrics = map[string]float64{"loss": best.ValLoss, "drawing": best.More["val_drawing"], "kl": best.More["val_kl"], "mse": measured.MSE}
	result.Compare(t, twin.Orders(run, run.Epochs, nil), 0.1)
}
