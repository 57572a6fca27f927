// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// net is the network of gen_fit.py.
type net struct {
	FC1, FC2 *nn.Linear
}

func (n *net) Forward(x *torch.Tensor) *torch.Tensor {
	return n.FC2.Forward(n.FC1.Forward(x).Tanh())
}

func newNet(out int, d torch.Device) *net {
	return &net{nn.NewLinear(5, 9, d), nn.NewLinear(9, out, d)}
}

// inMemory returns the set that s is, or whose samples it changes.
func inMemory(s data.Source) *data.Set {
	switch s := s.(type) {
	case *noisy:
		return s.Set
	case *data.Loader:
		return s.Data.(*data.Set)
	}
	return s.(*data.Set)
}

type goldenState map[string]struct {
	Shape  []int
	Values []float32
}

func (g goldenState) load(tb testing.TB, model any) {
	tb.Helper()
	torch.Scope(func() {
		d := &torch.Dict{OrderedDict: true}
		for name, t := range g {
			d.Set(name, torch.FromSlice(t.Values, t.Shape...))
		}
		require.NoError(tb, nn.LoadStateDict(model, d))
	})
}

// weightsApart bounds what weights of the golden files, which another machine made,
// differ by. Adam divides a gradient by its size, so the rounding of a small gradient
// shows at the scale of the learning rate: 30 steps with libtorch's kernels for the
// oldest processors end 2.6e-6 away from those with AVX2.
const weightsApart = 1e-5

// requireClose compares model's state with g, near apart at most, absolute.
func (g goldenState) requireClose(tb testing.TB, model any, near float64) {
	tb.Helper()
	for name, have := range stateOf(model) {
		require.InDeltaSlice(tb, g[name].Values, have, near, name)
	}
}

func stateOf(model any) map[string][]float32 {
	state := map[string][]float32{}
	torch.Scope(func() {
		for name, t := range nn.StateDict(model).All() {
			state[name.(string)] = t.(*torch.Tensor).Float32s()
		}
	})
	return state
}

type goldenCase struct {
	Name        string
	Start       goldenState
	X, Y        []float32
	XV, YV      []float32
	TrainLosses []float64 `json:"train_losses"`
	ValLosses   []float64 `json:"val_losses"`
	TrainAccs   []float64 `json:"train_accs"`
	ValAccs     []float64 `json:"val_accs"`
	MSE, MAE    *float64
	BestEpoch   int `json:"best_epoch"`
	Best, Last  goldenState
}

type goldenFile struct {
	Batch, Epochs int
	Seed          uint64
	LR            float64
	WeightDecay   float64 `json:"weight_decay"`
	Cases         []goldenCase
}

func readGolden(tb testing.TB) (g goldenFile) {
	tb.Helper()
	text, err := os.ReadFile("testdata/fit.json")
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, &g))
	require.Len(tb, g.Cases, 2)
	return g
}

func (c goldenCase) classes() bool { return c.MSE == nil }

func (c goldenCase) set(x, y []float32, d torch.Device) *data.Set {
	n := len(x) / 5
	s := &data.Set{}
	torch.Scope(func() {
		tx, ty := torch.FromSlice(x, n, 5), torch.FromSlice(y, n, len(y)/n)
		if c.classes() {
			ty = ty.Reshape(n).ToDType(torch.Int64)
		}
		torch.Unscoped(func() { s.X, s.Y = tx.Clone(), ty.Clone() })
		if d != torch.CPU {
			cpu := *s
			torch.Unscoped(func() { s.X, s.Y = tx.To(d), ty.To(d) })
			cpu.Close()
		}
	})
	return s
}

