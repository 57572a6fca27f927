// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// broken is a source of which a sample cannot be read in an epoch. -1 is none, and -2 ends each
// epoch after its first batch.
type broken struct {
	*data.Set
	sample, epoch int
}

func (s *broken) Epoch(e data.Epoch) iter.Seq2[data.Batch, error] {
	return func(yield func(data.Batch, error) bool) {
		first := 0
		for b, err := range s.Set.Epoch(e) {
			if s.sample == -2 && first > 0 {
				return
			}
			if e.Number == s.epoch && e.Order != nil && slices.Contains(e.Order[first:first+b.Len], s.sample) {
				yield(data.Batch{}, fmt.Errorf("clip-17.wav: %w", errTest))
				return
			}
			if first += b.Len; !yield(b, err) {
				return
			}
		}
	}
}

// reading fits a run whose Train cannot read a sample.
func reading(sample int) func(context.Context, Run) (*History, error) {
	return func(ctx context.Context, r Run) (*History, error) {
		r.Train = &broken{inMemory(r.Train), sample, 1}
		return r.Fit(ctx)
	}
}

// saved returns what a checkpoint holds, by paths.
func saved(t *testing.T, dir string) map[string]any {
	t.Helper()
	d, err := pt.LoadDict(filepath.Join(dir, LastFile))
	require.NoError(t, err)
	defer closeTensors(d)
	all := map[string]any{}
	flatten("", d, all)
	return all
}

// A sample that one process cannot read ends all of them before that batch: they save what one
// process saves there, also in the middle of a step of several batches, and go on from it in groups
// of any size, between two steps in the same one bit for bit.
func TestGroupsSourceFails(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, c := range map[string]struct {
		change func(*trial)
		at     int // in the epoch's order, of the sample that cannot be read
	}{
		"batches":              {func(*trial) {}, 17},
		"accumulated":          {func(r *trial) { r.Accumulate = 3 }, 11},
		"accumulated, divided": {func(r *trial) { ignored(r); r.Accumulate = 3 }, 11},
		"norms": {func(r *trial) {
			d := torch.CPU
			rebuild(r, nn.NewSequential(nn.NewLinear(5, 16, d, nn.LinearConfig{NoBias: true}), nn.NewBatchNorm1d(16, d), nn.Tanh{}, nn.NewLinear(16, 3, d)), nil)
			r.SyncBatchNorm, r.Accumulate = true, 3
		}, 11},
	} {
		change := func(_ int, r *trial) {
			plainly(r)
			c.change(r)
			r.BatchSize, r.Resume = 5, true
		}
		whole := fitTogether(t, 1, "", noResume(change), reading(-1))[0]
		sample, alone := data.Order(25, whole.Seed, 1)[c.at], t.TempDir()
		require.ErrorIs(t, fitTogether(t, 1, alone, change, reading(sample))[0].err, errTest)
		want := saved(t, alone)
		require.Equal(t, c.at/5, want[".etude.cursor.step"])
		for _, n := range []int{2, 4} {
			if n == 4 && (name == "accumulated" || name == "accumulated, divided") {
				continue // as norms are
			}
			dir := t.TempDir()
			owner := c.at % 5 % n
			for rank, r := range fitTogether(t, n, dir, change, reading(sample)) {
				require.ErrorContains(t, r.err, fmt.Sprintf("epoch 2, step %d: Run.Train: rank %d: clip-17.wav", c.at/5+1, owner), name)
				assert.Equal(t, rank == owner, errors.Is(r.err, errTest))
				assert.Equal(t, StopError, r.history.StopReason)
			}
			got := saved(t, dir)
			for _, key := range []string{"epoch", "step", "samples", "right", "labels"} {
				assert.Equal(t, want[".etude.cursor."+key], got[".etude.cursor."+key], "%s: %s", name, key)
			}
			for _, m := range []int{1, n} {
				for rank, r := range fitTogether(t, m, t.TempDir(), func(rank int, r *trial) {
					change(rank, r)
					r.ResumeFrom = filepath.Join(dir, LastFile)
				}, reading(-1)) {
					what := fmt.Sprintf("%s: %d → %d: rank %d", name, n, m, rank)
					t.Logf("%s: weights differ by %.1e", what, alike(t, whole, r, 1e-6, what))
					if m == n && rank == 0 && name == "batches" {
						unbroken := fitTogether(t, n, "", noResume(change), reading(-1))[0]
						assert.Equal(t, unbroken.weights, r.weights)
						assert.Equal(t, results(unbroken.history, false), results(r.history, false))
					}
				}
			}
		}
	}
}

// noResume leaves Resume off, which needs a folder.
func noResume(change func(int, *trial)) func(int, *trial) {
	return func(rank int, r *trial) { change(rank, r); r.Resume = false }
}

