// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package figure

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/plot"
)

func TestTicks(t *testing.T) {
	labels := func(ticks []plot.Tick) (labels []string) {
		for _, tick := range ticks {
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		return labels
	}
	assert.Equal(t, []string{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}, labels(Ticks{Most: 6}.Ticks(-0.05, 1.05)))
	assert.Equal(t, []string{"1", "5", "10", "15", "20", "25", "30", "35", "40"}, labels(WholeTicks{}.Ticks(0.5, 43.5)))
	assert.Equal(t, []string{"1", "2", "3"}, labels(WholeTicks{}.Ticks(0.8, 3.2)))
	assert.Equal(t, []string{"0.02", "0.05", "0.1", "0.2", "0.5", "1"}, labels(LogTicks{}.Ticks(0.015, 1.2)))
	assert.Nil(t, Ticks{Most: 6}.Ticks(0, math.NaN()))
}

func TestTicksOfAnyRange(t *testing.T) {
	labels := func(marker Ticks, lo, hi float64) (list []string) {
		for _, tick := range marker.Ticks(lo, hi) {
			list = append(list, tick.Label)
		}
		return list
	}
	assert.Equal(t, []string{"-0.5", "0", "0.5", "1.0"}, labels(Ticks{Most: 4}, -0.6, 1.2))
	assert.Equal(t, []string{"0", "1", "2"}, labels(Ticks{Most: 6, Least: 1}, 0, 2.1))
	assert.Equal(t, []string{"0", "5e+05", "1e+06"}, labels(Ticks{Most: 3}, 0, 1e6))
	assert.Equal(t, []string{"1000010", "1000020"}, labels(Ticks{Most: 3}, 1.000005e6, 1.000025e6))
	assert.Equal(t, []string{"0", "1e-07", "2e-07"}, labels(Ticks{Most: 3}, 0, 2e-7))
	assert.Empty(t, labels(Ticks{Most: 6}, 1, 1))
	assert.Empty(t, labels(Ticks{Most: 6}, 0, math.Inf(1)))
	assert.Empty(t, labels(Ticks{Most: 6}, 0, math.NaN()))
}