// run is the golden case as a Run, without early stopping, with what frees it.
func (g goldenFile) run(tb testing.TB, c goldenCase, d torch.Device) (Run, func()) {
	tb.Helper()
	out := len(c.Start["fc2.bias"].Values)
	model := newNet(out, d)
	c.Start.load(tb, model)
	settings := optim.DefaultAdam()
	settings.LR, settings.WeightDecay = g.LR, g.WeightDecay
	r := Run{
		Model: model, Loss: nn.MSELoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     c.set(c.X, c.Y, d), Val: c.set(c.XV, c.YV, d),
		Epochs: g.Epochs, BatchSize: g.Batch, Seed: g.Seed, Threads: 1,
	}
	if c.classes() {
		r.Loss = nn.CrossEntropyLoss
	}
	return r, func() {
		inMemory(r.Train).Close()
		inMemory(r.Val).Close()
		for _, p := range nn.Parameters(model) {
			p.Close()
		}
	}
}

// The last batch of each epoch has one sample of 49: a mean of batch means would
// be off in the second digit.
func TestFitAsPyTorch(t *testing.T) {
	torchtest.NoLeaks(t)
	golden := readGolden(t)
	for _, c := range golden.Cases {
		for _, keepLast := range []bool{false, true} {
			r, free := golden.run(t, c, torch.CPU)
			r.KeepLast = keepLast
			h, err := r.Fit(context.Background())
			require.NoError(t, err)
			requireGolden(t, c, h)
			if keepLast {
				c.Last.requireClose(t, r.Model, weightsApart)
			} else {
				c.Best.requireClose(t, r.Model, weightsApart)
			}
			free()
		}
	}
}

func requireGolden(tb testing.TB, c goldenCase, h *History) {
	tb.Helper()
	worst := 0.0
	compare := func(want, have []float64) {
		tb.Helper()
		require.Len(tb, have, len(want))
		for i := range want {
			worst = max(worst, math.Abs(have[i]-want[i])/want[i])
		}
	}
	compare(c.TrainLosses, h.list("train_losses"))
	compare(c.ValLosses, h.list("val_losses"))
	require.Less(tb, worst, 1e-6, c.Name)
	tb.Logf("%s: largest relative difference of an epoch's loss %.1e", c.Name, worst)
	if c.classes() {
		require.Equal(tb, c.TrainAccs, h.list("train_accs"))
		require.Equal(tb, c.ValAccs, h.list("val_accs"))
	} else {
		require.Nil(tb, h.list("train_accs"))
		require.Nil(tb, h.list("val_accs"))
	}
	require.Equal(tb, c.BestEpoch, h.BestEpoch)
	require.Equal(tb, h.list("val_losses")[c.BestEpoch], h.Best().ValLoss)
	require.Equal(tb, StopCompleted, h.StopReason)
	require.Len(tb, h.list("epoch_times"), len(c.TrainLosses))
}

func TestFitStopsEarly(t *testing.T) {
	golden := readGolden(t)
	c := golden.Cases[0] // best in epoch 3 of 8, from 0
	torchtest.NoLeaks(t)
	r, free := golden.run(t, c, torch.CPU)
	defer free()
	r.Stop = &EarlyStopping{Patience: 3, MinDelta: 1e-3}
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	assert.Equal(t, StopPatience, h.StopReason)
	assert.Equal(t, 3+3+1, h.Len())
	assert.Equal(t, 3, h.BestEpoch)
	c.Best.requireClose(t, r.Model, weightsApart)
	assert.Zero(t, r.Stop.Wait(), "the caller's own is left alone")
}

func TestFitWithoutValidation(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	r, free := golden.run(t, golden.Cases[0], torch.CPU)
	defer free()
	r.Val = nil
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	assert.Nil(t, h.list("val_losses"))
	assert.True(t, math.IsNaN(h.Best().ValLoss))
	assert.Equal(t, 7, h.BestEpoch, "training's losses fall")
	golden.Cases[0].Last.requireClose(t, r.Model, weightsApart)
}

