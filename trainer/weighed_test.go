// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// weighedCase is a case of gen_weighed.py: losses and accuracies are those of all
// samples in one batch.
type weighedCase struct {
	Name     string
	Y        []int64
	Settings struct {
		IgnoreIndex    *int `json:"ignore_index"`
		Weight         []float32
		LabelSmoothing float64 `json:"label_smoothing"`
	}
	Loss, Accuracy float64
	Train, Val     [][2]float64 // loss and accuracy by epoch: before the step, and after it
	Weight, Bias   []float64    // after the last step
}

type weighedFile struct {
	X, XV, Weight, Bias []float32
	Cases               []weighedCase
}

func readWeighed(t *testing.T) (g weighedFile) {
	t.Helper()
	text, err := os.ReadFile("testdata/weighed.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &g))
	require.Len(t, g.Cases, 8)
	return g
}

// run is the case as a Run whose batches make one step an epoch. It is to be called
// in a Scope.
func (g weighedFile) run(c weighedCase, d torch.Device, batch int) Run {
	model := nn.NewLinear(4, 3, d)
	torch.NoGrad(func() {
		model.Weight.CopyInPlace(torch.FromSlice(g.Weight, 3, 4))
		model.Bias.CopyInPlace(torch.FromSlice(g.Bias))
	})
	set := func(x []float32) *data.Set {
		return &data.Set{X: torch.FromSlice(x, len(c.Y), 4).To(d), Y: torch.FromSlice(c.Y).To(d)}
	}
	loss := nn.CrossEntropy{IgnoreIndex: c.Settings.IgnoreIndex, LabelSmoothing: c.Settings.LabelSmoothing}
	if c.Settings.Weight != nil {
		loss.Weight = torch.FromSlice(c.Settings.Weight).To(d)
	}
	return Run{
		Model: model, Loss: loss.Loss, Optimizer: optim.NewSGD(nn.Parameters(model), optim.SGDConfig{LR: 0.1}),
		Train: set(g.X), Val: set(g.XV), Epochs: len(c.Train), BatchSize: batch,
		Accumulate: (len(c.Y) + batch - 1) / batch, KeepLast: true, Threads: 1,
	}
}

func closeModel(r Run) {
	for _, p := range nn.Parameters(r.Model) {
		p.Close()
	}
}

// A loss, an accuracy and a step are those of all samples in one batch, whatever the
// size of the batches: to 1e-5 of float32 sums in another order, whose terms the
// weights make up to 100 times as large.
func TestWeighedLossesDoNotDependOnTheBatchSize(t *testing.T) {
	torchtest.NoLeaks(t)
	g := readWeighed(t)
	for _, device := range []torch.Device{torch.CPU, torchtest.Accelerator(t)} {
		near := torchtest.Tolerance(device, 1e-5)
		for _, c := range g.Cases {
			for _, batch := range []int{1, 2, 5, len(c.Y), 64} {
				torch.Scope(func() {
					r := g.run(c, device, batch)
					defer closeModel(r)
					r.AroundStep = func(step func()) { torchtest.ForbidTransfers(step) }
					m, err := Evaluate(r.Model.(nn.Module), r.Loss, r.Val, batch)
					require.NoError(t, err)
					assert.InDelta(t, c.Loss, m.Loss, near, "%s, batch %d", c.Name, batch)
					assert.InDelta(t, c.Accuracy, m.Accuracy, 1e-6, "%s, batch %d", c.Name, batch)

					h, err := r.Fit(context.Background())
					require.NoError(t, err, "%s, batch %d", c.Name, batch)
					for i := range c.Train {
						assert.InDelta(t, c.Train[i][0], h.list("train_losses")[i], near, "%s, batch %d", c.Name, batch)
						assert.InDelta(t, c.Train[i][1], h.list("train_accs")[i], 1e-6)
						assert.InDelta(t, c.Val[i][0], h.list("val_losses")[i], near, "%s, batch %d", c.Name, batch)
						assert.InDelta(t, c.Val[i][1], h.list("val_accs")[i], 1e-6)
					}
					l := r.Model.(*nn.Linear)
					assert.InDeltaSlice(t, c.Weight, l.Weight.Float64s(), near, "%s, batch %d", c.Name, batch)
					assert.InDeltaSlice(t, c.Bias, l.Bias.Float64s(), near, "%s, batch %d", c.Name, batch)
				})
			}
		}
	}
}

// Batches without a target that counts are passed over, whether each is a step of its
// own or not; a set without one cannot be trained on.
func TestIgnoredTargets(t *testing.T) {
	torchtest.NoLeaks(t)
	g := readWeighed(t)
	torch.Scope(func() {
		c := g.Cases[6]
		require.Equal(t, "one that counts", c.Name)
		r := g.run(c, torch.CPU, 2)
		defer closeModel(r)
		r.Accumulate = 1
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, StopCompleted, h.StopReason)
		assert.Less(t, h.list("train_losses")[3], h.list("train_losses")[0])

		for i := range c.Y {
			c.Y[i] = -100
		}
		none := g.run(c, torch.CPU, 2)
		defer closeModel(none)
		none.Train, none.Val = r.Train, none.Train
		_, err = none.Fit(context.Background())
		require.ErrorContains(t, err, "Run.Val: the loss ignores every target")
		none.Train, none.Val = none.Val, nil
		_, err = none.Fit(context.Background())
		require.ErrorContains(t, err, "Run.Train: the loss ignores every target")
		m, err := Evaluate(none.Model.(nn.Module), none.Loss, none.Train, 2)
		require.NoError(t, err)
		assert.True(t, math.IsNaN(m.Loss))
		assert.True(t, math.IsNaN(m.Accuracy))
	})
}

