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
	model, run := build()
	run.Epochs = 3 // fewer than the program has, to be done sooner
	result.Listen(&run)
	history, err := run.Fit(context.Background())
	require.NoError(t, err)
	perplexity := history.Best().More["val_perplexity"]
	assert.Less(t, perplexity, float64(len(alphabet))/4)
	assert.Len(t, write(model, "Shall I ", 60), 68)
	result.Metrics = map[string]float64{"perplexity": perplexity}
	result.Compare(t, twin.Orders(run, run.Epochs, nil), 0.2)
}
