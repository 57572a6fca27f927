// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// job is training that a test runs step by step.
type job struct {
	x, y      *torch.Tensor
	model     any
	optimizer optim.Optimizer
	loss      func() *torch.Tensor
	clip      float64
	micro     int // batches that make a step; 0 for 1
	autocast  bool
	scaler    *optim.GradScaler
	rate      func(step int) float64 // nil for one that stays
	last      int                    // values of x and y are below it, where they are integers
}

func (j *job) step() []*torch.Tensor {
	j.optimizer.ZeroGrad()
	var results []*torch.Tensor
	for range max(j.micro, 1) {
		var loss *torch.Tensor
		if j.autocast {
			torch.Autocast(torch.CPU, torch.BFloat16, func() { loss = j.loss() })
		} else {
			loss = j.loss()
		}
		if j.micro > 0 {
			loss = loss.DivScalar(j.micro)
		}
		results = append(results, loss.Detach())
		if j.scaler != nil {
			loss = j.scaler.Scale(loss)
		}
		loss.Backward()
	}
	if j.scaler != nil {
		j.scaler.Unscale(j.optimizer)
	}
	if j.clip > 0 {
		results = append(results, optim.ClipGradNorm(j.optimizer.Parameters(), j.clip, 2))
	}
	if j.scaler == nil {
		j.optimizer.Step()
	} else {
		j.scaler.Step(j.optimizer)
		j.scaler.Update()
	}
	return results
}

// fill makes the batch of a step.
func (j *job) fill(step int) {
	torch.Scope(func() {
		for salt, t := range []*torch.Tensor{j.x, j.y} {
			values := make([]float32, t.Numel())
			for i := range values {
				n := (7919*i + 104729*step + 13*salt) % 997
				values[i] = float32(n) / 997
				if j.last > 0 && t.DType() == torch.Int64 {
					values[i] = float32(n % j.last)
				}
			}
			t.CopyInPlace(torch.FromSlice(values, t.Shape()...))
		}
	})
	if j.rate != nil {
		j.optimizer.SetLR(j.rate(step))
	}
}

// state returns all numbers that training changes.
func (j *job) state() (all []float64) {
	torch.Scope(func() {
		var tensors []*torch.Tensor
		for _, n := range nn.NamedTensors(j.model) {
			tensors = append(tensors, n.Tensor)
		}
		states, _ := torch.Value[*torch.Dict](j.optimizer.StateDict(), "state")
		if states == nil { // of several optimizers
			states = torch.NewDict()
		}
		for _, s := range states.All() {
			for _, v := range s.(*torch.Dict).All() {
				tensors = append(tensors, v.(*torch.Tensor))
			}
		}
		for _, t := range append(tensors, torch.RNGState(torch.CPU)) {
			all = append(all, t.Detach().ToDType(torch.Float64).Float64s()...)
		}
	})
	return all
}

func floats(shape ...int) *torch.Tensor { return torch.Zeros(shape) }
func classes(shape ...int) *torch.Tensor {
	return torch.Zeros(shape, torch.Options{DType: torch.Int64})
}

func adam(model any, change func(*optim.AdamConfig)) optim.Optimizer {
	c := optim.DefaultAdam()
	c.WeightDecay = 1e-4
	if change != nil {
		change(&c)
	}
	return optim.NewAdam(nn.Parameters(model), c)
}

func mlp(dropout float64, change func(*job)) *job {
	model := nn.NewSequential(nn.NewLinear(96, 200, torch.CPU), nn.Tanh{}, nn.NewDropout(dropout), nn.NewLinear(200, 32, torch.CPU))
	j := &job{x: floats(64, 96), y: floats(64, 32), model: model, optimizer: adam(model, nil)}
	j.loss = func() *torch.Tensor { return nn.MSELoss(model.Forward(j.x), j.y) }
	if change != nil {
		change(j)
	}
	return j
}

