// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// near compares tensors of float32 that were computed in two ways.
func near(t *testing.T, want, got *torch.Tensor) {
	t.Helper()
	compareTensors(t, "result", want, got, 1e-5)
}

func TestAttentionMasks(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, c := range []nn.MultiheadAttentionConfig{{}, {BatchFirst: true, BiasKV: true, ZeroAttn: true}} {
		torch.Scope(func() {
			l := nn.NewMultiheadAttention(8, 2, torch.CPU, c)
			x, batch := torchtest.Ramp(1, 3, 4, 8), 4
			if c.BatchFirst {
				batch = 3
			}
			steps := 7 - batch
			future := nn.AttentionMasks{Mask: nn.CausalMask(steps, steps, torch.Options{})}
			causal := nn.AttentionMasks{Causal: true}
			y := l.ForwardMasked(x, x, x, future)
			near(t, y, l.ForwardMasked(x, x, x, causal))
			weighted, weights := l.ForwardWeights(x, x, x, causal, false)
			near(t, y, weighted)
			near(t, torch.Ones([]int{batch, 2, steps}), weights.Sum(-1))
			_, average := l.ForwardWeights(x, x, x, causal, true)
			near(t, weights.Mean(1), average)
			assert.Zero(t, weights.Float64s()[1], "the first query sees the second key")

			// Numbers are added, and padding joins the other masks.
			numbers := torch.Zeros([]int{steps, steps}).MaskedFill(future.Mask, math.Inf(-1))
			near(t, y, l.ForwardMasked(x, x, x, nn.AttentionMasks{Mask: numbers}))
			padding := torch.Zeros([]int{batch, steps}, torch.Options{DType: torch.Bool})
			padding.Select(1, steps-1).FillInPlace(1)
			causal.Padding, future.Padding = padding, padding
			near(t, l.ForwardMasked(x, x, x, future), l.ForwardMasked(x, x, x, causal))
			_, weights = l.ForwardWeights(x, x, x, causal, false)
			assert.Zero(t, weights.Select(-1, steps-1).Sum().Float64s()[0])
			for _, p := range nn.Parameters(l) {
				p.Close()
			}
		})
	}
}

func TestAttentionRefuses(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l := nn.NewMultiheadAttention(4, 2, torch.CPU, nn.MultiheadAttentionConfig{KDim: 3})
		x, keys := torch.Ones([]int{5, 2, 4}), torch.Ones([]int{6, 2, 3})
		values := torch.Ones([]int{6, 2, 4})
		flags := func(shape ...int) *torch.Tensor { return torch.Zeros(shape, torch.Options{DType: torch.Bool}) }
		for _, c := range []struct {
			want string
			call func()
		}{
			{"3 features cannot be divided by 2 heads", func() { nn.NewMultiheadAttention(3, 2, torch.CPU) }},
			{"heads is 0", func() { nn.NewMultiheadAttention(3, 0, torch.CPU) }},
			{"KDim or VDim is -1", func() { nn.NewMultiheadAttention(4, 2, torch.CPU, nn.MultiheadAttentionConfig{VDim: -1}) }},
			{"[queries, batch, 4], [keys, batch, 3] and [keys, batch, 4]", func() { l.Forward(x, x, x) }},
			{"must have the shapes", func() { l.Forward(x, keys, x) }},
			{"must have the shapes", func() { l.Forward(x.Select(1, 0), keys, values) }},
			{"must have the shapes", func() { l.Forward(x.Narrow(1, 0, 1), keys, values) }},
			{"the mask must have the shape [5 6]", func() { l.ForwardMasked(x, keys, values, nn.AttentionMasks{Mask: flags(6, 5)}) }},
			{"the mask must have the shape [4 5 6]", func() { l.ForwardMasked(x, keys, values, nn.AttentionMasks{Mask: flags(2, 5, 6)}) }},
			{"the mask must have the shape [2 6]", func() { l.ForwardMasked(x, keys, values, nn.AttentionMasks{Padding: flags(6, 2)}) }},
			{"the number of layers is 0", func() { nn.NewTransformer(4, 2, 0, 1, torch.CPU) }},
			{"Feedforward is -1", func() { nn.NewTransformerEncoderLayer(4, 2, torch.CPU, nn.TransformerConfig{Feedforward: -1}) }},
		} {
			assert.ErrorContains(t, torch.Try(c.call), c.want)
		}
		assert.Equal(t, []int{5, 2, 4}, l.Forward(x, keys, values).Shape())
	})
}

// Without masks, a transformer is its stacks, and these are their layers.
func TestTransformerForward(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		m := nn.NewTransformer(4, 2, 1, 2, torch.CPU, nn.TransformerConfig{BatchFirst: true, Eps: 1e-5})
		source, target := torchtest.Ramp(1, 3, 5, 4), torchtest.Ramp(2, 3, 2, 4)
		assert.Equal(t, []int{2048, 4}, m.Encoder.Layers[0].Linear1.Weight.Shape())
		memory := m.Encoder.Norm.Forward(m.Encoder.Layers[0].Forward(source))
		near(t, memory, m.Encoder.Forward(source))
		y := m.Decoder.Layers[1].Forward(m.Decoder.Layers[0].Forward(target, memory), memory)
		near(t, m.Decoder.Norm.Forward(y), m.Decoder.Forward(target, memory))
		near(t, m.Decoder.Norm.Forward(y), m.Forward(source, target))
		assert.ErrorContains(t, torch.Try(func() { m.Encoder.Forward(torch.Ones([]int{2, 3})) }), "[batch, queries, 4], [batch, keys, 4]")
		for _, p := range nn.Parameters(m) {
			p.Close()
		}
	})
}

// tied is a network with a tensor that is reached in two ways, and one that leads back.
type tied struct {
	Table  *nn.Embedding
	Blocks []nn.Module
	Out    *nn.Linear
	Up     *tied
	Mean   *torch.Tensor `torch:",buffer"`
	Note   *torch.Tensor `torch:"-"`
	None   *nn.Linear
	Drop   [1]nn.Dropout
}

func TestClone(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		m := &tied{Table: nn.NewEmbedding(5, 3, torch.CPU), Blocks: []nn.Module{nn.NewLinear(3, 3, torch.CPU), nn.ReLU{}},
			Out: nn.NewLinear(3, 5, torch.CPU), Mean: torch.Ones([]int{2}), Note: torch.Ones([]int{1})}
		m.Out.Weight.Close()
		m.Out.Weight, m.Up, m.Drop[0].P = m.Table.Weight, m, 0.5
		c := nn.Clone(m)
		require.Equal(t, nn.StateDict(m).Keys(), nn.StateDict(c).Keys())
		for i, n := range nn.NamedTensors(c) {
			of := nn.NamedTensors(m)[i].Tensor
			assert.Equal(t, of.Float64s(), n.Tensor.Float64s(), n.Name)
			assert.NotEqual(t, of.Storage().ID, n.Tensor.Storage().ID, n.Name)
			assert.Equal(t, of.RequiresGrad(), n.Tensor.RequiresGrad(), n.Name)
		}
		assert.Same(t, c.Table.Weight, c.Out.Weight)
		assert.Same(t, c, c.Up)
		assert.Same(t, m.Note, c.Note)
		assert.Equal(t, 0.5, c.Drop[0].P)
		for _, n := range append(nn.NamedTensors(m), nn.NamedTensors(c)...) {
			n.Tensor.Close()
		}
	})
}