// Sources that end too early, or fail in validation, are told to all as well.
func TestGroupsSourcesEnd(t *testing.T) {
	torchtest.NoLeaks(t)
	change := func(_ int, r *trial) { plainly(r); r.Resume = true }
	whole := fitTogether(t, 2, t.TempDir(), change, fitRun)
	for says, fault := range map[string]func(*Run){
		"epoch 1, step 2: Run.Train: rank 1: the source ended the epoch too early":     func(r *Run) { r.Train = &broken{inMemory(r.Train), -2, 0} },
		"epoch 1, after step 4: Run.Val: rank 1: clip-17.wav":                          func(r *Run) { r.Val = &unreadable{inMemory(r.Val)} },
		"epoch 1, after step 4: Run.Val: rank 1: the source ended the epoch too early": func(r *Run) { r.Val = &broken{inMemory(r.Val), -2, 0} },
	} {
		dir := t.TempDir()
		for _, r := range fitTogether(t, 2, dir, change, func(ctx context.Context, r Run) (*History, error) {
			if r.Group.Rank == 1 {
				fault(&r)
			}
			return r.Fit(ctx)
		}) {
			require.ErrorContains(t, r.err, says)
		}
		for rank, r := range fitTogether(t, 2, dir, change, fitRun) {
			require.NoError(t, r.err, says)
			assert.Equal(t, whole[rank].weights, r.weights, says)
		}
	}
}

// A set in one process and another source in the other, which could leave samples out.
func TestGroupsOfOtherSources(t *testing.T) {
	torchtest.NoLeaks(t)
	fit := func(n int) []*fellow {
		change := func(_ int, r *trial) { plainly(r); dividing(r, 99); r.Accumulate = 2 }
		return fitTogether(t, n, "", change, func(ctx context.Context, r Run) (*History, error) {
			if r.Group != nil && r.Group.Rank == 1 {
				r.Train = &broken{inMemory(r.Train), -1, 0}
			}
			return r.Fit(ctx)
		})
	}
	one := fit(1)[0]
	for rank, r := range fit(2) {
		alike(t, one, r, 1e-6, fmt.Sprint("rank ", rank))
	}
}

// dividing records the divisor of a loss from an epoch on, unless it is computed in validation.
func dividing(r *trial, from int) {
	epoch := 0
	r.OnEpoch = func(Epoch) error { epoch++; return nil }
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		loss := nn.MSELoss(output, target.OneHot(3).ToDType(torch.Float32))
		if epoch < from {
			return loss
		}
		n := torch.Full([]int{}, target.Size(0), torch.Options{})
		return nn.WithDivisor(loss, func() *torch.Tensor { return n })
	}
}

// Processes of which only some know a divisor count samples in the others; one that begins with it
// later is an error in all of them, and so it is for the batches that one process accumulates.
func TestGroupsWithDivisors(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, accumulate := range []int{1, 3} {
		fit := func(n, rank, from int) []*fellow {
			return fitTogether(t, n, "", func(own int, r *trial) {
				plainly(r)
				if r.Accumulate = accumulate; own == rank {
					dividing(r, from)
				} else {
					dividing(r, 99)
				}
			}, fitRun)
		}
		one := fit(1, 1, 0)[0]
		for _, r := range append(fit(2, 1, 0), fit(2, 0, 0)...) {
			alike(t, one, r, 1e-6, "a divisor in one process")
		}
		const says = "epoch 2, step 1: this loss was divided by something else than its number of samples"
		for rank, want := range []string{`rank 1 \(127.*\) gave up: trainer: ` + says, "^trainer: " + says} {
			require.Regexp(t, want, fit(2, 1, 1)[rank].err)
		}
		if one := fit(1, 0, 1)[0]; accumulate == 1 {
			require.NoError(t, one.err)
		} else {
			require.ErrorContains(t, one.err, says)
		}
	}
}

// What a step that is recorded finds wrong ends the run, too, and leaves no batch out.
func TestRecordedWithDivisors(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	plainly(r)
	epoch := 0
	r.Accumulate, r.BatchSize, r.MustRecord, r.Metrics = 2, 2, true, nil
	r.OnEpoch = func(Epoch) error { epoch++; return nil }
	r.Loss = func(output, _ *torch.Tensor) *torch.Tensor {
		if loss := nn.MSELoss(output, torch.ZerosLike(output)); epoch == 0 {
			return loss
		} else {
			return nn.WithDivisor(loss, func() *torch.Tensor { return torch.Ones([]int{}) })
		}
	}
	_, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 2, step 1: this loss was divided by something else than its number of samples")
}
