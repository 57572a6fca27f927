// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dist_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// distance returns how far two tensors are from each other, relative to the largest value.
func distance(want, got *torch.Tensor) float64 {
	return want.Sub(got).Abs().ToDType(torch.Float64).Max().Item() / math.Max(1, want.Abs().ToDType(torch.Float64).Max().Item())
}

// Parts of a batch, one of them empty, have the outputs, gradients and statistics of the whole
// batch in PyTorch's own batch norm, which computes them in one process. In float64 sums in
// another order differ by 1e-15; libtorch's derivative has another form.
func TestSyncBatchNorm(t *testing.T) {
	torchtest.NoLeaks(t)
	sizes := []int{3, 5, 0}
	of := func(change func(*nn.NormConfig)) nn.NormConfig {
		c := nn.DefaultBatchNorm()
		c.DType = torch.Float64
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		nn.NormConfig
		shape []int
		most  float64
	}{
		"default":    {of(func(*nn.NormConfig) {}), []int{8, 4}, 1e-12},
		"sequences":  {of(func(*nn.NormConfig) {}), []int{8, 4, 3}, 1e-12},
		"images":     {of(func(*nn.NormConfig) {}), []int{8, 4, 3, 2}, 1e-12},
		"not affine": {of(func(c *nn.NormConfig) { c.Affine = false }), []int{8, 4}, 1e-12},
		"no bias":    {of(func(c *nn.NormConfig) { c.Bias = false; c.Eps = 0.1 }), []int{8, 4}, 1e-12},
		"cumulative": {of(func(c *nn.NormConfig) { c.Momentum = nil }), []int{8, 4}, 1e-12},
		"untracked":  {of(func(c *nn.NormConfig) { c.TrackRunningStats = false }), []int{8, 4}, 1e-12},
		// Numbers of 8 bits, rounded by both, between 2 and 4.
		"bfloat16": {of(func(c *nn.NormConfig) { c.DType = torch.BFloat16 }), []int{8, 4}, 1. / 32},
	} {
		ranks(t, len(sizes), time.Minute, func(g *dist.Group) {
			make := nn.NewBatchNorm1d
			if len(c.shape) == 4 {
				make = nn.NewBatchNorm2d
			}
			whole, own := make(4, torch.CPU, c.NormConfig), make(4, torch.CPU, c.NormConfig)
			assert.NoError(t, dist.ConvertSyncBatchNorm(g, own))
			first := 0
			for _, n := range sizes[:g.Rank] {
				first += n
			}
			part := func(t *torch.Tensor) *torch.Tensor { return t.Detach().Narrow(0, first, sizes[g.Rank]) }
			for step := range 3 {
				x := torchtest.Ramp(step, c.shape...).AddScalar(3).ToDType(c.DType).SetRequiresGrad(true)
				dy := torchtest.Ramp(10+step, c.shape...).ToDType(c.DType)
				z := part(x).Clone().SetRequiresGrad(true)
				want, got := whole.Forward(x), own.Forward(z)
				want.BackwardWith(dy, false)
				got.BackwardWith(part(dy), false)
				if sizes[g.Rank] > 0 {
					assert.LessOrEqual(t, distance(part(want), got.Detach()), c.most, "%s: outputs", name)
					assert.LessOrEqual(t, distance(part(x.Grad()), z.Grad()), c.most, "%s: gradients", name)
				}
				for i, p := range nn.Parameters(own) {
					sum := p.Grad().Clone()
					assert.NoError(t, g.AllReduce(sum, dist.Sum))
					assert.LessOrEqual(t, distance(nn.Parameters(whole)[i].Grad(), sum), c.most, "%s: gradients of parameters", name)
				}
			}
			for i, n := range nn.NamedTensors(whole) {
				got := nn.NamedTensors(own)[i]
				assert.Equal(t, n.Name, got.Name)
				assert.LessOrEqual(t, distance(n.Tensor.Detach(), got.Tensor.Detach()), c.most, "%s: %s", name, n.Name)
			}
			if g.Rank == 0 { // which calls no other process
				x := torchtest.Ramp(7, c.shape...).ToDType(c.DType)
				nn.Evaluating(own, func() {
					nn.Evaluating(whole, func() { assert.LessOrEqual(t, distance(whole.Forward(x), own.Forward(x)), c.most, name) })
				})
				assert.NoError(t, dist.ConvertSyncBatchNorm(nil, own))
				own.Forward(x)
			}
			assert.NoError(t, g.Barrier())
		})
	}
}

