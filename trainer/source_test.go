// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
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

// noisy is a source that draws noise for each sample, and may fail.
type noisy struct {
	*data.Set
	fail   func(e data.Epoch, step int) error // before the step of the epoch, from 0; or nil
	turned int                                // the number of a batch, from 1, that has other strides; 0 for none
}

func (n *noisy) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	return func(yield func(data.Batch, error) bool) {
		at := e.First
		for b, err := range n.Set.Epoch(e) {
			if n.fail != nil {
				if err := n.fail(e, at/e.Size); err != nil {
					yield(data.Batch{}, err)
					return
				}
			}
			noise := make([]float32, 0, 5*b.Len)
			for range b.Len {
				r := rand.New(rand.NewPCG(e.Seed, uint64(e.Number)<<32|uint64(at)))
				for range 5 {
					noise = append(noise, r.Float32())
				}
				at++
			}
			b.X = b.X.Add(torch.FromSlice(noise, b.Len, 5))
			if at == n.turned*e.Size {
				b.X = b.X.Transpose(0, 1).Contiguous().Transpose(0, 1)
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// odd visits the samples 1, 3, 5, …, each twice, in an order of its own for each epoch.
type odd struct{ n int }

func (o odd) Order(seed uint64, epoch int) []int {
	order := data.Order(o.n, seed+7, epoch)
	for i := range order {
		order[i] = 2*(order[i]/2) + 1
	}
	return order
}

// every is everything that decides which data a run sees.
func every(r *trial) {
	r.Train = &noisy{Set: inMemory(r.Train)}
	r.Sampler, r.DropLast, r.BatchSize = odd{23}, true, 5
}

// A break in the middle of an epoch changes no bit, whatever the source draws.
func TestResumeWithASource(t *testing.T) {
	torchtest.NoLeaks(t)
	report, err := VerifyResume(context.Background(), func() (Run, error) {
		r := newTrial(1, torch.CPU, "")
		every(r)
		everyState(0, r)
		r.KeepBest = 0 // which needs Save
		run := r.Run
		t.Cleanup(func() {
			r.close()
			*r = trial{}
		})
		return run, nil
	}, []int{1, 3, 4, 6, 11, 16})
	require.NoError(t, err)
	assert.Nil(t, report.Difference)
	assert.Equal(t, 16, report.Steps, "4 whole batches of 5 from 23 samples, in 4 epochs")
	assert.Len(t, report.Breaks, 6)
}

// The batches are those of the sampler's order, without a last, smaller one.
func TestSamplerAndDropLast(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	r.Sampler, r.DropLast, r.BatchSize, r.Epochs = odd{23}, true, 5, 2
	var seen [][]float32
	r.Step = func(b data.Batch) Result {
		output := r.forward(b.X)
		if output.RequiresGrad() {
			seen = append(seen, b.X.Float32s())
		}
		return Result{Loss: r.Loss(output, b.Y)}
	}
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	require.Len(t, seen, 2*4)
	x := inMemory(r.Train).X.Float32s()
	for i, batch := range seen {
		for j, at := range r.Sampler.Order(r.Seed, i/4)[i%4*5 : i%4*5+5] {
			assert.Equal(t, x[5*at:5*at+5], batch[5*j:5*j+5])
		}
	}
	r.Step = nil
	for want, change := range map[string]func(*Run){
		"Run.DropLast leaves nothing":     func(r *Run) { r.BatchSize = 24 },
		"Run.Sampler chooses no samples":  func(r *Run) { r.Sampler, r.DropLast = odd{0}, false },
		"of the order names sample":       func(r *Run) { r.Sampler = odd{103} },
		"3 samples, but the first epoch":  func(r *Run) { r.Sampler, r.BatchSize = shrinking{}, 1 },
		"the set Run.Train: data: 25 sam": func(r *Run) { r.Train = &data.Set{X: inMemory(r.Train).X, Y: inMemory(r.Val).Y} },
	} {
		run := r.Run
		change(&run)
		_, err := run.Fit(context.Background())
		require.ErrorContains(t, err, want)
	}
}

type shrinking struct{}

func (shrinking) Order(_ uint64, epoch int) []int { return make([]int, 4-epoch) }

// A run that goes on with other samples is another run.
func TestResumeRefusesAnotherSampler(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	fit := func(cut int, change func(*trial)) error {
		r := newTrial(1, torch.CPU, dir)
		defer r.close()
		every(r)
		change(r)
		r.Resume = true
		_, err := r.Fit(r.interruptAfter(cut))
		return err
	}
	require.ErrorIs(t, fit(6, func(*trial) {}), ErrInterrupted)
	for want, change := range map[string]func(*trial){
		"sampler was trainer.odd ":  func(r *trial) { r.Sampler = odd{21} },
		"sampler is gone, it was":   func(r *trial) { r.Sampler = nil },
		"drop last is gone, it was": func(r *trial) { r.DropLast = false },
	} {
		require.ErrorContains(t, fit(1, change), want)
	}
	require.NoError(t, fit(100, func(*trial) {}))
}

// A source that fails ends the run, with the step named and all steps before it saved: with
// the fault gone, the run ends as one that never failed.
func TestSourceFails(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	defer whole.close()
	every(whole)
	want, err := whole.Fit(context.Background())
	require.NoError(t, err)

	dir := t.TempDir()
	fault := func(e data.Epoch, step int) error {
		if e.Number == 2 && step == 1 {
			return fmt.Errorf("clip-17.wav: %w", errTest)
		}
		return nil
	}
	for part, text := range []string{"epoch 3, step 2: Run.Train: clip-17.wav", "epoch 3, after step 4: Run.Val: clip-17.wav", ""} {
		r := newTrial(1+uint64(part), torch.CPU, dir)
		every(r)
		r.Resume = true
		val := inMemory(r.Val)
		switch part {
		case 0:
			r.Train.(*noisy).fail = fault
		case 1:
			r.Val = &unreadable{val}
		}
		have, err := r.Fit(context.Background())
		r.Val = val
		if text == "" {
			require.NoError(t, err)
			assert.Equal(t, results(want, false), results(have, false))
			assert.Equal(t, whole.everything(t), r.everything(t))
			r.close()
			break
		}
		require.ErrorContains(t, err, text)
		require.ErrorIs(t, err, errTest)
		assert.Equal(t, StopError, have.StopReason)
		saved, err := ListCheckpoints(dir)
		require.NoError(t, err)
		require.NotEmpty(t, saved)
		c, err := LoadCheckpoint(filepath.Join(dir, LastFile), r.Model, nil)
		require.NoError(t, err)
		closeTensors(c.Extra)
		assert.Equal(t, 1, c.Epoch)
		r.close()
	}

	short := newTrial(1, torch.CPU, "")
	defer short.close()
	set := inMemory(short.Train)
	short.Train = &ending{set}
	_, err = short.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 4: Run.Train: the source ended the epoch too early")
	short.Train = set
}

// unreadable fails at once.
type unreadable struct{ *data.Set }

func (u *unreadable) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	return func(yield func(data.Batch, error) bool) {
		yield(data.Batch{}, fmt.Errorf("clip-17.wav: %w", errTest))
	}
}

// ending leaves the last batch out.
type ending struct{ *data.Set }

func (s *ending) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	e.Order = e.Order[:24]
	return s.Set.Epoch(e)
}

// leaving leaves the first sample of each batch out.
type leaving struct{ *data.Set }

func (l *leaving) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	return func(yield func(data.Batch, error) bool) {
		for b, err := range l.Set.Epoch(e) {
			b.Len--
			b.X, b.Y = b.X.Narrow(0, 1, b.Len), b.Y.Narrow(0, 1, b.Len)
			if !yield(b, err) {
				return
			}
		}
	}
}

