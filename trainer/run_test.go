// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer/metric"
)

// poison makes the n-th step's loss NaN (and so all weights after it).
func (r *trial) poison(n int) {
	loss, calls := r.Loss, 0
	training := false
	r.AroundStep = func(step func()) {
		training = true
		step()
		training = false
	}
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		l := loss(output, target)
		if training {
			calls++
		}
		if calls == n && training {
			return l.MulScalar(math.NaN())
		}
		return l
	}
}

// A loss that is not finite names its step, though it is read some steps later,
// and nothing that came of it is saved.
func TestNonFiniteLoss(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, every := range []int{1, 2, 3, 32} {
		r := newTrial(1, torch.CPU, t.TempDir())
		r.ReadEvery = every
		r.poison(4 + 4 + 2)
		var states []map[string][]float32
		r.OnEpoch = func(Epoch) error {
			states = append(states, stateOf(r.Model))
			return nil
		}
		h, err := r.Fit(context.Background())
		var e *NonFiniteError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, []int{2, 1}, []int{e.Epoch, e.Step})
		require.ErrorContains(t, err, "epoch 3, step 2: the loss is NaN")
		assert.Equal(t, StopNonFinite, h.StopReason)
		assert.Equal(t, 2, h.Len())
		assert.Equal(t, states[h.BestEpoch], stateOf(r.Model), "the best weights are restored")

		_, err = LoadCheckpoint(filepath.Join(r.Save, "last.pt"), r.Model, nil)
		require.NoError(t, err)
		assert.Equal(t, states[1], stateOf(r.Model), "last.pt is from before")
		r.close()
	}
}

// An update that breaks the weights in an epoch's last step shows in no loss of
// that epoch when nothing is validated.
func TestNonFiniteParameter(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	val := r.Val
	defer func() { r.Val = val }()
	steps := 0
	r.AroundStep = func(step func()) {
		step()
		if steps++; steps == 8 {
			torch.NoGrad(func() { nn.Parameters(r.Model)[3].FillInPlace(math.Inf(1)) })
		}
	}
	r.Val = nil
	h, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 2, step 4: a parameter is NaN")
	assert.Equal(t, 1, h.Len())
	assert.True(t, finite(r.Model), "the weights of epoch 1 are back")

	r.Val, r.Replace, steps = val, true, 0
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 2, step 4: the validation loss is")
	assert.True(t, finite(r.Model))
}

func TestErrorsNameTheStep(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	loss, calls := r.Loss, 0
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		if calls++; calls == 3 {
			return output.Matmul(output)
		}
		return loss(output, target)
	}
	h, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "trainer: epoch 1, step 3: torch: matmul: [8 3] × [8 3]")
	var e *torch.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, StopError, h.StopReason)

	r.Loss = func(output, _ *torch.Tensor) *torch.Tensor { return output }
	_, err = r.Fit(context.Background())
	require.Error(t, err) // Backward of more than one value

	r.Loss = loss
	r.OnEpoch = func(Epoch) error { return errTest }
	h, err = r.Fit(context.Background())
	require.ErrorIs(t, err, errTest)
	assert.Equal(t, 1, h.Len())
	r.OnEpoch = func(Epoch) error { return fmt.Errorf("seen enough: %w", ErrStop) }
	h, err = r.Fit(context.Background())
	require.NoError(t, err)
	assert.Equal(t, StopHook, h.StopReason)
}

