// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestDiffer(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		nan, inf := math.NaN(), math.Inf(1)
		of := func(xs ...float64) *torch.Tensor { return torch.FromSlice(xs) }
		want := of(100, 1, nan, inf)
		assert.Empty(t, torchtest.Differ(want, of(100, 1.0009, nan, inf), 1e-5), "1e-5 of 100")
		assert.Equal(t, "element 1 is 1.0011, PyTorch's is 1", torchtest.Differ(want, of(100, 1.0011, nan, inf), 1e-5))
		assert.Contains(t, torchtest.Differ(want, of(100, 1, 1, inf), 1e-5), "element 2 is 1")
		assert.Contains(t, torchtest.Differ(want, of(100, nan, nan, inf), 1e-5), "element 1 is NaN")
		assert.Contains(t, torchtest.Differ(want, of(100, 1, nan, -inf), 1e-5), "element 3 is -Inf")
		assert.Contains(t, torchtest.Differ(want, want.Unsqueeze(0), 1), "is float64 [1 4], PyTorch's is float64 [4]")
		assert.Contains(t, torchtest.Differ(want, want.ToDType(torch.Float32), 1), "is float32 [4]")
	})
}
