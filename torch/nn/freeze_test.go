// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestFreeze(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		m := &struct{ Encoder, Encoders, Head *nn.Linear }{nn.NewLinear(2, 3, torch.CPU), nn.NewLinear(3, 3, torch.CPU), nn.NewLinear(3, 1, torch.CPU)}
		step := func() (changed []string) {
			before := map[string][]float64{}
			for _, n := range nn.NamedParameters(m) {
				before[n.Name] = n.Tensor.Float64s()
			}
			opt := optim.NewSGD(nn.Parameters(m), optim.SGDConfig{LR: 0.1})
			m.Head.Forward(m.Encoders.Forward(m.Encoder.Forward(torchtest.Ramp(1, 4, 2)))).Square().Sum().Backward()
			opt.Step()
			opt.ZeroGrad()
			for _, n := range nn.NamedParameters(m) {
				if !assert.ObjectsAreEqual(before[n.Name], n.Tensor.Float64s()) {
					changed = append(changed, n.Name)
				}
			}
			return changed
		}
		nn.Freeze(m, "encoder", "head.bias")
		assert.Equal(t, []string{"encoders.weight", "encoders.bias", "head.weight"}, step())
		nn.Freeze(m)
		nn.Unfreeze(m, "encoder.weight")
		assert.Equal(t, []string{"encoder.weight"}, step())
		nn.Unfreeze(m)
		assert.Len(t, step(), 6)
		assert.ErrorContains(t, torch.Try(func() { nn.Freeze(m, "encode") }), `no parameter is called "encode"`)
		for _, p := range nn.Parameters(m) {
			p.Close()
		}
	})
}

// parametrized is a layer whose weight is computed.
type parametrized interface {
	nn.Module
	RemoveParametrizations() nn.Module
}

// What is left of a parametrization has PyTorch's weight, and gives the same.
func TestRemoveParametrizations(t *testing.T) {
	g := read(t)
	for name, make := range map[string]func(nn.Module) parametrized{
		"weight norm removed":   func(l nn.Module) parametrized { return nn.NewWeightNorm(l, 0) },
		"spectral norm removed": func(l nn.Module) parametrized { return nn.NewSpectralNorm(l) },
	} {
		torch.Scope(func() {
			torch.ManualSeed(15)
			l := make(nn.NewLinear(3, 4, torch.CPU))
			torch.NoGrad(func() { nn.Parameters(l)[1].MulScalarInPlace(1.5) })
			removed := l.RemoveParametrizations().(*nn.Linear)
			g.Layers[name].Y.check(t, removed.Weight, name)
			assert.True(t, removed.Weight.IsLeaf() && removed.Weight.RequiresGrad())
			assert.Equal(t, []string{"weight", "bias"}, keys(nn.StateDict(removed)))
		})
	}
}

func TestParametrizationsRefuse(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		plain := nn.NewLinear(2, 3, torch.CPU)
		norm := nn.NewWeightNorm(plain, 0)
		assert.Nil(t, plain.Weight)
		copied := nn.Clone(norm)
		x := torchtest.Ramp(1, 4, 2)
		assert.Equal(t, norm.Forward(x).Float64s(), copied.Forward(x).Float64s())
		for want, call := range map[string]func(){
			"*nn.Linear has no weight":              func() { nn.NewSpectralNorm(plain) },
			"nn.ReLU has no field Weight":           func() { nn.NewWeightNorm(nn.ReLU{}, 0) },
			"the weight has the shape [3]":          func() { nn.NewSpectralNorm(nn.NewLayerNorm([]int{3}, torch.CPU)) },
			"Iterations is -1; it must be at least": func() { nn.NewSpectralNorm(nn.NewLinear(2, 3, torch.CPU), nn.SpectralNormConfig{Iterations: -1}) },
		} {
			assert.ErrorContains(t, torch.Try(call), want)
		}
	})
}