func TestRunChecks(t *testing.T) {
	torchtest.NoLeaks(t)
	for want, change := range map[string]func(*Run){
		"Run.Model is nil":                       func(r *Run) { r.Model = nil },
		"Run.Loss is nil, and":                   func(r *Run) { r.Loss = nil },
		"Run.Optimizer is nil":                   func(r *Run) { r.Optimizer = nil },
		"Run.Train is nil":                       func(r *Run) { r.Train = nil },
		"Run.Epochs is -1; it must not":          func(r *Run) { r.Epochs = -1 },
		"Run.BatchSize is -64; it must not":      func(r *Run) { r.BatchSize = -64 },
		"Run.ClipValue is NaN; it must not":      func(r *Run) { r.ClipValue = nan },
		"Run.EMA is 1; it must be":               func(r *Run) { r.EMA = 1 },
		"Run.Autocast is int64; it can be":       func(r *Run) { r.Autocast = torch.Int64 },
		"Run.PerStep needs Run.Scheduler":        func(r *Run) { r.PerStep = true },
		"Run.DropLast leaves nothing":            func(r *Run) { r.DropLast, r.BatchSize = true, 26 },
		"Run.Sampler chooses no samples":         func(r *Run) { r.Sampler = chosen(func(uint64, int) []int { return nil }) },
		`"half" has no Batch or no Value`:        func(r *Run) { r.Metrics = []metric.Metric{{Name: "half"}} },
		"Mode":                                   func(r *Run) { r.Stop = &EarlyStopping{Mode: Max} },
		"Run.Stop.Patience is -1":                func(r *Run) { r.Stop = &EarlyStopping{Patience: -1} },
		"Run.Stop.MinDelta is NaN":               func(r *Run) { r.Stop = &EarlyStopping{MinDelta: math.NaN()} },
		"Run.Resume needs Run.Save":              func(r *Run) { r.Resume = true },
		"has no parameters":                      func(r *Run) { r.Model = nn.Tanh{} },
		"25 samples on cpu, but Y is [9] on cpu": func(r *Run) { r.Train = &data.Set{X: inMemory(r.Train).X, Y: inMemory(r.Val).Y} },
		"Run.Val has no samples":                 func(r *Run) { r.Val = &data.Set{X: torch.Zeros([]int{0, 5}), Y: torch.Zeros([]int{0})} },
	} {
		torch.Scope(func() {
			r := newTrial(1, torch.CPU, "")
			defer r.close()
			run := r.Run
			change(&run)
			_, err := run.Fit(context.Background())
			require.ErrorContains(t, err, want)
		})
	}
}

// An optimizer must hold what is to be trained, and nothing that no checkpoint holds.
func TestRunChecksTheOptimizer(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		adam := func(params ...*torch.Tensor) optim.Optimizer { return optim.NewAdam(params, optim.DefaultAdam()) }
		other := nn.NewLinear(2, 2, torch.CPU)
		defer closeTensors(nn.StateDict(other))
		for want, make := range map[string]func(params []*torch.Tensor) optim.Optimizer{
			"does not hold 3.weight, 3.bias of": func(ps []*torch.Tensor) optim.Optimizer { return adam(ps[:2]...) },
			"does not hold 0.weight, 0.bias, 3": func([]*torch.Tensor) optim.Optimizer { return adam(nn.Parameters(other)...) },
			"holds 2 parameters that are not":   func(ps []*torch.Tensor) optim.Optimizer { return adam(append(ps, nn.Parameters(other)...)...) },
		} {
			r := newTrial(1, torch.CPU, "")
			defer r.close()
			before := nn.Parameters(r.Model)[0].Float32s()
			r.Optimizer = make(nn.Parameters(r.Model))
			_, err := r.Fit(context.Background())
			require.ErrorContains(t, err, want)
			assert.Equal(t, before, nn.Parameters(r.Model)[0].Float32s(), "no step was made")
		}

		// Frozen parameters may be left out, or left in.
		for held := range 2 {
			r := newTrial(1, torch.CPU, "")
			defer r.close()
			params := nn.Parameters(r.Model)
			for _, p := range params[:2] {
				p.SetRequiresGrad(false)
			}
			frozen := params[0].Float32s()
			r.Optimizer, r.Epochs = adam(params[2*held:]...), 1
			defer closeTensors(r.Optimizer.StateDict())
			_, err := r.Fit(context.Background())
			require.NoError(t, err)
			assert.Equal(t, frozen, params[0].Float32s())
		}
	})
}

func TestSaveFails(t *testing.T) {
	torchtest.NoLeaks(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := newTrial(1, torch.CPU, filepath.Join(file, "run"))
	defer r.close()
	_, err := r.Fit(context.Background())
	require.ErrorContains(t, err, file)

	r.Save = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(r.Save, "last.pt"), 0o700))
	h, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "last.pt")
	assert.Equal(t, StopError, h.StopReason)

	r.Save = t.TempDir()
	full := filepath.Join(r.Save, HistoryFile)
	require.NoError(t, os.MkdirAll(filepath.Join(full, "x"), 0o700))
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "remove "+full+": ")
}

func TestProgress(t *testing.T) {
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	var seen []Progress
	r.OnProgress = func(p Progress) { seen = append(seen, p) }
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	require.Len(t, seen, 16)
	for i, p := range seen {
		assert.Equal(t, []int{i / 4, 4, i%4 + 1, 4}, []int{p.Epoch, p.Epochs, p.Step, p.Steps})
		assert.Positive(t, p.SamplesPerSecond)
		assert.Equal(t, i == 15, p.ETA == 0)
		// The losses are read after steps 3 and 4: ReadEvery is 3.
		assert.Equal(t, p.Step < 3, math.IsNaN(p.Loss), "%+v", p)
		assert.Equal(t, i/4-1, p.Last.Index)
		if p.Last.Index >= 0 {
			assert.Equal(t, h.list("val_losses")[p.Last.Index], p.Last.ValLoss)
		}
	}
}

