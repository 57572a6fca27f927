// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/models/measure"
)

// The numbers are those of Python 3.11's statistics.mean and statistics.stdev. Undefined
// measures, and runs without a result, do not count.
func TestSpread(t *testing.T) {
	done := func(loss, r measure.Number) SweepRun {
		return SweepRun{Done: true, Result: &Result{Epochs: 3, ValLoss: loss, ConstantLoss: 1, Headlines: map[string]Headline{"r": {Value: r}}}}
	}
	c := Combination{Runs: []SweepRun{done(0.5, 0.25), done(0.25, measure.Undefined), done(0.375, measure.Undefined), {Error: "lost"}, done(1, measure.Undefined)}}
	c.measure()
	loss, r := c.Measures["val_loss"], c.Measures["r"]
	assert.Equal(t, 4, loss.N)
	assert.InDelta(t, 0.53125, float64(loss.Mean), 1e-15)
	assert.InDelta(t, 0.32874445495957294, float64(loss.Std), 1e-15)
	assert.Equal(t, 1, r.N)
	assert.False(t, r.Std.Defined(), "of one run")
	assert.Equal(t, Spread{4, 3, 0}, c.Measures["epochs"])
}