// jobs are the cases of ../shared/proofs/recorded/prove.cpp and a few more.
var jobs = map[string]func() *job{
	"MLP":         func() *job { return mlp(0, nil) },
	"dropout 0.3": func() *job { return mlp(0.3, nil) },
	"clipped AdamW": func() *job {
		return mlp(0, func(j *job) {
			j.clip, j.optimizer = 0.05, optim.NewAdamW(nn.Parameters(j.model), optim.DefaultAdamW())
		})
	},
	"AMSGrad and Maximize": func() *job {
		return mlp(0, func(j *job) {
			j.optimizer = adam(j.model, func(c *optim.AdamConfig) { c.AMSGrad, c.Maximize, c.LR = true, true, 1e-4 })
		})
	},
	"two batches a step":   func() *job { return mlp(0.1, func(j *job) { j.micro = 2 }) },
	"autocast to bfloat16": func() *job { return mlp(0, func(j *job) { j.autocast = true }) },
	"schedule": func() *job {
		return mlp(0, func(j *job) { j.rate = func(step int) float64 { return 1e-2 * math.Pow(0.99, float64(step)) } })
	},
	"schedule of SGD": func() *job {
		return mlp(0, func(j *job) {
			j.optimizer = optim.NewSGD(nn.Parameters(j.model), optim.SGDConfig{LR: 0.1, Momentum: 0.9, Nesterov: true, WeightDecay: 1e-3})
			j.rate = func(step int) float64 { return 0.1 / float64(1+step) }
		})
	},
	"RMSprop": func() *job {
		return mlp(0, func(j *job) { j.optimizer = optim.NewRMSprop(nn.Parameters(j.model), optim.DefaultRMSprop()) })
	},
	"gradient scaling": func() *job {
		return mlp(0, func(j *job) {
			c := optim.DefaultGradScaler()
			c.InitScale, c.GrowthInterval = math.Ldexp(1, 100), 5 // overflows at first, and now and then
			j.scaler = optim.NewGradScaler(c)
		})
	},
	"two optimizers": func() *job {
		return mlp(0, func(j *job) {
			params := nn.Parameters(j.model)
			j.optimizer = optim.NewSeveral(optim.NewSGD(params[:2], optim.SGDConfig{LR: 0.1}), optim.NewAdam(params[2:], optim.DefaultAdam()))
		})
	},
	"transformer block, embedding, cross entropy": func() *job {
		type net struct {
			Embed *nn.Embedding
			Block *nn.TransformerEncoderLayer
			Out   *nn.Linear
		}
		c := nn.DefaultTransformer()
		c.Feedforward, c.BatchFirst = 256, true
		m := &net{nn.NewEmbedding(50, 64, torch.CPU), nn.NewTransformerEncoderLayer(64, 4, torch.CPU, c), nn.NewLinear(64, 50, torch.CPU)}
		j := &job{x: classes(16, 24), y: classes(16 * 24), last: 50, model: m, optimizer: adam(m, nil)}
		j.loss = func() *torch.Tensor {
			return nn.CrossEntropyLoss(m.Out.Forward(m.Block.Forward(m.Embed.Forward(j.x))).Reshape(-1, 50), j.y)
		}
		return j
	},
	"LSTM, 2 layers, 12 steps": func() *job {
		type net struct {
			LSTM *nn.LSTM
			Out  *nn.Linear
		}
		m := &net{nn.NewLSTM(20, 40, torch.CPU, nn.LSTMConfig{Layers: 2, Dropout: 0.2}), nn.NewLinear(40, 8, torch.CPU)}
		j := &job{x: floats(12, 32, 20), y: floats(32, 8), model: m, optimizer: adam(m, nil)}
		j.loss = func() *torch.Tensor { return nn.MSELoss(m.Out.Forward(m.LSTM.Forward(j.x).Select(0, 11)), j.y) }
		return j
	},
	"LSTM of one step, concatenated": func() *job {
		type net struct {
			A, B *nn.Linear
			LSTM *nn.LSTM
			Out  *nn.Linear
		}
		m := &net{nn.NewLinear(20, 24, torch.CPU), nn.NewLinear(20, 40, torch.CPU), nn.NewLSTM(64, 32, torch.CPU), nn.NewLinear(32, 8, torch.CPU)}
		j := &job{x: floats(32, 20), y: floats(32, 8), model: m, optimizer: adam(m, nil)}
		j.loss = func() *torch.Tensor {
			h := torch.Cat([]*torch.Tensor{m.A.Forward(j.x).Relu(), m.B.Forward(j.x).Sigmoid()}, 1)
			return nn.MSELoss(m.Out.Forward(m.LSTM.Forward(h.Unsqueeze(0)).Squeeze(0)), j.y)
		}
		return j
	},
	"convolutions, batch norm, pooling, SGD": func() *job {
		m := nn.NewSequential(nn.NewConv2d(3, 8, []int{3, 3}, torch.CPU), nn.NewBatchNorm2d(8, torch.CPU), nn.ReLU{},
			nn.NewMaxPool2d([]int{2, 2}), nn.DefaultFlatten(), nn.NewLinear(8*9*9, 10, torch.CPU))
		j := &job{x: floats(16, 3, 20, 20), y: classes(16), last: 10, model: m,
			optimizer: optim.NewSGD(nn.Parameters(m), optim.SGDConfig{LR: 0.05, Momentum: 0.9, WeightDecay: 1e-4})}
		j.loss = func() *torch.Tensor { return nn.CrossEntropyLoss(m.Forward(j.x), j.y) }
		return j
	},
	"clip by value, huber, indexing, where, RReLU": func() *job {
		type net struct{ A, B *nn.Linear }
		m := &net{nn.NewLinear(30, 50, torch.CPU), nn.NewLinear(50, 5, torch.CPU)}
		index := torch.FromSlice([]int64{0, 3, 7, 11, 49})
		j := &job{x: floats(40, 30), y: floats(40, 5), model: m, optimizer: adam(m, nil)}
		j.loss = func() *torch.Tensor {
			h := m.A.Forward(j.x)
			h = torch.Where(h.GtScalar(0), h, h.Exp().AddScalar(-1)).Add(h.Rrelu(0.1, 0.3, true).Clamp(-1, 1))
			picked := h.IndexSelect(1, index).SumDim([]int{1}, true)
			return nn.HuberLoss(m.B.Forward(h).Add(picked.MulScalar(0.01)), j.y).Add(m.A.Weight.Square().Mean().MulScalar(1e-3))
		}
		return j
	},
}

