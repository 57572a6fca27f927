// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

var errTest = errors.New("enough for today")

// trial is a run that a test can start again and again. Its network has dropout,
// so that the random generator matters, and a loss that has classes.
type trial struct{ Run }

func newTrial(seed uint64, d torch.Device, dir string) *trial {
	torch.ManualSeed(seed)
	model := nn.NewSequential(nn.NewLinear(5, 16, d), nn.Tanh{}, nn.NewDropout(0.2), nn.NewLinear(16, 3, d))
	samples := func(n, start int) *data.Set {
		x, y := make([]float32, 5*n), make([]int64, n)
		for i := range n {
			k := start + i
			for j := range 5 {
				x[5*i+j] = float32((k*k+7*k*j+3*j)%17)/8 - 1
			}
			y[i] = int64((k*k + k) % 3)
		}
		s := &data.Set{Fingerprint: string(rune('a' + start%26))}
		torch.Scope(func() {
			tx, ty := torch.FromSlice(x, n, 5).To(d), torch.FromSlice(y).To(d)
			torch.Unscoped(func() { s.X, s.Y = tx.Clone(), ty.Clone() })
		})
		return s
	}
	settings := optim.DefaultAdam()
	settings.LR = 0.02
	return &trial{Run{
		Model: model, Loss: nn.CrossEntropyLoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     samples(25, 0), Val: samples(9, 25),
		Epochs: 4, BatchSize: 8, Seed: 5, ReadEvery: 3, Save: dir, Threads: 1,
	}}
}

func (r *trial) close() {
	inMemory(r.Train).Close()
	inMemory(r.Val).Close()
	closeTensors(nn.StateDict(r.Model))
	closeTensors(r.Optimizer.StateDict())
}

// everything returns the results of a run: the final weights, the optimizer's state, and
// the content of last.pt without times.
func (r *trial) everything(tb testing.TB) map[string]any {
	tb.Helper()
	all := map[string]any{"model": stateOf(r.Model)}
	d, err := pt.LoadDict(filepath.Join(r.Save, "last.pt"))
	require.NoError(tb, err)
	flatten("", d, all)
	for _, path := range []string{".etude.history.epoch_times", ".etude.cursor.seconds"} {
		require.Contains(tb, all, path)
		delete(all, path)
	}
	for path := range all {
		if len(path) > 27 && path[:27] == ".etude.history.epoch_times[" {
			delete(all, path)
		}
	}
	closeTensors(d)
	return all
}

func flatten(path string, v any, all map[string]any) {
	switch v := v.(type) {
	case *torch.Dict:
		for key, x := range v.All() {
			name, ok := key.(string)
			if !ok {
				name = string(rune('0' + key.(int)))
			}
			flatten(path+"."+name, x, all)
		}
	case []any:
		if all[path] = v; len(v) > 0 {
			if _, ok := v[0].(*torch.Dict); ok {
				delete(all, path)
				for i, x := range v {
					flatten(fmt.Sprintf("%s[%d]", path, i), x, all)
				}
			}
		}
	case *torch.Tensor:
		all[path] = sha256.Sum256(v.Bytes())
	default:
		all[path] = v
	}
}

// interruptAfter makes ctx end in the middle of the n-th step that r makes.
func (r *trial) interruptAfter(n int) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.AroundStep = func(step func()) {
		if n--; n == 0 {
			cancel(errTest)
		}
		step()
	}
	return ctx
}

// Whatever step a run is interrupted after, however often, it ends as if it had
// never been: in the middle of an epoch, after its last step, at the very end.
func TestResumeIsExact(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	defer whole.close()
	wantHistory, err := whole.Fit(context.Background())
	require.NoError(t, err)
	want := whole.everything(t)

	const steps = 4 * 4 // of 25 samples, 8 at a time
	for _, cut := range []int{3, 4, 5, 15, 16} {
		dir := t.TempDir()
		seed := uint64(1)
		for again := 0; ; again++ {
			r := newTrial(seed, torch.CPU, dir)
			r.Resume = true
			h, err := r.Fit(r.interruptAfter(cut))
			seed += 17 // what the next one starts with must not matter
			if err == nil {
				require.Equal(t, results(wantHistory, false), results(h, false), "cut after %d", cut)
				have := r.everything(t)
				require.Equal(t, len(want), len(have))
				for path, v := range want {
					require.Equal(t, v, have[path], "cut after %d: %s", cut, path)
				}
				require.Equal(t, steps/cut, again)
				r.close()
				break
			}
			require.ErrorIs(t, err, ErrInterrupted)
			require.ErrorIs(t, err, errTest)
			require.Equal(t, StopInterrupted, h.StopReason)
			r.close()
		}
	}
}

