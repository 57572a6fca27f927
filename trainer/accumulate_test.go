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
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Groups of batches, clipping and a schedule give the results of PyTorch's loop in
// gen_accumulate.py. Losses agree to 1e-6, as in the tests of Fit.
func TestAccumulateAgreesWithPyTorch(t *testing.T) {
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	text, err := os.ReadFile("testdata/accumulate.json")
	require.NoError(t, err)
	var cases []struct {
		Batch, Accumulate int
		Clip              float64
		Scheduled         bool
		TrainLosses       []float64 `json:"train_losses"`
		ValLosses         []float64 `json:"val_losses"`
		Rates, Norms      []float64
		Last              goldenState
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.Len(t, cases, 5)
	for _, device := range []torch.Device{torch.CPU, torchtest.Accelerator(t)} {
		for _, c := range cases {
			r, free := golden.run(t, golden.Cases[0], device)
			r.BatchSize, r.Accumulate, r.ClipNorm, r.KeepLast, r.ReadEvery = c.Batch, c.Accumulate, c.Clip, true, 3
			r.AroundStep = func(step func()) { torchtest.ForbidTransfers(step) } // the norm too stays where it is
			if c.Scheduled {
				r.Scheduler = optim.NewStepLR(r.Optimizer, optim.StepLRConfig{StepSize: 2, Gamma: 0.5})
			}
			h, err := r.Fit(context.Background())
			require.NoError(t, err)
			near := torchtest.Tolerance(device, 1e-6)
			assert.InDeltaSlice(t, c.TrainLosses, h.list("train_losses"), near)
			assert.InDeltaSlice(t, c.ValLosses, h.list("val_losses"), near)
			assert.Equal(t, c.Rates, h.list("learning_rates"))
			if c.Clip > 0 {
				assert.InDeltaSlice(t, c.Norms, h.list("grad_norms"), 2*near)
				assert.InDelta(t, c.Norms[2], h.Epochs[2].GradNorm, 2*near)
			} else {
				assert.Nil(t, h.list("grad_norms"))
				assert.Zero(t, h.Epochs[2].GradNorm)
			}
			c.Last.requireClose(t, r.Model, near)
			free()
		}
	}
}

// A gradient that is not finite names the batch that completed its group.
func TestNonFiniteNorm(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	r.Accumulate, r.ClipNorm = 2, 1
	loss, calls := r.Loss, 0
	r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		if calls++; calls == 3 { // its value is finite, its gradient is not
			zero := output.MulScalar(0).Sum()
			return loss(output, target).Add(torch.Call("aten::sqrt", zero).Tensor())
		}
		return loss(output, target)
	}
	_, err := r.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 4: the norm of the gradients is NaN")

	r.ClipNorm = math.NaN()
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "Run.ClipNorm is NaN")
	r.ClipNorm, r.ClipValue = 0, -1
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "Run.ClipValue is -1")
	r.ClipValue, r.PerStep = 0, true
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "Run.PerStep needs Run.Scheduler")
	r.Scheduler = optim.NewReduceLROnPlateau(r.Optimizer, optim.DefaultReduceLROnPlateau())
	_, err = r.Fit(context.Background())
	require.ErrorContains(t, err, "leave PerStep off")
	assert.NotNil(t, nn.Parameters(r.Model))
}
