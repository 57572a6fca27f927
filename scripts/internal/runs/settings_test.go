// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package runs

import (
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
	defaults := Settings{Epochs: 50, BatchSize: 64, LR: 5e-4, WeightDecay: 1e-4, ValSplit: 0.2, Patience: 10, MinDelta: 1e-3, Seed: 42}
	assert.Equal(t, defaults, Defaults(spec))
	assert.Equal(t, defaults, Overrides{}.Apply(defaults))

	// A zero that is given is a zero.
	want := defaults
	want.WeightDecay, want.Patience, want.MinDelta, want.Seed = 0, 0, 0, 0
	zeros := Overrides{WeightDecay: ptr(0.0), Patience: ptr(0), MinDelta: ptr(0.0), Seed: ptr(uint64(0))}
	require.NoError(t, zeros.Check())
	assert.Equal(t, want, zeros.Apply(defaults))
}

func TestOverridesThatCannotBe(t *testing.T) {
	for says, o := range map[string]Overrides{
		"--epochs is 0":          {Epochs: ptr(0)},
		"--batch-size is -3":     {BatchSize: ptr(-3)},
		"--patience is -1":       {Patience: ptr(-1)},
		"--lr is 0":              {LR: ptr(0.0)},
		"--lr is +Inf":           {LR: ptr(math.Inf(1))},
		"--weight-decay is -0.1": {WeightDecay: ptr(-0.1)},
		"--val-split is 0":       {ValSplit: ptr(0.0)},
		"--min-delta is NaN":     {MinDelta: ptr(math.NaN())},
	} {
		assert.ErrorContains(t, o.Check(), says)
	}
}
