// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/torchtest"
)

// chosen is a sampler made of a function.
type chosen func(seed uint64, epoch int) []int

func (c chosen) Order(seed uint64, epoch int) []int { return c(seed, epoch) }

// fitted returns the history and the weights of a trial after change.
func fitted(t *testing.T, change func(*trial)) (map[string]any, map[string][]float32) {
	t.Helper()
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	change(r)
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	return results(h, false), stateOf(r.Model)
}

// first keeps the first n samples of validation.
func first(r *trial, n int) {
	whole := r.Val.(*data.Set)
	short := &data.Set{Fingerprint: "short"}
	torch.Scope(func() {
		x, y := whole.X.Narrow(0, 0, n), whole.Y.Narrow(0, 0, n)
		torch.Unscoped(func() { short.X, short.Y = x.Clone(), y.Clone() })
	})
	whole.Close()
	r.Val = short
}

// A limit gives what a sampler of as many samples gives, with a shorter set for validation.
func TestLimits(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, c := range map[string]struct {
		limited, by func(*trial)
	}{
		"LimitBatches": {func(r *trial) { r.LimitBatches = 1 }, func(r *trial) {
			r.Sampler = chosen(func(seed uint64, epoch int) []int { return data.Order(25, seed, epoch)[:8] })
		}},
		"OverfitBatches": {func(r *trial) { r.OverfitBatches = 1 }, func(r *trial) {
			r.Sampler = chosen(func(uint64, int) []int { return []int{0, 1, 2, 3, 4, 5, 6, 7} })
		}},
		"FastDevRun": {func(r *trial) { r.FastDevRun, r.Save = true, t.TempDir() }, func(r *trial) {
			r.Epochs = 1
			r.Sampler = chosen(func(seed uint64, epoch int) []int { return data.Order(25, seed, epoch)[:8] })
		}},
	} {
		wantHistory, want := fitted(t, func(r *trial) {
			first(r, 8)
			c.by(r)
		})
		dir := ""
		history, weights := fitted(t, func(r *trial) {
			c.limited(r)
			dir = r.Save
		})
		assert.Equal(t, wantHistory, history, name)
		assert.Equal(t, want, weights, name)
		if dir != "" {
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, files)
		}
	}
	wantHistory, want := fitted(t, func(*trial) {})
	history, weights := fitted(t, func(r *trial) { r.LimitBatches = 99 })
	assert.Equal(t, wantHistory, history)
	assert.Equal(t, want, weights)
}

// The sanity check finds a mistake before the first step, and leaves no trace: not even
// of random numbers.
func TestSanityCheck(t *testing.T) {
	torchtest.NoLeaks(t)
	validated := 0
	drawing := func(r *trial) {
		everyOption(r)
		r.KeepBest = 0
		r.Step = func(b data.Batch) Result {
			output := r.forward(b.X).Add(torch.Randn([]int{b.Len, 3}).MulScalar(0.1))
			if !output.RequiresGrad() {
				validated++
			}
			return Result{Output: output, Target: b.Y}
		}
	}
	wantHistory, want := fitted(t, drawing)
	require.Equal(t, 4*2, validated)
	history, weights := fitted(t, func(r *trial) {
		drawing(r)
		r.NumSanityValSteps = 1
	})
	assert.Equal(t, wantHistory, history)
	assert.Equal(t, want, weights)
	assert.Equal(t, 2*4*2+1, validated)

	r := newTrial(1, torch.CPU, "")
	defer r.close()
	r.NumSanityValSteps = 2
	r.AroundStep = func(func()) { t.Error("a step of training") }
	loss := r.Loss
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor { return loss(output, target).MulScalar(math.NaN()) }
	_, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 0: the validation loss is NaN")
}

func TestLimitsRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	for want, change := range map[string]func(*trial){
		"Run.LimitBatches is -1":              func(r *trial) { r.LimitBatches = -1 },
		"leave LimitBatches, FastDevRun":      func(r *trial) { r.LimitBatches, r.OverfitBatches = 1, 1 },
		"FastDevRun and Sampler off":          func(r *trial) { r.FastDevRun, r.OverfitBatches = true, 1 },
		"leave ResumeFrom off":                func(r *trial) { r.FastDevRun, r.ResumeFrom = true, "last.pt" },
		"Run.NumSanityValSteps needs Run.Val": func(r *trial) { r.NumSanityValSteps, r.Val = 1, nil },
	} {
		r := newTrial(1, torch.CPU, "")
		whole := *r
		change(r)
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, want)
		whole.close()
	}
	dir := begun(t)
	for want, change := range map[string]func(*trial){
		"limit batches is new: 2":   func(r *trial) { r.LimitBatches = 2 },
		"overfit batches is new: 2": func(r *trial) { r.OverfitBatches = 2 },
	} {
		_, _, err := fit(t, dir, func(r *trial) {
			everyState(0, r)
			r.Resume, r.Override = true, true
			change(r)
		})
		require.ErrorContains(t, err, want)
	}
}