// A batch from which the source has left samples out counts as the batch that it is, and a
// group of such batches as one large batch. The gradients of three batches, of 7 samples
// each, differ from those of one by rounding.
func TestSmallerBatches(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, accumulate := range []int{1, 3} {
		build := func() *trial {
			r := newTrial(1, torch.CPU, "")
			r.Model.(nn.Sequential)[2].(*nn.Dropout).P = 0
			r.Loss = func(output, target *torch.Tensor) *torch.Tensor { // no divisor
				return nn.CrossEntropyLoss(output, target).MulScalar(1)
			}
			r.Optimizer = optim.NewSGD(nn.Parameters(r.Model), optim.SGDConfig{LR: 0.1}) // steps by the gradient's size
			r.Epochs, r.KeepLast, r.DropLast, r.Accumulate = 1, true, true, accumulate
			return r
		}
		r, loop := build(), build()
		set := inMemory(r.Train)
		r.Train = &leaving{set}
		report, err := VerifyResume(context.Background(), func() (Run, error) {
			again := build().Run
			again.Train, again.Epochs = &leaving{set}, 2
			return again, nil
		}, []int{1, 2, 5})
		require.NoError(t, err)
		assert.Nil(t, report.Difference)

		torch.ManualSeed(1)
		_, err = r.Fit(context.Background())
		require.NoError(t, err)
		order := data.Order(25, r.Seed, 0)[:24]
		if accumulate == 3 {
			order = slices.Concat(order[1:8], order[9:16], order[17:24])
		}
		source := map[int]data.Source{1: &leaving{set}, 3: set}[accumulate]
		torch.Threads(1, func() {
			for b := range source.Epoch(data.Epoch{Size: map[int]int{1: 8, 3: 21}[accumulate], Order: order}) {
				loop.Optimizer.ZeroGrad()
				loop.Loss(loop.forward(b.X), b.Y).Backward()
				loop.Optimizer.Step()
			}
		})
		near := map[int]float64{1: 0, 3: 1e-6}[accumulate]
		for name, want := range stateOf(loop.Model) {
			assert.InDeltaSlice(t, want, stateOf(r.Model)[name], near, name)
		}
		r.Train = set
		r.close()
		loop.close()
	}
}

// A Set that is nil is no set, also in an interface.
func TestNilSet(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	run := r.Run
	run.Val = (*data.Set)(nil)
	h, err := run.Fit(context.Background())
	require.NoError(t, err)
	assert.Nil(t, h.list("val_losses"))
	run.Train = (*data.Set)(nil)
	_, err = run.Fit(context.Background())
	require.ErrorContains(t, err, "Run.Train is nil")
}