// trained returns the results and the state after so many steps, the first three on the same
// batch, as Record takes them.
func trained(t *testing.T, make func() *job, steps int, recorded bool) (losses [][]float32, state []float64) {
	t.Helper()
	torch.ManualSeed(1)
	j := make()
	torch.ManualSeed(5)
	read := func(results []*torch.Tensor) {
		var row []float32
		for _, x := range results {
			row = append(row, float32(x.Item()))
		}
		losses = append(losses, row)
	}
	var r *torch.Recording
	first := 0
	if recorded {
		j.fill(0)
		var err error
		r, err = torch.Record(j.step)
		require.NoError(t, err)
		defer r.Close()
		read(r.Results())
		first = 3
	}
	for i := first; i < steps; i++ {
		j.fill(max(i-2, 0))
		torch.Scope(func() {
			if recorded {
				require.NoError(t, r.Replay(1))
				read(r.Results())
				return
			}
			if results := j.step(); i >= 2 {
				read(results)
			}
		})
	}
	return losses, j.state()
}

// Two hundred steps end with the bits of eager ones; with two threads, forty.
func TestReplayHasEagersBits(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and nothing in it is concurrent")
	}
	torchtest.Need(t)
	for name, make := range jobs {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			for threads, steps := range map[int]int{1: 200, 2: 40} {
				torch.Threads(threads, func() {
					losses, state := trained(t, make, steps, false)
					again, end := trained(t, make, steps, true)
					assert.Equal(t, losses, again, "%d threads", threads)
					assert.True(t, slices.Equal(state, end), "%d threads: another state", threads)
					assert.NotEqual(t, losses[0], losses[len(losses)-1])
				})
			}
		})
	}
}

// A recording that was made with one thread is proved anew for two.
func TestReplayWithOtherThreads(t *testing.T) {
	torchtest.NoLeaks(t)
	train := func(recorded bool) []float64 {
		torch.ManualSeed(1)
		j := mlp(0.1, nil)
		next := func() { torch.Scope(func() { j.step() }) }
		torch.Threads(1, func() {
			if !recorded {
				for range 3 {
					next()
				}
				return
			}
			r, err := torch.Record(j.step)
			require.NoError(t, err)
			t.Cleanup(r.Close)
			next = func() { require.NoError(t, r.Replay(1)) }
		})
		for i, threads := range []int{2, 2, 1, 2} {
			j.fill(i)
			torch.Threads(threads, next)
		}
		return j.state()
	}
	assert.True(t, slices.Equal(train(false), train(true)), "another state")
}

