// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/dist"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// grouped is a network that several processes train on samples of real files.
type grouped struct {
	models.Spec
	torch.DType
	train, val *data.Samples
}

// run is what `etude train` runs, with the rank-th random weights.
func (g grouped) run(rank int) trainer.Run {
	torch.ManualSeed(seed + uint64(rank))
	m, train, val := g.New(torch.CPU), g.train.Tensors(torch.CPU), g.val.Tensors(torch.CPU)
	for _, p := range append(nn.Parameters(m), train.X, train.Y, val.X, val.Y) {
		torch.Call("aten::set_data", p, p.Detach().ToDType(g.DType))
	}
	return trainer.Run{Model: m, Loss: g.Loss, Optimizer: newAdam(g.Spec, m), Train: train, Val: val,
		Epochs: 3, BatchSize: g.BatchSize, Seed: seed, Threads: 1, KeepLast: true}
}

// described returns the training for testdata/ddp.py.
func (g grouped) described() *torch.Dict {
	r := g.run(0)
	train, val, order := r.Train.(*data.Set), r.Val.(*data.Set), []int64{}
	for epoch := range r.Epochs {
		for _, i := range data.Order(train.Len(), seed, epoch) {
			order = append(order, int64(i))
		}
	}
	return torch.NewDict("network", g.Name, "weight_decay", g.WeightDecay, "batch_size", g.BatchSize, "state", nn.StateDict(r.Model),
		"x", train.X, "y", train.Y, "xv", val.X, "yv", val.Y, "order", torch.FromSlice(order, r.Epochs, train.Len()))
}

// trained is what a training came to: the losses of the epochs, in training and validation, and
// all weights.
type trained struct{ losses, weights []float64 }

// fit trains with n ranks, here goroutines, which must end with the same bits.
func (g grouped) fit(t *testing.T, n int) trained {
	world := dist.World{Size: n, MasterAddr: "127.0.0.1", MasterPort: torchtest.FreePort(t)}
	ranks, all := make([]trainer.Run, n), make([]trained, n)
	for rank := range ranks {
		ranks[rank] = g.run(rank)
	}
	var running sync.WaitGroup
	for rank, r := range ranks {
		running.Go(func() {
			w := world
			w.Rank = rank
			group, err := dist.Init(context.Background(), dist.Options{Timeout: time.Minute, World: &w})
			if !assert.NoError(t, err) {
				return
			}
			defer group.Close()
			r.Group = group
			h, err := r.Fit(context.Background())
			if !assert.NoError(t, err) {
				return
			}
			for _, e := range h.Epochs {
				all[rank].losses = append(all[rank].losses, e.TrainLoss, e.ValLoss)
			}
			all[rank].weights = weightsOf(nn.StateDict(r.Model))
		})
	}
	running.Wait()
	for rank, r := range ranks {
		r.Train.(*data.Set).Close()
		r.Val.(*data.Set).Close()
		assert.True(t, assert.ObjectsAreEqual(all[0], all[rank]), "%s: rank %d of %d has other bits than rank 0", g.Name, rank, n)
	}
	return all[0]
}

func weightsOf(state *torch.Dict) (list []float64) {
	torch.Scope(func() {
		for _, v := range state.All() {
			list = append(list, v.(*torch.Tensor).Detach().Float64s()...)
		}
	})
	return list
}

// alike compares the losses, each relative, and the weights by ‖w−w₁‖/‖w₁‖. In float64 nothing but
// rounding is left. In float32 Adam enlarges the rounding of gradients that are sums of terms that
// nearly cancel, because it divides each by its own size: a hundred such weights of emotion's 403,264
// made 95 % of the difference, and single ones are 1e-4 of the largest weight apart. PyTorch's ranks
// are as far from one process.
func (g grouped) alike(t *testing.T, want, got trained, what string) {
	t.Helper()
	require.Len(t, got.losses, len(want.losses), what)
	require.Len(t, got.weights, len(want.weights), what)
	tolerance, losses, difference, norm := 1e-6, 0.0, 0.0, 0.0
	if g.DType == torch.Float64 {
		tolerance = 1e-12
	}
	for i, w := range want.losses {
		losses = math.Max(losses, math.Abs(got.losses[i]/w-1))
	}
	for i, w := range want.weights {
		difference, norm = math.Hypot(difference, got.weights[i]-w), math.Hypot(norm, w)
	}
	assert.LessOrEqual(t, losses, tolerance, "%s: losses", what)
	assert.LessOrEqual(t, difference/norm, tolerance, "%s: weights", what)
	t.Logf("%s: losses differ by %.1e, weights by %.1e", what, losses, difference/norm)
}

// Batches are even and samples odd in number, so that the last batch never has as many for each of
// 2 or 4 ranks.
func TestNetworksInGroups(t *testing.T) {
	torchtest.NoLeaks(t)
	shared := torchtest.SharedData(t)
	file, cases := filepath.Join(t.TempDir(), "cases.pt"), torch.NewDict()
	networks, results := map[string]grouped{}, map[string]map[int]trained{}
	for _, s := range models.All() {
		all, err := s.Source.Samples(t.Context(), shared, dataset.Options{})
		require.NoError(t, err)
		train, val, err := data.Split(all.Groups, 0.2, seed)
		require.NoError(t, err)
		train = train[:min(len(train)-1, 330)|1]
		s.BatchSize = min(s.BatchSize, len(train)/4*2)
		for _, dtype := range []torch.DType{torch.Float32, torch.Float64} {
			name, g := fmt.Sprintf("%s in %v", s.Name, dtype), grouped{s, dtype, all.Select(train), all.Select(val)}
			one := g.fit(t, 1)
			require.Less(t, one.losses[4], one.losses[0], name)
			networks[name], results[name] = g, map[int]trained{}
			for _, n := range []int{2, 4} {
				results[name][n] = g.fit(t, n)
				g.alike(t, one, results[name][n], fmt.Sprintf("%s, %d ranks", name, n))
			}
			cases.Set(name, g.described())
		}
	}
	require.NoError(t, pt.Save(file, cases))

	// PyTorch's DistributedDataParallel trains with as many ranks and the same parts of each batch.
	// An LSTM adds up its biases in another order than ours; the other networks end with the same bits.
	t.Run("PyTorch", func(t *testing.T) {
		if testing.Short() {
			t.Skip("it runs Python, which shows the race detector nothing")
		}
		for _, n := range []int{2, 4} {
			out := fmt.Sprint(file, n)
			torchtest.RunPython(t, "testdata/ddp.py", file, out, strconv.Itoa(n))
			theirs, err := pt.LoadDict(out)
			require.NoError(t, err)
			for name, g := range networks {
				r := torchtest.Entry[*torch.Dict](t, theirs, name)
				losses, state := torchtest.Entry[*torch.Tensor](t, r, "losses"), torchtest.Entry[*torch.Dict](t, r, "state")
				g.alike(t, trained{losses.Float64s(), weightsOf(state)}, results[name][n], fmt.Sprintf("%s, %d ranks as Python's", name, n))
			}
		}
	})
}
