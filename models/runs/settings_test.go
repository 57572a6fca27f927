// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
)

func ptr[T any](x T) *T { return &x }

func TestOverrides(t *testing.T) {
	spec, err := models.ByName("melody")
	require.NoError(t, err)
	defaults := Settings{
		Epochs: 300, BatchSize: 16, LR: 5e-4, WeightDecay: 1e-4, ValSplit: 0.2, Patience: 20, MinDelta: 1e-3, MinDeltaRelative: true, Seed: 42,
	}
	assert.Equal(t, defaults, Defaults(spec))
	assert.Equal(t, defaults, Overrides{}.Apply(defaults))

	// A zero that is given is a zero.
	want := defaults
	want.WeightDecay, want.Patience, want.MinDelta, want.Seed = 0, 0, 0, 0
	zeros := Overrides{WeightDecay: ptr(0.0), Patience: ptr(0), MinDelta: ptr(0.0), Seed: ptr(uint64(0))}
	require.NoError(t, zeros.Check())
	assert.Equal(t, want, zeros.Apply(defaults))
}

// MinDelta of a run made before it was a share stays a difference until it is
// overridden.
func TestMinDeltaOfAnOldRun(t *testing.T) {
	var old Settings
	require.NoError(t, json.Unmarshal([]byte(`{"epochs": 50, "patience": 10, "min_delta": 0.001}`), &old))
	old = Overrides{Epochs: ptr(60)}.Apply(old)
	assert.Equal(t, 0.001, old.MinDelta)
	assert.False(t, old.MinDeltaRelative)
	old = Overrides{MinDelta: ptr(0.01)}.Apply(old)
	assert.Equal(t, 0.01, old.MinDelta)
	assert.True(t, old.MinDeltaRelative)
}

func TestOverridesThatCannotBe(t *testing.T) {
	for says, o := range map[string]Overrides{
		"Overrides.Epochs is 0":         {Epochs: ptr(0)},
		"Overrides.BatchSize is -3":     {BatchSize: ptr(-3)},
		"Overrides.Patience is -1":      {Patience: ptr(-1)},
		"Overrides.LR is 0":             {LR: ptr(0.0)},
		"Overrides.LR is +Inf":          {LR: ptr(math.Inf(1))},
		"Overrides.WeightDecay is -0.1": {WeightDecay: ptr(-0.1)},
		"Overrides.ValSplit is 0":       {ValSplit: ptr(0.0)},
		"Overrides.MinDelta is NaN":     {MinDelta: ptr(math.NaN())},
	} {
		assert.ErrorContains(t, o.Check(), says)
	}
}