func TestEvaluateAsPyTorch(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	for _, c := range golden.Cases {
		r, free := golden.run(t, c, torch.CPU)
		c.Best.load(t, r.Model)
		for _, size := range []int{0, 5, 13, 1} {
			m, err := Evaluate(r.Model.(nn.Module), r.Loss, r.Val, size)
			require.NoError(t, err)
			assert.Equal(t, 13, m.Samples)
			assert.InEpsilon(t, c.ValLosses[c.BestEpoch], m.Loss, 1e-6)
			if c.classes() {
				assert.Equal(t, c.ValAccs[c.BestEpoch], m.Accuracy)
				assert.True(t, math.IsNaN(m.MSE) && math.IsNaN(m.MAE))
			} else {
				assert.InEpsilon(t, *c.MSE, m.MSE, 1e-6)
				assert.InEpsilon(t, *c.MAE, m.MAE, 1e-6)
				assert.True(t, math.IsNaN(m.Accuracy))
			}
			rows, loss, err := Predict(context.Background(), r.Model.(nn.Module), r.Val, size, r.Loss)
			require.NoError(t, err)
			assert.Equal(t, m.Loss, loss)
			torch.Scope(func() {
				assert.InDeltaSlice(t, r.forward(inMemory(r.Val).X).Float32s(), rows, 1e-6)
			})
			inputs, loss, err := Predict(context.Background(), r.Model.(nn.Module), &data.Set{X: inMemory(r.Val).X}, size, nil)
			require.NoError(t, err)
			assert.Equal(t, rows, inputs)
			assert.True(t, math.IsNaN(loss))
		}
		ctx, stop := context.WithCancelCause(context.Background())
		stop(io.ErrNoProgress)
		_, _, err := Predict(ctx, r.Model.(nn.Module), r.Val, 0, r.Loss)
		require.ErrorIs(t, err, io.ErrNoProgress)
		free()
	}
	text, err := json.Marshal(Metrics{Samples: 2, Loss: 0.5, MSE: math.NaN(), MAE: math.Inf(1), Accuracy: 1})
	require.NoError(t, err)
	assert.JSONEq(t, `{"samples": 2, "loss": 0.5, "mse": null, "mae": null, "accuracy": 1}`, string(text))
	_, err = Evaluate(nil, nil, nil, 0)
	require.ErrorContains(t, err, "needs a model")
	_, _, err = Predict(context.Background(), nil, nil, 0, nil)
	require.ErrorContains(t, err, "needs a model")
}

// A set without samples has no measures, and measuring it is no failure.
func TestEvaluateNothing(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	for _, c := range golden.Cases {
		r, free := golden.run(t, c, torch.CPU)
		none := &data.Set{X: inMemory(r.Val).X.Narrow(0, 0, 0), Y: inMemory(r.Val).Y.Narrow(0, 0, 0)}
		m, err := Evaluate(r.Model.(nn.Module), r.Loss, none, 5)
		require.NoError(t, err)
		assert.Zero(t, m.Samples)
		assert.True(t, math.IsNaN(m.Loss) && math.IsNaN(m.MSE) && math.IsNaN(m.MAE) && math.IsNaN(m.Accuracy), "%+v", m)
		none.Close()
		free()
	}
}

// Where no number is denormal, a run ends with the same bits whether they are flushed or not.
// A weight that decays becomes 0 instead of a denormal number.
func TestKeepDenormals(t *testing.T) {
	torchtest.NoLeaks(t)
	fitted := func(keep bool, change func(*trial)) *trial {
		r := newTrial(1, torch.CPU, "")
		r.KeepDenormals = keep
		change(r)
		_, err := r.Fit(context.Background())
		require.NoError(t, err)
		return r
	}
	flushed, kept := fitted(false, func(*trial) {}), fitted(true, func(*trial) {})
	assert.Equal(t, stateOf(kept.Model), stateOf(flushed.Model))
	flushed.close()
	kept.close()

	for keep, check := range map[bool]func(assert.TestingT, any, ...any) bool{true: assert.NotZero, false: assert.Zero} {
		r := fitted(keep, func(r *trial) {
			w := r.parameter(0)
			torch.NoGrad(func() { w.FillInPlace(2e-38) })
			r.Optimizer = optim.NewSGD(nn.Parameters(r.Model), optim.SGDConfig{LR: 0.02, WeightDecay: 5})
			r.Step = func(b data.Batch) Result {
				return Result{Output: r.forward(b.X.MulScalar(0)), Target: b.Y} // w has a gradient of 0
			}
		})
		check(t, slices.Max(r.parameter(0).Float32s()))
		r.close()
	}
}
