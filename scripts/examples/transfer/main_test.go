// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/twin"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { twin.Main(m) }

func TestTwin(t *testing.T) {
	torchtest.Need(t)
	ctx := context.Background()
	untaught, err := build(false)
	require.NoError(t, err)
	alone, err := fit(ctx, untaught)
	require.NoError(t, err)

	var result twin.Result
	run, err := build(true)
	require.NoError(t, err)
	features := func() []float32 { return run.Model.(*Listener).Features[0].(*nn.Conv).Weight.Float32s() }
	before := features()
	result.Listen(&run)
	taught, err := fit(ctx, run)
	require.NoError(t, err)
	assert.Equal(t, before, features(), "frozen")
	assert.Greater(t, taught, alone)
	result.Metrics = map[string]float64{"taught": taught, "from the beginning": alone}
	result.Compare(t, twin.Orders(run, run.Epochs, nil), 0.05)
}
