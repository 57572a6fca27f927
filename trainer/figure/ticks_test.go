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
