// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Four times as many tensors take about four times the memory traffic. Anything that is
// copied again for each tensor, such as the archive's directory, makes it sixteen.
func TestWritingGrowsWithTheTensors(t *testing.T) {
	torchtest.Need(t)
	written := func(n int) float64 {
		var before, after runtime.MemStats
		torch.Scope(func() {
			d := torch.NewDict()
			for i := range n {
				d.Set(fmt.Sprintf("t%d", i), torch.Zeros([]int{1}))
			}
			runtime.ReadMemStats(&before)
			require.NoError(t, Write(io.Discard, d))
			runtime.ReadMemStats(&after)
		})
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	written(10) // loads what the first call needs
	assert.Less(t, written(8000)/written(2000), 6.0)
}
