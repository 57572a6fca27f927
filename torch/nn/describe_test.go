// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// tower is a network that leads back to itself.
type tower struct {
	Drop   *nn.Dropout
	Blocks []nn.Module
	Up     *tower `torch:"-"`
}

func (m *tower) Forward(x *torch.Tensor) *torch.Tensor { return x }

func TestDescribeAndEvaluating(t *testing.T) {
	torchtest.NoLeaks(t)
	norm := nn.NewLayerNorm([]int{4, 5}, torch.CPU, nn.LayerNormConfig{NoAffine: true})
	table := &nn.Embedding{Padding: new(2), NormType: 2} // without a weight
	bag := &nn.EmbeddingBag{Mode: "sum"}
	m := &tower{Drop: nn.NewDropout(0.25), Blocks: []nn.Module{nn.ReLU{}, nn.Sequential{nn.NewDropout(0.5)}, norm, table, bag, &nn.Embedding{NormType: 2}}}
	m.Up = m
	second := m.Blocks[1].(nn.Sequential)[0].(*nn.Dropout)
	second.Training = false
	assert.Equal(t, []nn.Layer{
		{Path: "Drop", Text: "nn.Dropout(P 0.25)"},
		{Path: "Blocks.0", Text: "nn.ReLU"},
		{Path: "Blocks.1.0", Text: "nn.Dropout(P 0.5)"},
		{Path: "Blocks.2", Text: "nn.LayerNorm(Shape [4 5], Eps 0)"},
		{Path: "Blocks.3", Text: "nn.Embedding(Padding 2, MaxNorm 0, NormType 2, ScaleGradByFreq false)"},
		{Path: "Blocks.4", Text: "nn.EmbeddingBag(Padding none, MaxNorm 0, NormType 0, ScaleGradByFreq false, Mode sum, IncludeLastOffset false)"},
		{Path: "Blocks.5", Text: "nn.Embedding(Padding none, MaxNorm 0, NormType 2, ScaleGradByFreq false)"},
	}, nn.Describe(m))

	assert.Panics(t, func() {
		nn.Evaluating(m, func() {
			assert.False(t, m.Drop.Training || second.Training)
			panic("on the way")
		})
	})
	assert.True(t, m.Drop.Training, "as it was")
	assert.False(t, second.Training, "as it was")
}
