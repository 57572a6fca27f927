// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A tensor that To gives other data (on the same device here) keeps its identity, its
// gradient and its place in later graphs.
func TestSetData(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l := NewLinear(2, 1, torch.CPU)
		x := torch.FromSlice([]float32{1, 2}, 1, 2)
		l.Forward(x).Sum().Backward()
		w, before := l.Weight, l.Weight.Storage().ID
		require.NotNil(t, w.Grad())
		torch.NoGrad(func() { setData(w, torch.FromSlice([]float32{5, 6}, 1, 2)) })

		assert.NotEqual(t, before, w.Storage().ID)
		assert.Equal(t, []float32{5, 6}, w.Float32s())
		assert.True(t, w.RequiresGrad())
		assert.True(t, w.IsLeaf())
		assert.Equal(t, []float32{1, 2}, w.Grad().Float32s())
		l.Forward(x).Sum().Backward()
		assert.Equal(t, []float32{2, 4}, w.Grad().Float32s())
	})
}
