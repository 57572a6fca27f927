// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// What the kernels compute is compared in package nn; this is what they are refused.
func TestDimensionsOfSpace(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2, 3, 4})
		for want, f := range map[string]func(){
			"conv: there are 1 to 3 dimensions of space, not 0":                func() { torch.Conv(x, torch.Ones([]int{3, 3}), nil, torch.ConvOptions{}) },
			"max_pool: there are 1 to 3 dimensions of space, not 4":            func() { torch.MaxPool(x, []int{2, 2, 2, 2}, torch.PoolOptions{}) },
			"avg_pool1d: only 2 and 3 dimensions have a divisor":               func() { torch.AvgPool(x, []int{2}, torch.PoolOptions{Divisor: 2}) },
			"fractional_max_pool: there are 2 or 3 dimensions of space, not 1": func() { torch.FractionalMaxPool(x, []int{2}, []int{2}, x) },
			"conv1d: [2 3 4] × [3 3 2]: non-positive groups is not supported":  func() { torch.Conv(x, torch.Ones([]int{3, 3, 2}), nil, torch.ConvOptions{Groups: -1}) },
		} {
			assert.ErrorContains(t, torch.Try(f), want)
		}
		assert.Equal(t, []int{2, 3, 2}, torch.AvgPool(x, []int{2}, torch.PoolOptions{}).Shape())
	})
}
