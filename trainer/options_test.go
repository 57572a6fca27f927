// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// optionCase is a case of options.py.
type optionCase struct {
	Batch, Accumulate int
	Clip, Scale, EMA  float64
	Autocast          string
	PerStep           bool `json:"per_step"`
	Muon              bool
	TrainLosses       []float64 `json:"train_losses"`
	ValLosses         []float64 `json:"val_losses"`
	EndScale          float64   `json:"end_scale"`
	Rates, Norms      []float64
	Skipped           []float64
	WeightNorms       []float64 `json:"weight_norms"`
	Last              goldenState
}

// Autocast, scaling and averages give the results of PyTorch's loop, with groups of batches, clipping
// and steps that are left out: losses to 1e-6, as in the tests of Fit. Autocast changes
// them by 1e-4.
func TestOptionsAgreeWithPyTorch(t *testing.T) {
	torchtest.Python(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	var cases []optionCase
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/options.py"), &cases))
	require.Len(t, cases, 7)
	for _, c := range cases {
		r, free := golden.run(t, golden.Cases[0], torch.CPU)
		r.BatchSize, r.Accumulate, r.ClipNorm, r.KeepLast, r.ReadEvery = c.Batch, c.Accumulate, c.Clip, true, 3
		r.EMA, r.TrackNorms = c.EMA, true
		if c.Muon {
			var matrices, others []*torch.Tensor
			for _, p := range nn.Parameters(r.Model) {
				if p.Dim() == 2 {
					matrices = append(matrices, p)
				} else {
					others = append(others, p)
				}
			}
			muon, adam := optim.DefaultMuon(), r.Optimizer.(*optim.Adam).Groups()[0].Config
			muon.LR = 0.02
			r.Optimizer = optim.NewSeveral(optim.NewMuon(matrices, muon), optim.NewAdam(others, adam))
		}
		if c.PerStep {
			r.Scheduler, r.PerStep = optim.NewStepLR(r.Optimizer, optim.StepLRConfig{StepSize: 3, Gamma: 0.9}), true
		}
		var err error
		r.Autocast, err = torch.ParseDType(c.Autocast)
		require.NoError(t, err)
		if c.Scale > 0 {
			settings := optim.DefaultGradScaler()
			settings.InitScale, settings.GrowthInterval = c.Scale, 4
			r.Scaler = optim.NewGradScaler(settings)
		}
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		const near = 1e-6
		assert.InDeltaSlice(t, c.TrainLosses, h.list("train_losses"), near)
		assert.InDeltaSlice(t, c.ValLosses, h.list("val_losses"), near)
		assert.InDeltaSlice(t, c.Rates, h.list("learning_rates"), 1e-15)
		assert.InDeltaSlice(t, c.Norms, h.list("grad_norms"), 2*near)
		assert.InDeltaSlice(t, c.WeightNorms, h.list("weight_norms"), 10*near)
		for i, e := range h.Epochs {
			assert.Equal(t, c.Skipped[i], e.Skipped, "%s, epoch %d", c.Autocast, i)
		}
		c.Last.requireClose(t, r.Model, 10*near)
		if c.Scale > 0 {
			assert.Equal(t, c.EndScale, r.Scaler.GetScale())
		}
		free()
	}
}

// Options are compared, too, though a file only names those that its run uses.
func TestChangedOptions(t *testing.T) {
	torchtest.NoLeaks(t)
	plain, used := t.TempDir(), t.TempDir()
	for dir, options := range map[string]func(*trial){plain: func(r *trial) { everyState(0, r) }, used: everyOption} {
		r := newTrial(1, torch.CPU, dir)
		options(r)
		_, err := r.Fit(r.interruptAfter(9))
		require.ErrorIs(t, err, errTest)
		r.close()
	}
	const scaler = "GradScaler(GrowthFactor 2, BackoffFactor 0.5, GrowthInterval 2)"
	for _, c := range []struct {
		dir, want string
		change    func(*trial)
		override  bool
	}{
		{plain, "scaler is new: " + scaler, func(r *trial) { r.Scaler = optim.NewGradScaler(overflowing()) }, false},
		{used, "scaler is gone, it was " + scaler, func(r *trial) { r.Scaler = nil }, false},
		{used, "scaler was " + scaler + ", is GradScaler(GrowthFactor 3, BackoffFactor 0.5, GrowthInterval 2)", func(r *trial) {
			r.Scaler.Config.GrowthFactor = 3
		}, false},
		{plain, "autocast is new: bfloat16", func(r *trial) { r.Autocast = torch.BFloat16 }, true},
		{plain, "ema is new: 0.5", func(r *trial) { r.EMA = 0.5 }, true},
		{used, "ema was 0.9, is 0.5", func(r *trial) { r.EMA = 0.5 }, true},
		{used, "ema is gone, it was 0.9", func(r *trial) { r.EMA = 0 }, true},
		{used, "autocast was float16, is bfloat16", func(r *trial) { r.Autocast = torch.BFloat16 }, true},
		{used, "autocast is gone, it was float16", func(r *trial) { r.Autocast = torch.Float32 }, true},
	} {
		resume := func(override bool) ([]string, error) {
			_, notices, err := fit(t, t.TempDir(), func(r *trial) {
				everyState(0, r)
				if c.dir == used {
					everyOption(r)
				}
				c.change(r)
				r.ResumeFrom, r.Override = filepath.Join(c.dir, LastFile), override
			})
			return notices, err
		}
		_, err := resume(false)
		require.ErrorContains(t, err, "cannot be continued: "+c.want+"; continue")
		notices, err := resume(true)
		if c.override {
			require.NoError(t, err)
			assert.Contains(t, notices, c.want+": from here on it is another run than the one that was begun")
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}

// everyOption gives a trial autocast, a scale and averages as well.

func everyOption(r *trial) {
	everyState(0, r)
	r.Autocast, r.Scaler, r.EMA, r.TrackNorms = torch.Float16, optim.NewGradScaler(overflowing()), 0.9, true
}

// overflowing are settings with which a trial's first step overflows.
func overflowing() optim.GradScalerConfig {
	c := optim.DefaultGradScaler()
	c.GrowthInterval = 2
	return c
}

// Autocast, a scaler and averages let the host wait for nothing.
func TestOptionsDoNotWait(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	reads := func(options func(*trial)) int64 {
		r := newTrial(1, device, "")
		defer r.close()
		options(r)
		r.KeepBest, r.AroundStep = 0, torchtest.ForbidTransfers
		before := torchtest.PretendTraffic()
		_, err := r.Fit(context.Background())
		require.NoError(t, err)
		return torchtest.PretendTraffic().Since(before).Transfers()
	}
	plain := reads(func(r *trial) { everyState(0, r) })
	assert.Equal(t, plain, reads(func(r *trial) {
		everyState(0, r)
		r.Autocast = torch.BFloat16
	}))
	assert.Equal(t, plain+4, reads(everyOption), "the norm of the weights, once an epoch")
}

// Averages are what is saved as the network, beside the weights that training goes on with.
func TestAveragesAreSaved(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	r.EMA = 0.7
	var current map[string][]float32
	r.OnEpoch = func(Epoch) error {
		current = stateOf(r.Model)
		return nil
	}
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	require.Equal(t, 3, h.BestEpoch)
	averages := stateOf(r.Model)
	require.NotEqual(t, current, averages)
	m, err := Evaluate(r.Model.(nn.Module), r.Loss, r.Val, r.BatchSize)
	require.NoError(t, err)
	assert.InDelta(t, h.Best().ValLoss, m.Loss, 0)

	for _, name := range []string{BestFile, LastFile} {
		c, err := LoadCheckpoint(filepath.Join(r.Save, name), r.Model, nil)
		require.NoError(t, err)
		assert.Equal(t, averages, stateOf(r.Model), name)
		averaging := torchtest.Entry[*torch.Dict](t, c.Extra, "averaging")
		require.NoError(t, nn.LoadStateDict(r.Model, torchtest.Entry[*torch.Dict](t, averaging, "current_model_state")))
		assert.Equal(t, current, stateOf(r.Model), name)
		closeTensors(c.Extra)
	}
	d, err := pt.LoadDict(filepath.Join(r.Save, ModelFile))
	require.NoError(t, err)
	defer closeTensors(d)
	require.NoError(t, nn.LoadStateDict(r.Model, d))
	assert.Equal(t, averages, stateOf(r.Model))
}

// The files of a run without options are as they were before there were any.
func TestFilesWithoutOptions(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	_, err := r.Fit(context.Background())
	require.NoError(t, err)
	d, err := pt.LoadDict(filepath.Join(r.Save, LastFile))
	require.NoError(t, err)
	defer closeTensors(d)
	state := torchtest.Entry[*torch.Dict](t, d, "etude")
	for key, want := range map[string][]any{
		"settings": {
			"seed", "batch_size", "accumulate", "training_samples", "training_data", "validation_samples", "validation_data",
			"clip_norm", "clip_value", "scheduler", "optimizer", "model",
		},
		"cursor": {"epoch", "step", "loss_sum", "samples", "norm_sum", "norms", "right", "labels", "seconds"},
		"history": {
			"train_losses", "val_losses", "train_accs", "val_accs", "epoch_times", "learning_rates", "grad_norms", "best_epoch",
		},
	} {
		assert.Equal(t, want, torchtest.Entry[*torch.Dict](t, state, key).Keys(), key)
	}
}
