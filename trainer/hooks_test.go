// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Hooks are called in order, the losses in them are those of the history, and they change
// nothing.
func TestHooks(t *testing.T) {
	torchtest.NoLeaks(t)
	plain := newTrial(1, torch.CPU, t.TempDir())
	defer plain.close()
	_, err := plain.Fit(context.Background())
	require.NoError(t, err)

	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	var calls []string
	note := func(format string, args ...any) { calls = append(calls, fmt.Sprintf(format, args...)) }
	sum := 0.0
	r.Epochs = 2
	r.OnStart = func() error { note("start"); return nil }
	r.OnFitStart = func(h *History) error { note("fit start %d", h.Len()); return nil }
	r.OnFitEnd = func(h *History) error {
		note("fit end %d %s", h.Len(), h.StopReason)
		assert.FileExists(t, filepath.Join(r.Save, ModelFile))
		return ErrStop // there is nothing left to stop
	}
	r.OnBatch = func(epoch, step int, result Result) error {
		note("batch %d %d", epoch, step)
		sum += result.Loss.Item() * float64(result.Output.Size(0))
		return nil
	}
	r.OnEpoch = func(e Epoch) error {
		note("epoch %d", e.Index)
		assert.InDelta(t, e.TrainLoss, sum/25, 1e-12)
		sum = 0
		return nil
	}
	_, err = r.Fit(context.Background())
	require.NoError(t, err)
	want := []string{
		"start", "fit start 0", "batch 0 0", "batch 0 1", "batch 0 2", "batch 0 3", "epoch 0",
		"batch 1 0", "batch 1 1", "batch 1 2", "batch 1 3", "epoch 1", "fit end 2 completed",
	}
	assert.Equal(t, want, calls)

	calls = nil
	r.Resume, r.Epochs = true, 4
	_, err = r.Fit(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []string{"start", "fit start 2", "batch 2 0"}, calls[:3])
	assert.Equal(t, plain.everything(t), r.everything(t))
}

// ErrStop ends a run from every hook: from OnBatch after an epoch that is shorter, and in
// an open group of batches too. Other errors are Fit's.
func TestHooksStop(t *testing.T) {
	torchtest.NoLeaks(t)
	for name, c := range map[string]struct {
		epochs int
		hook   func(*trial, error)
	}{
		"OnFitStart": {0, func(r *trial, err error) { r.OnFitStart = func(*History) error { return err } }},
		"OnBatch": {2, func(r *trial, err error) {
			r.OnBatch = func(epoch, step int, _ Result) error {
				if epoch == 1 && step == 1 {
					return err
				}
				return nil
			}
		}},
		"OnEpoch": {1, func(r *trial, err error) { r.OnEpoch = func(Epoch) error { return err } }},
	} {
		r := newTrial(1, torch.CPU, t.TempDir())
		everyOption(r)
		ended := 0
		r.OnFitEnd = func(*History) error { ended++; return nil }
		c.hook(r, fmt.Errorf("%s: %w", name, ErrStop))
		h, err := r.Fit(context.Background())
		require.NoError(t, err, name)
		assert.Equal(t, StopHook, h.StopReason, name)
		assert.Equal(t, c.epochs, h.Len(), name)
		assert.Equal(t, min(c.epochs, 1), ended, name)
		if name == "OnBatch" {
			losses := h.list("train_losses")
			c.hook(r, nil)
			r.Resume, r.OnBatch = true, nil
			h, err = r.Fit(context.Background()) // it goes on with the epoch after
			require.NoError(t, err)
			assert.Equal(t, losses, h.list("train_losses")[:2])
			assert.Equal(t, 4, h.Len())
		}

		r.Resume, r.Replace = false, true
		c.hook(r, errTest)
		h, err = r.Fit(context.Background())
		require.ErrorIs(t, err, errTest, name)
		assert.Equal(t, StopError, h.StopReason, name)
		r.close()
	}
	// Before a run has begun there is nothing to end: the results of another run stay.
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	before, err := LoadHistory(filepath.Join(r.Save, HistoryFile))
	require.NoError(t, err)
	r.Replace = true
	r.OnStart = func() error { return ErrStop }
	_, err = r.Fit(context.Background())
	require.ErrorIs(t, err, ErrStop)
	after, err := LoadHistory(filepath.Join(r.Save, HistoryFile))
	require.NoError(t, err)
	assert.Equal(t, results(before, true), results(after, true))

	r.OnStart = nil
	r.OnFitEnd = func(*History) error { return errTest }
	_, err = r.Fit(context.Background())
	require.ErrorIs(t, err, errTest)
}