// Files of a converted network are those of the plain one, byte for byte.
func TestSyncBatchNormFiles(t *testing.T) {
	torchtest.NoLeaks(t)
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		net := nn.NewSequential(nn.NewConv2d(1, 2, []int{3}, torch.CPU), nn.NewBatchNorm2d(2, torch.CPU))
		files := func() (all [2][]byte) {
			dir := t.TempDir()
			for i, name := range []string{"model.pt", "model.onnx"} {
				path := filepath.Join(dir, name)
				err := pt.Save(path, nn.StateDict(net))
				if i == 1 {
					_, err = onnx.Export(path, net, onnx.Signature{Example: torchtest.Ramp(1, 1, 1, 4, 4)})
				}
				assert.NoError(t, err)
				text, err := os.ReadFile(path)
				assert.NoError(t, err)
				all[i] = text
			}
			return all
		}
		if want := files(); assert.NoError(t, dist.ConvertSyncBatchNorm(g, net)) && g.Rank == 0 {
			assert.Equal(t, want, files())
		}
		assert.NoError(t, g.Barrier())
	})
}

// What processes cannot do together is an error in each of them, of those that wait as well.
func TestSyncBatchNormFails(t *testing.T) {
	torchtest.NoLeaks(t)
	ranks(t, 2, time.Minute, func(g *dist.Group) {
		net := nn.NewSequential(nn.NewLinear(2, 2, torch.CPU), nn.NewBatchNorm1d(2, torch.CPU))
		assert.NoError(t, dist.ConvertSyncBatchNorm(g, net))
		one := torch.Ones([]int{1 - g.Rank, 2})
		assert.ErrorContains(t, torch.Try(func() { net.Forward(one) }), "all processes together have one value for each channel")

		x := torchtest.Ramp(g.Rank, 4, 2)
		r, err := torch.Record(func() []*torch.Tensor { return []*torch.Tensor{net.Forward(x).Detach()} })
		if assert.ErrorIs(t, err, torch.ErrRefused) {
			t.Log(err)
		} else {
			r.Close()
		}

		ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{})
		assert.NoError(t, err)
		assert.NoError(t, ddp.PrepareForForward())
		loss := net.Forward(x).Square().Sum()
		if g.Rank == 1 {
			g.Abort()
			return
		}
		assert.ErrorContains(t, ddp.Backward(loss), "rank 1 (127.0.0.1:")
		assert.ErrorContains(t, torch.Try(func() { net.Forward(x) }), "rank 1 (127.0.0.1:")
	})
}

// The gradients of a bucket travel before the gradients of the statistics in one process, and after
// them in the other, which has one parameter more in its graph.
func TestSyncBatchNormOrder(t *testing.T) {
	torchtest.NoLeaks(t)
	const wide = 520 // Pre fills a bucket of 1 MiB, and the others are in the one that is sent first
	type network struct {
		Pre, Extra *nn.Linear
		Norm       *nn.BatchNorm
		Post       *nn.Linear
	}
	ranks(t, 2, 10*time.Second, func(g *dist.Group) {
		net := &network{nn.NewLinear(wide, wide, torch.CPU, nn.LinearConfig{NoBias: true}), nn.NewLinear(wide, wide, torch.CPU), nn.NewBatchNorm1d(wide, torch.CPU), nn.NewLinear(wide, 1, torch.CPU)}
		assert.NoError(t, dist.ConvertSyncBatchNorm(g, net))
		ddp, err := dist.NewDistributedDataParallel(g, net, dist.DistributedDataParallelOptions{FindUnusedParameters: true})
		assert.NoError(t, err)
		for range 2 {
			assert.NoError(t, ddp.PrepareForForward())
			x := torchtest.Ramp(g.Rank, 4, wide)
			h := net.Pre.Forward(x)
			if g.Rank == 0 {
				h = h.Add(net.Extra.Forward(x))
			}
			assert.NoError(t, ddp.Backward(net.Post.Forward(net.Norm.Forward(h)).Square().Mean()))
		}
		all, err := g.AllGather(net.Pre.Weight.Grad())
		assert.NoError(t, err)
		assert.Equal(t, all[0].Float32s(), all[1].Float32s())
		assert.Positive(t, net.Pre.Weight.Grad().Abs().Max().Item())
	})
}
