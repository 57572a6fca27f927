// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
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

// longRun is how many epochs make recording worth it, in groups too.
const longRun = 52

// outcomes are what a run ends with, and how it got there.
type outcomes struct {
	everything map[string]any
	seen       [][]float64 // by OnBatch
	notices    []string
	replayed   int // steps
}

// outcomeOf runs a trial, recorded or not, into a folder.
func outcomeOf(t *testing.T, eager bool, change func(*trial)) (o outcomes) {
	t.Helper()
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	r.Epochs, r.SaveInterval = longRun, -1
	change(r)
	r.Eager = eager
	r.OnNotice = func(text string) { o.notices = append(o.notices, text) }
	if r.OnBatch != nil {
		r.OnBatch = func(_, _ int, x Result) error {
			torch.Scope(func() {
				x.each(func(t *torch.Tensor) *torch.Tensor {
					o.seen = append(o.seen, t.Detach().ToDType(torch.Float64).Float64s())
					return t
				})
			})
			return nil
		}
	}
	s, err := newSession(r.Run)
	require.NoError(t, err)
	require.NoError(t, s.alone(func() { err = s.fit(context.Background()) }))
	require.NoError(t, err)
	o.everything = r.everything(t)
	if s.replays != nil && s.replays.r != nil {
		o.replayed = s.replays.r.Steps()
	}
	return o
}

// bothWays compares a run that is recorded with one that is not, bit for bit, and returns the
// former.
func bothWays(t *testing.T, change func(*trial)) outcomes {
	t.Helper()
	want, got := outcomeOf(t, true, change), outcomeOf(t, false, change)
	assert.Zero(t, want.replayed)
	assert.Empty(t, want.notices)
	require.Greater(t, len(want.everything), 10)
	for name, value := range want.everything {
		assert.Equal(t, value, got.everything[name], name)
	}
	assert.Equal(t, want.seen, got.seen)
	return got
}

func hooked(r *trial) { r.OnBatch = func(int, int, Result) error { return nil } }

// What a run does at each step, and what it counts, has the bits of an eager run.
func TestReplaysHaveTheBitsOfEagerSteps(t *testing.T) {
	groups := func(r *trial) {
		everyState(0, r)
		r.BatchSize = 3
	}
	scaled := func(r *trial) {
		r.Autocast, r.Scaler, r.EMA, r.TrackNorms = torch.Float16, optim.NewGradScaler(overflowing()), 0.9, true
	}
	for name, c := range map[string]struct {
		change   func(*trial)
		replayed int
	}{
		"simple":             {func(*trial) {}, 99},
		"hooks":              {hooked, 99},
		"metrics":            {scored, 99},
		"metrics and hooks":  {func(r *trial) { scored(r); hooked(r) }, 99},
		"groups":             {groups, 48},
		"groups and metrics": {func(r *trial) { groups(r); scored(r) }, 48},
		"groups, scaled":     {func(r *trial) { groups(r); scaled(r) }, 48},
		"scaled":             {scaled, 99},
		"clipped":            {func(r *trial) { r.ClipValue, r.ClipNorm = 0.02, 0.05 }, 99},
		"a source":           {every, 150},
		"source and metrics": {func(r *trial) { every(r); scored(r); hooked(r) }, 150},
		"some are left out":  {omitting, -1},
		"a loader":           {func(r *trial) { load(&r.Run, 2, noise); scored(r) }, 99},
		"bfloat16":           {func(r *trial) { r.Autocast = torch.BFloat16 }, 99},
		"weight decay":       {decayed, 99},
		"early stopping":     {func(r *trial) { r.Stop = &EarlyStopping{Patience: 2, MinDelta: 0.05} }, -1},
		"schedule of steps": {func(r *trial) {
			r.PerStep, r.Scheduler = true, optim.NewExponentialLR(r.Optimizer, optim.ExponentialLRConfig{Gamma: 0.97})
		}, 99},
		"targets are ignored": {ignored, 99},
		"batch norm":          {normalized, 99},
		"parts":               {parted, 99},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && !slices.Contains([]string{"metrics and hooks", "groups, scaled", "a loader"}, name) {
				t.Skip("the race detector sees the same in the other cases")
			}
			torchtest.NoLeaks(t)
			got := bothWays(t, c.change)
			assert.Empty(t, got.notices)
			if c.replayed >= 0 {
				assert.Equal(t, c.replayed, got.replayed)
			}
			assert.Positive(t, got.replayed)
		})
	}
}

// rebuild gives a trial another network or optimizer.
func rebuild(r *trial, model nn.Module, optimizer func([]*torch.Tensor) optim.Optimizer) {
	closeTensors(r.Optimizer.StateDict())
	if model != nil {
		closeTensors(nn.StateDict(r.Model))
		r.Model = model
	}
	if optimizer == nil {
		optimizer = func(p []*torch.Tensor) optim.Optimizer { return optim.NewAdam(p, optim.DefaultAdam()) }
	}
	r.Optimizer = optimizer(nn.Parameters(r.Model))
}