// Memory is the same in every epoch, but for what the first steps make for good.
func TestMemoryStaysFlat(t *testing.T) {
	for name, change := range map[string]func(*trial){
		"simple": func(*trial) {},
		"every option": func(r *trial) {
			everyOption(r)
			r.KeepBest, r.DetectAnomaly = 0, true
			r.OnBatch = func(int, int, Result) error { return nil }
		},
		"source and metrics": func(r *trial) {
			every(r)
			scored(r)
		},
		"loader, metrics and hooks": func(r *trial) {
			load(&r.Run, 2, noise)
			scored(r)
			r.OnBatch = func(int, int, Result) error { return nil }
			r.OnFitStart = func(*History) error { return nil }
			r.OnFitEnd = r.OnFitStart
		},
		"step": func(r *trial) {
			r.Step = func(b data.Batch) Result {
				output := r.forward(b.X)
				loss := r.Loss(output, b.Y)
				return Result{Loss: loss, Output: output, Target: b.Y, Parts: map[string]*torch.Tensor{"a": loss, "b": output.Mean()}}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			r := newTrial(1, torch.CPU, "")
			defer r.close()
			change(r)
			r.Epochs = 30
			var counts []torch.Counts
			r.OnEpoch = func(Epoch) error {
				c := torch.Live()
				c.Peak = 0
				counts = append(counts, c)
				return nil
			}
			_, err := r.Fit(context.Background())
			require.NoError(t, err)
			for _, c := range counts[2:] {
				assert.Equal(t, counts[1].Tensors, c.Tensors)
				assert.Equal(t, counts[1].Bytes, c.Bytes)
			}
		})
	}
}

// Runs at the same time do not touch each other.
func TestFitsAtOnce(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	var wg sync.WaitGroup
	errs, histories := make([]error, 8), make([]*History, 8)
	for i := range errs {
		r, free := golden.run(t, golden.Cases[i%2], torch.CPU)
		wg.Go(func() {
			defer free()
			histories[i], errs[i] = r.Fit(context.Background())
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	for i, h := range histories {
		requireGolden(t, golden.Cases[i%2], h)
	}
}

// A loop made of the exported parts gives the results of Fit.
func TestPartsMakeALoop(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	c := golden.Cases[1]
	r, free := golden.run(t, c, torch.CPU)
	defer free()
	h, losses := NewHistory(), NewLosses(3)
	defer losses.Close()
	var best Weights
	defer best.Close()
	require.Error(t, best.Restore(r.Model))
	stop := EarlyStopping{Patience: 2}
	for epoch := range r.Epochs {
		losses.Begin(epoch, 0)
		for b := range inMemory(r.Train).Batches(r.BatchSize, data.Order(r.Train.Len(), r.Seed, epoch)) {
			r.Optimizer.ZeroGrad()
			loss := r.Loss(r.forward(b.X), b.Y)
			loss.Backward()
			r.Optimizer.Step()
			losses.Add(loss, b.Len)
			if losses.Full() {
				require.NoError(t, losses.Read())
			}
		}
		require.NoError(t, losses.Read())
		m, err := Evaluate(r.Model.(nn.Module), r.Loss, r.Val, 0)
		require.NoError(t, err)
		if h.Update(Epoch{TrainLoss: losses.Mean(), ValLoss: m.Loss, TrainAcc: nan, ValAcc: m.Accuracy}) {
			best.Take(r.Model)
		}
		_, enough := stop.Observe(m.Loss)
		assert.False(t, enough)
	}
	require.NoError(t, best.Restore(r.Model))
	c.Best.requireClose(t, r.Model, weightsApart)
	assert.InDeltaSlice(t, c.TrainLosses, h.list("train_losses"), 1e-6)
	assert.Equal(t, c.ValAccs, h.list("val_accs"))
}

func TestLossesRefuse(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		l := NewLosses(1)
		defer l.Close()
		require.ErrorContains(t, torch.Try(func() { l.Add(torch.Zeros([]int{2}), 1) }), "single value")
		l.Add(torch.Scalar[float32](0.5), 3)
		require.ErrorContains(t, torch.Try(func() { l.Add(torch.Scalar[float32](1), 1) }), "Read comes before")
		require.NoError(t, l.Read())
		assert.Equal(t, 0.5, l.Mean())
	})
}
