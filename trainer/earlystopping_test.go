// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// loose reads a number, or a name such as "nan".
type loose float64

func (l *loose) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"nan"`:
		*l = loose(math.NaN())
	case `"inf"`:
		*l = loose(math.Inf(1))
	case `"-inf"`:
		*l = loose(math.Inf(-1))
	default:
		return json.Unmarshal(text, (*float64)(l))
	}
	return nil
}

// The golden file holds the decisions of the callbacks of Lightning and Keras for the same
// values.
func TestEarlyStoppingAsLightningAndKeras(t *testing.T) {
	var cases []struct {
		Source                string
		Values                []loose
		Patience              int
		MinDelta              float64 `json:"min_delta"`
		Mode                  string
		Threshold, Divergence *float64
		Steps                 []struct {
			Improved *bool
			Wait     int
			Reason   StopReason
		}
	}
	text, err := os.ReadFile("testdata/stop.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Greater(t, len(cases), 90)
	for _, c := range cases {
		e := EarlyStopping{Patience: c.Patience, MinDelta: c.MinDelta, Threshold: c.Threshold, Divergence: c.Divergence}
		if c.Mode == "max" {
			e.Mode = Max
		}
		for i, want := range c.Steps {
			improved, stop := e.Observe(float64(c.Values[i]))
			require.Equal(t, want.Reason, e.Reason(), "%+v at %d", c, i)
			require.Equal(t, want.Reason != "", stop, "%+v at %d", c, i)
			if want.Improved != nil {
				require.Equal(t, *want.Improved, improved, "%+v at %d", c, i)
				require.Equal(t, want.Wait, e.Wait(), "%+v at %d", c, i)
			}
		}
	}
}

func TestEarlyStoppingDefaults(t *testing.T) {
	e := DefaultEarlyStopping()
	assert.True(t, math.IsNaN(e.Best()))
	observe := func(value float64, wantImproved, wantStop bool) {
		t.Helper()
		improved, stop := e.Observe(value)
		assert.Equal(t, wantImproved, improved)
		assert.Equal(t, wantStop, stop)
	}
	for _, scale := range []float64{1, -1, 1e-6, 1e6} { // MinDelta is a share of the best value
		e.Reset()
		observe(scale, true, false)
		best := scale - 0.0015*math.Abs(scale)
		observe(best, true, false)
		for range 9 {
			observe(best-0.0005*math.Abs(scale), false, false)
		}
		observe(best-0.0005*math.Abs(scale), false, true)
		assert.Equal(t, best, e.Best())
		assert.Equal(t, StopPatience, e.Reason())
	}

	// A zero is a zero: any better value is an improvement, and the first check
	// without one stops.
	e = EarlyStopping{}
	observe(1, true, false)
	observe(1-1e-9, true, false)
	observe(1-1e-9, false, true)

	e = EarlyStopping{Patience: math.MaxInt}
	for range 1000 {
		_, stop := e.Observe(1)
		require.False(t, stop)
	}
}

// Patience is not remembered: what came before MinChecks does not stop after it.
func TestEarlyStoppingMinChecks(t *testing.T) {
	e := EarlyStopping{Patience: 2, MinChecks: 5}
	var stops []bool
	for _, v := range []float64{3, 3, 3, 3, 2, 2, 2} {
		_, stop := e.Observe(v)
		stops = append(stops, stop)
	}
	assert.Equal(t, []bool{false, false, false, false, false, false, true}, stops)
}

func TestEarlyStoppingState(t *testing.T) {
	values := []float64{5, 4, 4.5, 4.2, 3, 3.5, 3.2, 3.1, 2}
	for cut := range values {
		whole, first := EarlyStopping{Patience: 3}, EarlyStopping{Patience: 3}
		for _, v := range values[:cut] {
			whole.Observe(v)
			first.Observe(v)
		}
		second := EarlyStopping{Patience: 3}
		require.NoError(t, second.LoadStateDict(first.StateDict()))
		for _, v := range values[cut:] {
			wantImproved, wantStop := whole.Observe(v)
			improved, stop := second.Observe(v)
			require.Equal(t, wantImproved, improved)
			require.Equal(t, wantStop, stop)
		}
		assert.Equal(t, whole, second)
	}
	d := new(EarlyStopping).StateDict()
	d.Set("wait", "three")
	e := EarlyStopping{}
	e.Observe(1)
	before := e
	require.ErrorContains(t, e.LoadStateDict(d), `"wait" holds string, not int`)
	assert.Equal(t, before, e)
}