// A replay that fails while it is proved for another number of threads changes nothing, and the
// recording is still of use.
func TestReplayFailsWithOtherThreads(t *testing.T) {
	torchtest.NoLeaks(t)
	x, index, total := torch.Randn([]int{4, 3}), torch.FromSlice([]int64{0}), torch.Zeros([]int{1, 3})
	var r *torch.Recording
	torch.Threads(1, func() {
		var err error
		r, err = torch.Record(func() []*torch.Tensor {
			total.AddScalarInPlace(1).AddInPlace(x.IndexSelect(0, index))
			return nil
		})
		require.NoError(t, err)
	})
	defer r.Close()
	before := bits(total)
	index.FillInPlace(9)
	torch.Threads(2, func() {
		for range 2 {
			require.ErrorContains(t, r.Replay(1), "index")
			assert.Equal(t, before, bits(total))
		}
		index.FillInPlace(1)
		require.NoError(t, r.Replay(1))
	})
	for i, v := range bits(x.Select(0, 1)) {
		assert.Equal(t, before[i]+1+v, bits(total)[i])
	}
}

// A step that is recorded anew has the optimizer's learning rate of that time from its first call on.
func TestRecordAfterAnotherRate(t *testing.T) {
	torchtest.NoLeaks(t)
	train := func(recorded bool) []float64 {
		torch.ManualSeed(1)
		j := mlp(0, nil)
		for _, lr := range []float64{1e-3, 1e-2} {
			j.optimizer.SetLR(lr)
			if recorded {
				r, err := torch.Record(j.step)
				require.NoError(t, err)
				defer r.Close()
				continue
			}
			for range 3 {
				torch.Scope(func() { j.step() })
			}
		}
		return j.state()
	}
	assert.True(t, slices.Equal(train(false), train(true)), "another state")
}

// A recording is replayed on several goroutines, stopped, and closed twice.
func TestRecordingsEnd(t *testing.T) {
	torchtest.NoLeaks(t)
	r, err := torch.Record(small().step)
	require.NoError(t, err)
	defer r.Close()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { assert.NoError(t, r.Replay(20)) })
	}
	wg.Wait()
	assert.Equal(t, 80, r.Steps())
	done := make(chan error)
	go func() { done <- r.Replay(math.MaxInt) }()
	r.Stop()
	assert.ErrorIs(t, <-done, torch.ErrStopped)
	steps := r.Steps()
	require.NoError(t, r.Replay(1))
	assert.Equal(t, steps+1, r.Steps())
	r.Close()
	assert.ErrorContains(t, r.Replay(1), "closed")
}

// What the plan drops is not run, and autograd notices what a replay writes.
func TestRecordingPlan(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x, w := torch.Rand([]int{8, 4}), torch.Rand([]int{4, 6}).SetRequiresGrad(true)
		r, err := torch.Record(func() []*torch.Tensor {
			x.Exp()                                                // nobody reads it
			ones := torch.Ones([]int{4, 6}).AddScalar(1)           // never changes
			y := torch.Cat([]*torch.Tensor{x.Tanh(), x.Cos()}, -1) // two halves
			torch.NoGrad(func() { w.AddInPlace(ones) })
			return []*torch.Tensor{y.Clone().Matmul(torch.Cat([]*torch.Tensor{w, w}, 0)).T().Sum()}
		})
		require.NoError(t, err)
		defer r.Close()
		p := r.Plan()
		assert.Equal(t, 1, p.Dead)
		assert.Equal(t, 2, p.Hoisted, "ones, and their sum")
		assert.Equal(t, 1, p.Cats)
		assert.Equal(t, 1, p.Copies)
		assert.NotZero(t, p.Views)
		assert.NotZero(t, p.Lowered)
		assert.NotZero(t, p.Out)
		assert.Equal(t, p.Recorded, p.Views+p.Dead+p.Hoisted+p.Cats+p.Copies+p.Lowered+p.Out+p.Called)
		assert.NotZero(t, p.Bytes)

		z := w.Mul(w).Sum()
		require.NoError(t, r.Replay(2))
		assert.ErrorContains(t, torch.Try(z.Backward), "modified by an inplace operation")
	})
}
