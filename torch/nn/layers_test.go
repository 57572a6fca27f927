// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestLayerNorm(t *testing.T) {
	g := read(t)
	torch.Scope(func() {
		l := nn.NewLayerNorm([]int{3, 4}, torch.CPU)
		torch.NoGrad(func() {
			l.Weight.CopyInPlace(torchtest.Ramp(5, 3, 4))
			l.Bias.CopyInPlace(torchtest.Ramp(6, 3, 4))
		})
		x := torchtest.Ramp(1, 2, 3, 4).SetRequiresGrad(true)
		y := l.Forward(x)
		y.Mul(torchtest.Ramp(4, 2, 3, 4)).Sum().Backward()
		want := g.Layers["layer norm"]
		want.Y.check(t, y, "y")
		want.XGrad.check(t, x.Grad(), "gradient of x")
		want.Grads["weight"].check(t, l.Weight.Grad(), "gradient of weight")
		want.Grads["bias"].check(t, l.Bias.Grad(), "gradient of bias")

		// An Eps of 0 is 0, so that equal numbers are 0/0; the default keeps them finite.
		same := torch.Ones([]int{1, 4})
		assert.True(t, math.IsNaN(nn.NewLayerNorm([]int{4}, torch.CPU, nn.LayerNormConfig{}).Forward(same).Float64s()[0]))
		assert.Zero(t, nn.NewLayerNorm([]int{4}, torch.CPU).Forward(same).Float64s()[0])
		plain := nn.NewLayerNorm([]int{4}, torch.CPU, nn.LayerNormConfig{Eps: 0.5, NoAffine: true})
		g.Layers["layer norm eps"].Y.check(t, plain.Forward(torchtest.Ramp(1, 2, 3, 4)), "y with eps")
		assert.Empty(t, nn.Parameters(plain))
	})
}

func TestEmbedding(t *testing.T) {
	g := read(t)
	torch.Scope(func() {
		torch.ManualSeed(13)
		l := nn.NewEmbedding(5, 3, torch.CPU, nn.EmbeddingConfig{Padding: new(1)})
		y := l.Forward(torch.FromSlice([]int64{0, 1, 4, 4, 2, 1}, 2, 3))
		y.Mul(torchtest.Ramp(4, 2, 3, 3)).Sum().Backward()
		want := g.Layers["embedding"]
		want.Y.check(t, y, "y")
		want.Grads["weight"].check(t, l.Weight.Grad(), "gradient of weight")
		assert.Equal(t, zeros(3), l.Weight.Grad().Select(0, 1).Float32s(), "the padding row")
	})
}

func TestDropout(t *testing.T) {
	g := read(t)
	torch.Scope(func() {
		l := nn.NewDropout(0.3)
		x := torchtest.Ramp(1, 6, 7)
		torch.ManualSeed(14)
		g.Layers["dropout"].Y.check(t, l.Forward(x), "y")
		nn.SetTraining(l, false)
		assert.True(t, l.Forward(x).Equal(x))
		nn.SetTraining(l, true)
		assert.False(t, l.Forward(x).Equal(x))
	})
}

// With a nil Momentum, the running statistics are the mean of those of the batches.
func TestBatchNormOfAllBatches(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		c := nn.DefaultBatchNorm()
		c.Momentum = nil
		l := nn.NewBatchNorm1d(3, torch.CPU, c)
		var means []*torch.Tensor
		for i := range 3 {
			x := torchtest.Ramp(i, 4, 3)
			l.Forward(x)
			means = append(means, x.Mean(0))
		}
		assert.Equal(t, 3, l.NumBatchesTracked.ItemInt())
		assert.True(t, l.RunningMean.AllClose(torch.Stack(means, 0).Mean(0), 1e-6, 1e-7))
		nn.SetTraining(l, false)
		before := l.RunningVar.Float32s()
		l.Forward(torchtest.Ramp(5, 4, 3))
		assert.Equal(t, before, l.RunningVar.Float32s(), "evaluation moves nothing")
		for _, n := range nn.NamedTensors(l) {
			n.Tensor.Close()
		}
	})
}

func TestSequential(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l := nn.NewLinear(4, 3, torch.CPU)
		x := torchtest.Ramp(1, 2, 4)
		for name, c := range map[string]struct {
			module nn.Module
			want   *torch.Tensor
		}{
			"tanh":    {nn.Tanh{}, l.Forward(x).Tanh()},
			"relu":    {nn.ReLU{}, l.Forward(x).Relu()},
			"sigmoid": {nn.Sigmoid{}, l.Forward(x).Sigmoid()},
			"softmax": {nn.Softmax{Dim: 0}, l.Forward(x).Softmax(0)},
		} {
			assert.True(t, nn.NewSequential(l, c.module).Forward(x).Equal(c.want), name)
		}
		assert.Same(t, x, nn.NewSequential().Forward(x))
	})
}

func TestLinearShapes(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		l := nn.NewLinear(4, 3, torch.CPU)
		for _, shape := range [][]int{{4}, {2, 4}, {2, 5, 4}, {0, 4}} {
			want := append(append([]int{}, shape[:len(shape)-1]...), 3)
			assert.Equal(t, want, l.Forward(torchtest.Ramp(1, shape...)).Shape())
		}
		err := torch.Try(func() { l.Forward(torchtest.Ramp(1, 2, 5)) })
		assert.ErrorContains(t, err, "[2 5]")
	})
}