// At a break the model keeps its present weights, and the history is whole.
func TestInterrupted(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	h, err := r.Fit(r.interruptAfter(4 + 4 + 2))
	require.ErrorIs(t, err, ErrInterrupted)
	require.ErrorContains(t, err, "training was interrupted in epoch 3 of 4 after step 2 of 4: enough for today")
	assert.Equal(t, 2, h.Len())
	now := stateOf(r.Model)

	c, err := LoadCheckpoint(filepath.Join(r.Save, "last.pt"), r.Model, r.Optimizer)
	require.NoError(t, err)
	defer closeTensors(c.Extra)
	assert.Equal(t, now, stateOf(r.Model), "last.pt holds the weights of the break")
	assert.Equal(t, 1, c.Epoch)
	assert.Equal(t, h.list("val_losses")[1], c.Loss)
	assert.Equal(t, map[string]float64{
		"train_loss": h.list("train_losses")[1], "val_loss": h.list("val_losses")[1], "train_acc": h.list("train_accs")[1], "val_acc": h.list("val_accs")[1],
	}, c.Metrics)
	assert.NoFileExists(t, filepath.Join(r.Save, "model.pt"))
	saved, err := LoadHistory(filepath.Join(r.Save, "history.json"))
	require.NoError(t, err)
	assert.Equal(t, results(h, true), results(saved, true))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.AroundStep = func(func()) { t.Error("a step after the context has ended") }
	_, err = r.Fit(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "epoch 1 of 4 after step 0")
}

// The files at the end hold the weights that their names promise.
func TestSavedFiles(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := filepath.Join(t.TempDir(), "a", "b")
	r := newTrial(1, torch.CPU, dir)
	defer r.close()
	byEpoch := []map[string][]float32{}
	r.OnEpoch = func(Epoch) error {
		byEpoch = append(byEpoch, stateOf(r.Model))
		return nil
	}
	r.Epochs = 6
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	require.Less(t, h.BestEpoch, 5, "or the test shows little")
	assert.Equal(t, byEpoch[h.BestEpoch], stateOf(r.Model), "the best weights are restored")

	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{"best.pt", "checkpoints.json", "history.json", "history.png", "last.pt", "model.pt"}, names)

	other := newTrial(99, torch.CPU, dir)
	defer other.close()
	for name, want := range map[string]map[string][]float32{"best.pt": byEpoch[h.BestEpoch], "last.pt": byEpoch[5]} {
		c, err := LoadCheckpoint(filepath.Join(dir, name), other.Model, nil)
		require.NoError(t, err)
		closeTensors(c.Extra)
		assert.Equal(t, want, stateOf(other.Model), name)
	}
	d, err := pt.LoadDict(filepath.Join(dir, "model.pt"))
	require.NoError(t, err)
	defer closeTensors(d)
	require.NoError(t, nn.LoadStateDict(other.Model, d))
	assert.Equal(t, byEpoch[h.BestEpoch], stateOf(other.Model))
	saved, err := LoadHistory(filepath.Join(dir, "history.json"))
	require.NoError(t, err)
	assert.Equal(t, results(h, true), results(saved, true))
}

// A run that is over stays so, unless it is given more epochs.
func TestResumeAfterTheEnd(t *testing.T) {
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	defer whole.close()
	whole.Epochs = 6
	_, err := whole.Fit(context.Background())
	require.NoError(t, err)

	dir := t.TempDir()
	for i, epochs := range []int{3, 3, 6} {
		r := newTrial(1+7*uint64(i), torch.CPU, dir)
		r.Epochs, r.Resume = epochs, true
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, epochs, h.Len())
		if epochs == 6 {
			assert.Equal(t, whole.everything(t), r.everything(t))
		}
		r.close()
	}
}

// A learning rate that OnEpoch sets is part of what a run continues with.
func TestResumeKeepsTheLearningRate(t *testing.T) {
	dir := t.TempDir()
	for cut, want := range [][]float64{{0.02, 0.01}, {0.02, 0.01, 0.005, 0.0025}} {
		r := newTrial(1, torch.CPU, dir)
		r.Resume = true
		r.OnEpoch = func(e Epoch) error {
			r.Optimizer.SetLR(e.LR / 2)
			if cut == 0 && e.Index == 1 {
				return ErrStop
			}
			return nil
		}
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, want, h.list("learning_rates"))
		assert.Equal(t, []StopReason{StopHook, StopCompleted}[cut], h.StopReason)
		r.close()
	}
}

func TestResumeRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	dir := t.TempDir()
	first := newTrial(1, torch.CPU, dir)
	defer first.close()
	_, err := first.Fit(first.interruptAfter(6))
	require.ErrorIs(t, err, ErrInterrupted)
	path := filepath.Join(dir, "last.pt")
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	for want, change := range map[string]func(*trial){
		"batch size was 8, is 4": func(r *trial) { r.BatchSize = 4 },
		"seed was 5, is 6":       func(r *trial) { r.Seed = 6 },
		"validation data is not the same": func(r *trial) {
			inMemory(r.Val).Fingerprint = "other"
		},
		"validation samples was 9, is 0": func(r *trial) { r.Val = nil },
		"model 2.layer was nn.Dropout(P 0.2), is nn.Tanh; model 0.weight was [16 5] float32, is [7 5] float32": func(r *trial) {
			r.Model = nn.NewSequential(nn.NewLinear(5, 7, torch.CPU), nn.Tanh{}, nn.Tanh{}, nn.NewLinear(7, 3, torch.CPU))
			r.Optimizer = optim.NewAdam(nn.Parameters(r.Model), optim.DefaultAdam())
		},
	} {
		r := newTrial(1, torch.CPU, dir)
		original := *r
		change(r)
		r.Resume = true
		start := stateOf(r.Model)
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, want)
		assert.Equal(t, start, stateOf(r.Model))
		require.ErrorContains(t, err, "last.pt")
		now, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, before, now, "the file is left alone")
		original.close()
		if r.Optimizer != original.Optimizer {
			for _, p := range nn.Parameters(r.Model) {
				p.Close()
			}
		}
	}

	other := filepath.Join(dir, "other.pt")
	require.NoError(t, SaveCheckpoint(other, first.Model, first.Optimizer, Checkpoint{Epoch: 3}))
	first.ResumeFrom, first.AroundStep = other, nil
	_, err = first.Fit(context.Background())
	require.ErrorContains(t, err, `no key "etude"`)
	require.NoError(t, os.WriteFile(other, []byte("PK"), 0o600))
	_, err = first.Fit(context.Background())
	require.ErrorContains(t, err, other+" cannot be continued: pt: ")
	require.ErrorContains(t, err, "good to go on from: last.pt (epoch 1, then 2 steps), best.pt (epoch 1) (Run.ResumeFrom takes its path)")
}

// everyState gives a trial all the state that a run can have: dropout, a
// scheduler, groups of batches, clipping. The last group of an epoch of 4 batches
// is smaller, and so is its last batch.
func everyState(_ int, r *trial) {
	r.Accumulate, r.ClipNorm, r.KeepBest = 3, 0.5, 2
	r.Scheduler = optim.NewCosineAnnealingLR(r.Optimizer, optim.CosineAnnealingLRConfig{TMax: 3, EtaMin: 1e-3})
}

func (r *trial) parameter(i int) *torch.Tensor { return nn.Parameters(r.Model)[i] }

// With every state there is, and a break anywhere, in a group of batches too.
func TestResumeEveryState(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, make := range map[string]func(*trial){
		"cosine": func(r *trial) { everyState(0, r) },
		"plateau": func(r *trial) {
			everyState(0, r)
			c := optim.DefaultReduceLROnPlateau()
			c.Factor, c.Patience, c.Threshold = 0.5, 0, 0.2
			r.Scheduler = optim.NewReduceLROnPlateau(r.Optimizer, c)
		},
		"sgd": func(r *trial) {
			closeTensors(r.Optimizer.StateDict())
			r.Optimizer = optim.NewSGD(nn.Parameters(r.Model), optim.SGDConfig{LR: 0.1, Momentum: 0.9})
			everyState(0, r)
			r.Scheduler = optim.NewStepLR(r.Optimizer, optim.StepLRConfig{StepSize: 1, Gamma: 0.7})
		},
		"options": everyOption,
		"several optimizers": func(r *trial) {
			closeTensors(r.Optimizer.StateDict())
			ps := nn.Parameters(r.Model)
			r.Optimizer = optim.NewSeveral(
				optim.NewSGD(ps[:2], optim.SGDConfig{LR: 0.1, Momentum: 0.9}), optim.NewAdam(ps[2:], optim.DefaultAdam()))
			everyState(0, r)
		},
		"each step": func(r *trial) {
			everyState(0, r)
			r.ClipValue, r.PerStep = 0.3, true
			r.Scheduler = optim.NewOneCycleLR(r.Optimizer, optim.DefaultOneCycleLR(0.01, 8)) // 2 groups of batches in each of 4 epochs
		},
	} {
		whole := newTrial(1, torch.CPU, t.TempDir())
		make(whole)
		wantHistory, err := whole.Fit(context.Background())
		require.NoError(t, err)
		want := whole.everything(t)
		require.Len(t, wantHistory.list("grad_norms"), 4)
		require.Greater(t, wantHistory.list("grad_norms")[0], 0.5, "or nothing is clipped")
		require.Less(t, wantHistory.list("learning_rates")[3], wantHistory.list("learning_rates")[0])
		whole.close()

		for cut := 1; cut <= 16; cut++ {
			if name != "cosine" && cut%5 > 1 {
				continue
			}
			dir := t.TempDir()
			for part := range 2 {
				r := newTrial(1+uint64(17*part), torch.CPU, dir)
				make(r)
				r.Resume = true
				if part == 0 {
					_, err := r.Fit(r.interruptAfter(cut))
					require.ErrorIs(t, err, errTest)
				} else {
					h, err := r.Fit(context.Background())
					require.NoError(t, err)
					require.Equal(t, results(wantHistory, false), results(h, false), "%s cut after %d", name, cut)
					require.Equal(t, want, r.everything(t), "%s cut after %d", name, cut)
				}
				r.close()
			}
		}
	}
}