// A break in a group of batches keeps what its losses were divided by.
func TestResumeWeighed(t *testing.T) {
	torchtest.NoLeaks(t)
	g := readWeighed(t)
	torch.Scope(func() {
		c := g.Cases[3]
		whole := g.run(c, torch.CPU, 2)
		defer closeModel(whole)
		_, err := whole.Fit(context.Background())
		require.NoError(t, err)
		for _, at := range []int{1, 4, 7, 9} {
			first := g.run(c, torch.CPU, 2)
			defer closeModel(first)
			first.Save = t.TempDir()
			ctx, cancel := context.WithCancel(context.Background())
			n := 0
			first.OnProgress = func(Progress) {
				if n++; n == at {
					cancel()
				}
			}
			_, err := first.Fit(ctx)
			require.ErrorIs(t, err, ErrInterrupted)
			second := g.run(c, torch.CPU, 2)
			defer closeModel(second)
			second.Save, second.Resume = first.Save, true
			_, err = second.Fit(context.Background())
			require.NoError(t, err)
			assert.Equal(t, stateOf(whole.Model), stateOf(second.Model), "a break after step %d", at)
		}
	})
}

// A loss of a program's own can name the number that it divides by.
func TestLossWithDivisor(t *testing.T) {
	torchtest.NoLeaks(t)
	g := readWeighed(t)
	torch.Scope(func() {
		c := g.Cases[2]
		r := g.run(c, torch.CPU, 2)
		defer closeModel(r)
		weight := torch.FromSlice(c.Settings.Weight)
		m, err := Evaluate(r.Model.(nn.Module), func(output, target *torch.Tensor) *torch.Tensor {
			sum := nn.CrossEntropy{Weight: weight, Reduction: nn.ReduceSum}.Loss(output, target)
			total := weight.IndexSelect(0, target).Sum()
			return nn.WithDivisor(sum.Div(total), func() *torch.Tensor { return total })
		}, r.Val, 3)
		require.NoError(t, err)
		assert.InDelta(t, c.Loss, m.Loss, 1e-5)
	})
}
