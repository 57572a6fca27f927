// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package swa_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim/swa"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

func network(dtype torch.DType, d torch.Device) nn.Sequential {
	norm := nn.DefaultBatchNorm()
	norm.DType = dtype
	linear := nn.LinearConfig{DType: dtype}
	return nn.NewSequential(nn.NewLinear(3, 4, d, linear), nn.NewBatchNorm1d(4, d, norm), nn.NewLinear(4, 2, d, linear))
}

func load(t *testing.T) *torch.Dict {
	torchtest.NoLeaks(t)
	file, err := pt.LoadDict("testdata/averages.pt")
	require.NoError(t, err)
	return file
}

// compareStates compares names in order, types and numbers: to the last digits of
// float32, and exactly for float64 and int64.
func compareStates(t *testing.T, want *torch.Dict, m any) {
	t.Helper()
	got := nn.StateDict(m)
	require.Equal(t, want.Keys(), got.Keys())
	for k, v := range want.All() {
		w, g := v.(*torch.Tensor), torchtest.Entry[*torch.Tensor](t, got, k)
		require.Equal(t, w.DType(), g.DType(), k)
		require.Equal(t, w.Shape(), g.Shape(), k)
		tolerance := map[torch.DType]float64{torch.Float32: 1e-6, torch.Float64: 1e-14}[w.DType()]
		assert.InDeltaSlice(t, w.Float64s(), g.Float64s(), tolerance, "%v", k)
	}
}

// TestAveragesAgreeWithPyTorch averages PyTorch's states, and goes on from PyTorch's
// average of the first two.
func TestAveragesAgreeWithPyTorch(t *testing.T) {
	for i, c := range torchtest.Entry[[]any](t, load(t), "cases") {
		d := c.(*torch.Dict)
		dtype, err := torch.ParseDType(torchtest.Entry[string](t, d, "dtype"))
		require.NoError(t, err)
		config := swa.Config{UseBuffers: torchtest.Entry[bool](t, d, "use_buffers")}
		if decay, _ := d.Get("decay"); decay != nil {
			config.Average = swa.EMA(decay.(float64))
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			torch.Scope(func() {
				m := network(dtype, torch.CPU)
				averages, states := torchtest.Entry[*torch.Dict](t, d, "averages"), torchtest.Entry[[]any](t, d, "states")
				update := func(a *swa.AveragedModel[nn.Sequential], from int) {
					for n := from; n <= len(states); n++ {
						require.NoError(t, nn.LoadStateDict(m, states[n-1].(*torch.Dict)))
						a.UpdateParameters(m)
						if want, ok := averages.Get(n); ok {
							compareStates(t, want.(*torch.Dict), a)
						}
					}
				}
				update(swa.NewAveragedModel(m, config), 1)
				if middle, ok := averages.Get(2); ok {
					a := swa.NewAveragedModel(m, config)
					require.NoError(t, nn.LoadStateDict(a, middle.(*torch.Dict)))
					update(a, 3)
				}
			})
		})
	}
}

func TestUpdateBNAgreesWithPyTorch(t *testing.T) {
	d := torchtest.Entry[*torch.Dict](t, load(t), "batch_norm")
	torch.Scope(func() {
		a := swa.NewAveragedModel(network(torch.Float32, torch.CPU))
		require.NoError(t, nn.LoadStateDict(a, torchtest.Entry[*torch.Dict](t, d, "before")))
		nn.SetTraining(a, false)
		norm := a.Module[1].(*nn.BatchNorm)
		data := torchtest.Entry[[]any](t, d, "data")
		nn.UpdateBN(a, func() {
			assert.True(t, norm.Training)
			for _, x := range data {
				assert.False(t, a.Module.Forward(x.(*torch.Tensor)).RequiresGrad())
			}
		})
		assert.False(t, norm.Training)
		assert.InDelta(t, 0.1, *norm.Momentum, 0)
		compareStates(t, torchtest.Entry[*torch.Dict](t, d, "after"), a)
		got := a.Module.Forward(data[0].(*torch.Tensor))
		assert.InDeltaSlice(t, torchtest.Entry[*torch.Tensor](t, d, "output").Float64s(), got.Float64s(), 1e-5)
		nn.UpdateBN(nn.NewLinear(1, 1, torch.CPU), func() { assert.Fail(t, "there is no batch norm") })
	})
}

func TestAverageOnADeviceOfItsOwn(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		m := network(torch.Float32, device)
		a := swa.NewAveragedModel(m, swa.Config{Average: swa.EMA(0.5), UseBuffers: true})
		torchtest.ForbidTransfers(func() {
			for range 3 {
				a.UpdateParameters(m)
			}
		})
		assert.Equal(t, 3, a.NAveraged.ItemInt())
		assert.Equal(t, device, a.Module[0].(*nn.Linear).Weight.Device())
		onHost := swa.NewAveragedModel(network(torch.Float32, torch.CPU))
		onHost.UpdateParameters(m)
		onHost.UpdateParameters(m)
		assert.InDeltaSlice(t, m[0].(*nn.Linear).Weight.Float64s(), onHost.Module[0].(*nn.Linear).Weight.Float64s(), 1e-6)
	})
}

// A tensor that a network has twice is averaged once.
func TestAverageOfTiedWeights(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		first, second := nn.NewLinear(2, 2, torch.CPU), nn.NewLinear(2, 2, torch.CPU)
		second.Weight = first.Weight
		m := nn.NewSequential(first, second)
		a := swa.NewAveragedModel(m, swa.Config{Average: swa.EMA(0.5)})
		torch.NoGrad(func() { first.Weight.FillInPlace(4) })
		a.UpdateParameters(m)
		torch.NoGrad(func() { first.Weight.FillInPlace(8) })
		a.UpdateParameters(m)
		assert.Equal(t, []float32{6, 6, 6, 6}, a.Module[0].(*nn.Linear).Weight.Float32s())
		assert.Same(t, a.Module[0].(*nn.Linear).Weight, a.Module[1].(*nn.Linear).Weight)
	})
}

func TestAverageRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		a := swa.NewAveragedModel(nn.NewSequential(nn.NewLinear(2, 2, torch.CPU)))
		for want, m := range map[string]nn.Sequential{
			"it has 0.weight [3 2] where that has 0.weight [2 2]": nn.NewSequential(nn.NewLinear(2, 3, torch.CPU)),
			"it has nothing where that has 0.weight [2 2]":        nn.NewSequential(nn.Tanh{}),
			"it has 1.weight [2 2] where that has nothing":        nn.NewSequential(nn.NewLinear(2, 2, torch.CPU), nn.NewLinear(2, 2, torch.CPU)),
		} {
			assert.ErrorContains(t, torch.Try(func() { a.UpdateParameters(m) }), want)
		}
		assert.Equal(t, 0, a.NAveraged.ItemInt())
		assert.ErrorContains(t, torch.Try(func() { swa.EMA(1.5) }), "the decay is 1.5; it must be from 0 to 1")
	})
}