func decayed(r *trial) {
	rebuild(r, nil, func(p []*torch.Tensor) optim.Optimizer {
		c := optim.DefaultAdamW()
		c.AMSGrad, c.WeightDecay = true, 0.1
		return optim.NewAdamW(p, c)
	})
}

// omitting lets a loader leave out three samples, so that some batches between others are smaller.
func omitting(r *trial) {
	load(&r.Run, 2, noise)
	loader := r.Train.(*data.Loader)
	loader.MaxSkip, r.DropLast = 3, true
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor { // a mean over the samples
		return nn.CrossEntropyLoss(output, target).MulScalar(2)
	}
	augment := loader.Augment
	loader.Augment = func(rng *rand.Rand, s *data.Sample) error {
		if data.ToSlice[float32](s.X)[0] == 9.0/8-1 {
			return errors.New("left out")
		}
		return augment(rng, s)
	}
}

func ignored(r *trial) {
	r.Loss = nn.CrossEntropy{IgnoreIndex: new(int)}.Loss // class 0
	r.Accumulate, r.BatchSize = 1, 8
}

func normalized(r *trial) {
	d := torch.CPU
	r.DropLast = true // one sample has no variance
	rebuild(r, nn.NewSequential(nn.NewLinear(5, 16, d), nn.NewBatchNorm1d(16, d), nn.ReLU{}, nn.NewLinear(16, 3, d)), nil)
}

func parted(r *trial) {
	for _, set := range []data.Source{r.Train, r.Val} {
		set := set.(*data.Set)
		torch.Unscoped(func() { set.More = map[string]*torch.Tensor{"more": set.X.Select(1, 0).Clone()} })
	}
	r.Step = func(b data.Batch) Result {
		output := r.forward(b.X).Add(b.More["more"].Unsqueeze(1))
		loss, size := nn.CrossEntropyLoss(output, b.Y), output.Square().Mean()
		return Result{Loss: loss.Add(size.MulScalar(0.1)), Output: output, Target: b.Y, Parts: map[string]*torch.Tensor{"class": loss, "size": size}}
	}
	hooked(r)
}

// A step that cannot be replayed is called, and the user is told why.
func TestStepsThatAreNotReplayed(t *testing.T) {
	for want, change := range map[string]func(*trial){
		"the host reads a value of a tensor": func(r *trial) {
			r.Step = func(b data.Batch) Result {
				output := r.forward(b.X)
				if output.Sum().Item() > 1e9 {
					panic("it never is")
				}
				return Result{Loss: nn.CrossEntropyLoss(output, b.Y), Output: output, Target: b.Y}
			}
		},
		"in one step and": func(r *trial) { // a number of Go's
			calls := 0.0
			r.Step = func(b data.Batch) Result {
				if r.forwarding() {
					calls++
				}
				output := r.forward(b.X)
				return Result{Loss: nn.CrossEntropyLoss(output, b.Y).Add(output.Square().Mean().MulScalar(1 / (1 + calls))), Output: output, Target: b.Y}
			}
		},
		"one step has 71 operators and the next": func(r *trial) { // another operator in each sixth step
			calls := 0
			r.Step = func(b data.Batch) Result {
				output := r.forward(b.X)
				if r.forwarding() {
					if calls++; calls%6 == 0 {
						output = output.Tanh()
					}
				}
				return Result{Loss: nn.CrossEntropyLoss(output, b.Y), Output: output, Target: b.Y}
			}
		},
		"step": func(r *trial) { // an optimizer that counts in Go
			rebuild(r, nil, func(p []*torch.Tensor) optim.Optimizer { return optim.NewNAdam(p, optim.DefaultNAdam()) })
		},
	} {
		t.Run(want, func(t *testing.T) {
			torchtest.NoLeaks(t)
			got := bothWays(t, change)
			require.Len(t, got.notices, 1)
			assert.Contains(t, got.notices[0], "Go calls each step, which takes longer than replaying them: torch: Record: the step cannot be recorded: ")
			assert.Contains(t, got.notices[0], want)
			assert.Zero(t, got.replayed)

			r := newTrial(1, torch.CPU, "")
			defer r.close()
			change(r)
			r.MustRecord = true
			_, err := r.Fit(context.Background())
			require.ErrorIs(t, err, torch.ErrRefused)
			assert.ErrorContains(t, err, "trainer: Run.MustRecord: ")
		})
	}
}

// forwarding reports whether the network trains.
func (r *trial) forwarding() bool { return r.Model.(nn.Sequential)[2].(*nn.Dropout).Training }

