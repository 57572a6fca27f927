// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
)

// builder makes trials, and closes them at the end of the test.
func builder(t *testing.T, change func(n int, r *trial)) func() (Run, error) {
	n := 0
	return func() (Run, error) {
		r := newTrial(1, torch.CPU, "")
		t.Cleanup(func() {
			r.close()
			*r = trial{} // the optimizer's state is the garbage collector's
		})
		if change != nil {
			change(n, r)
		}
		n++
		return r.Run, nil
	}
}

func TestVerifyResume(t *testing.T) {
	torchtest.NoLeaks(t)
	for want, stops := range map[string][]int{
		"default": nil, "many": {16, 3, 4, 5, 3, 99}, "one": {7},
	} {
		report, err := VerifyResume(context.Background(), builder(t, everyState), stops)
		require.NoError(t, err)
		assert.Nil(t, report.Difference, want)
		assert.Equal(t, map[string][]int{"default": {1, 4, 7}, "many": {3, 4, 5, 16}, "one": {7}}[want], report.Breaks)
		assert.Equal(t, 4, report.Epochs)
		assert.Equal(t, 16, report.Steps)
		assert.Greater(t, report.Tensors, 4+3*4)
		for _, hash := range []string{report.Weights, report.Optimizer, report.History} {
			assert.Len(t, hash, 64)
		}
	}
}

func TestVerifyResumeWithOptions(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, keepLast := range []bool{false, true} {
		report, err := VerifyResume(context.Background(), builder(t, func(_ int, r *trial) {
			for _, p := range nn.Parameters(r.Model) {
				p.Close()
			}
			model := nn.NewSequential(nn.NewLinear(5, 16, torch.CPU), nn.NewBatchNorm1d(16, torch.CPU), nn.Tanh{}, nn.NewDropout(0.2), nn.NewLinear(16, 3, torch.CPU))
			r.Model, r.Optimizer = model, optim.NewAdam(nn.Parameters(model), optim.DefaultAdam())
			everyOption(r)
			r.KeepLast, r.LimitBatches, r.NumSanityValSteps = keepLast, 3, 1
		}), []int{1, 2, 3, 5, 11})
		require.NoError(t, err)
		assert.Nil(t, report.Difference)
		assert.Equal(t, 12, report.Steps)
	}
}

// A run that is not the same each time is found out, and the tensor named.
func TestVerifyResumeFindsDifferences(t *testing.T) {
	torchtest.NoLeaks(t)
	report, err := VerifyResume(context.Background(), builder(t, func(n int, r *trial) {
		if n == 2 { // the part after the break
			r.AroundStep = func(step func()) {
				step()
				torch.NoGrad(func() { r.parameter(2).AddInPlace(torch.Full([]int{3, 16}, 1e-6)) })
			}
		}
	}), []int{5, 6})
	require.NoError(t, err)
	require.NotNil(t, report.Difference)
	assert.Equal(t, 6, report.Difference.Step)
	assert.Equal(t, "model 3.weight", report.Difference.Name)
	assert.Contains(t, report.Difference.String(), "after batch 6: model 3.weight: SHA-256 ")

	// The other way to be wrong: a state that Resume does not know of.
	report, err = VerifyResume(context.Background(), builder(t, func(n int, r *trial) {
		loss := r.Loss
		calls := 0
		r.Loss = func(output, target *torch.Tensor) *torch.Tensor {
			calls++
			return loss(output, target).MulScalar(1 + 0.1*float64(calls))
		}
	}), []int{5})
	require.NoError(t, err)
	require.NotNil(t, report.Difference)
	assert.Equal(t, 16, report.Difference.Step)
	assert.Equal(t, "model 0.weight", report.Difference.Name)
}

func TestVerifyResumeErrors(t *testing.T) {
	torchtest.NoLeaks(t)
	_, err := VerifyResume(context.Background(), func() (Run, error) { return Run{}, errTest }, nil)
	require.ErrorIs(t, err, errTest)
	_, err = VerifyResume(context.Background(), builder(t, nil), []int{0})
	require.ErrorContains(t, err, "a break after 0 batches")
	_, err = VerifyResume(context.Background(), builder(t, nil), []int{17})
	require.ErrorContains(t, err, "no break is in the run, which has 16 batches")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = VerifyResume(ctx, builder(t, nil), nil)
	require.ErrorIs(t, err, context.Canceled)
}

// If there is no room for checkpoints, the error names the variable for another folder.
func TestVerifyResumeNeedsAFolder(t *testing.T) {
	torchtest.Need(t)
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "absent"))
	_, err := VerifyResume(context.Background(), builder(t, nil), nil)
	require.ErrorContains(t, err, "absent")
	require.ErrorContains(t, err, "TMPDIR")
}