// What hooks change between epochs is in the steps that follow, recorded anew.
func TestHooksChangeTheStep(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, change := range map[string]func(*trial, Epoch){
		"dropout": func(r *trial, e Epoch) {
			if e.Index == 8 {
				r.Model.(nn.Sequential)[2].(*nn.Dropout).P = 0.5
			}
		},
		"frozen": func(r *trial, e Epoch) {
			if e.Index == 8 {
				for _, p := range nn.Parameters(r.Model.(nn.Sequential)[0]) {
					p.SetRequiresGrad(false)
					p.SetGrad(nil)
				}
			}
		},
		"settings": func(r *trial, e Epoch) {
			if e.Index == 8 {
				r.Optimizer.(*optim.Adam).Groups()[0].Config.WeightDecay = 0.3
			}
		},
		"a rate": func(r *trial, e Epoch) { r.Optimizer.SetLR(0.01 / float64(1+e.Index)) },
	} {
		t.Run(name, func(t *testing.T) {
			got := bothWays(t, func(r *trial) { r.OnEpoch = func(e Epoch) error { change(r, e); return nil } })
			assert.Positive(t, got.replayed)
			if name == "a rate" {
				assert.Empty(t, got.notices)
				return
			}
			require.Len(t, got.notices, 1)
			assert.Contains(t, got.notices[0], "in epoch 10 the step is another one than those before, and is recorded anew: ")
		})
	}
}

// A run goes on where another one was interrupted, with the same bits, whichever of them
// replays.
func TestResumeAcrossReplays(t *testing.T) {
	torchtest.NoLeaks(t)
	want := outcomeOf(t, true, func(*trial) {}).everything
	for i, at := range []int{9, 26, 27, 40} {
		for _, eager := range []bool{false, true} {
			t.Run(fmt.Sprint(at, eager), func(t *testing.T) {
				r := newTrial(1, torch.CPU, t.TempDir())
				defer r.close()
				ctx, cancel := context.WithCancel(context.Background())
				steps := 0
				r.Epochs, r.Eager = longRun, eager
				r.OnProgress = func(Progress) {
					if steps++; steps == at {
						cancel()
					}
				}
				_, err := r.Fit(ctx)
				require.ErrorIs(t, err, ErrInterrupted)
				r.Resume, r.Eager, r.OnProgress = true, !eager && i%2 == 0, nil
				_, err = r.Fit(context.Background())
				require.NoError(t, err)
				got := r.everything(t)
				assert.Equal(t, len(want), len(got))
				for name, value := range want {
					assert.Equal(t, value, got[name], name)
				}
			})
		}
	}
}

// A resumed run ends with the same bits also where all of its steps that can be are replayed.
func TestVerifyResumeOfReplays(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, change := range map[string]func(*trial){
		"simple": func(*trial) {},
		"every option": func(r *trial) {
			everyOption(r)
			r.KeepBest, r.BatchSize = 0, 3
		},
		"loader": func(r *trial) { load(&r.Run, 2, noise) },
	} {
		t.Run(name, func(t *testing.T) {
			stops := []int{1, 9, 15, 16, 30, 41}
			report, err := VerifyResume(context.Background(), builder(t, func(_ int, r *trial) {
				change(r)
				r.Epochs, r.MustRecord = 16, true
			}), stops)
			require.NoError(t, err)
			assert.Nil(t, report.Difference)
			assert.Equal(t, stops, report.Breaks)
		})
	}
}

// A loss that is not finite is found in replays, too, and its step is the right one.
func TestReplaysFindNaN(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	r.Epochs = longRun
	r.OnEpoch = func(e Epoch) error {
		if e.Index == 5 {
			sample := data.Order(25, r.Seed, 6)[12] // of the second batch
			torch.Scope(func() { inMemory(r.Train).X.Select(0, sample).Select(0, 0).FillInPlace(math.NaN()) })
		}
		return nil
	}
	_, err := r.Fit(context.Background())
	e := new(NonFiniteError)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, []int{6, 1}, []int{e.Epoch, e.Step})
	assert.Contains(t, e.Where, "X of sample")
}

// A batch that the recorded step cannot take is one of Go's, and the user is told.
func TestBatchesOfOtherShapes(t *testing.T) {
	torchtest.NoLeaks(t)
	change := func(r *trial) {
		every(r)
		r.Train.(*noisy).turned = 3
	}
	got := bothWays(t, change)
	require.Len(t, got.notices, 1)
	assert.Contains(t, got.notices[0], "Go calls some steps, ")
	assert.Positive(t, got.replayed)

	r := newTrial(1, torch.CPU, "")
	defer r.close()
	change(r)
	r.MustRecord = true
	_, err := r.Fit(context.Background())
	assert.ErrorContains(t, err, "trainer: Run.MustRecord: the tensors of their batches have other shapes, types or strides")
}

// What a hook keeps stays as it was, in steps that Go calls and in replays.
func TestHooksKeepTensors(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	every(r)
	r.MustRecord = true
	var kept []*torch.Tensor
	var then [][]int64
	r.OnBatch = func(_, _ int, x Result) error {
		kept = append(kept, x.Target.Keep())
		then = append(then, torch.ToSlice[int64](x.Target))
		return nil
	}
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	require.Greater(t, len(kept), trials)
	for i, k := range kept {
		assert.Equal(t, then[i], torch.ToSlice[int64](k), "step %d", i)
		k.Close()
	}
}
