// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Rates, smoothed losses and the suggestion are PyTorch's, the losses to 1e-5: Adam's steps
// at high rates enlarge differences in the last bits of float32.
func TestFindLRAgreesWithPyTorch(t *testing.T) {
	torchtest.Python(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	var cases []struct {
		Batch, Accumulate, Steps         int
		Low, High, Threshold, Suggestion float64
		LRs, Losses                      []float64
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/findlr.py"), &cases))
	require.Less(t, len(cases[2].LRs), cases[2].Steps, "or nothing ends early")
	for _, c := range cases {
		r, free := golden.run(t, golden.Cases[0], torch.CPU)
		r.BatchSize, r.Accumulate, r.ReadEvery = c.Batch, c.Accumulate, 2
		curve, err := FindLR(context.Background(), r, LRFinder{c.Low, c.High, c.Steps, c.Threshold})
		require.NoError(t, err)
		assert.InDeltaSlice(t, c.LRs, curve.LRs, 1e-12*c.High)
		require.Len(t, curve.Losses, len(c.Losses))
		for i, want := range c.Losses {
			assert.InEpsilon(t, want, curve.Losses[i], 1e-5)
		}
		lr, err := curve.Suggestion()
		require.NoError(t, err)
		assert.InEpsilon(t, c.Suggestion, lr, 1e-12)
		free()
	}
}

// A search leaves no trace: a run after it ends with the same bits, in lower precision
// with a scaler, and with an optimizer that had a state, too.
func TestFindLRLeavesNoTrace(t *testing.T) {
	torchtest.NoLeaks(t)
	var want map[string]any
	for search := range 2 {
		r := newTrial(1, torch.CPU, t.TempDir())
		everyOption(r)
		for part := range 2 {
			if search == 1 {
				curve, err := FindLR(context.Background(), r.Run, DefaultLRFinder())
				require.NoError(t, err)
				require.NotEmpty(t, curve.LRs)
			}
			r.Replace = part == 1
			_, err := r.Fit(context.Background())
			require.NoError(t, err)
		}
		if search == 0 {
			want = r.everything(t)
		} else {
			assert.Equal(t, want, r.everything(t))
		}
		r.close()
	}
}

func TestFindLRRefuses(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	for _, f := range []LRFinder{{}, {MinLR: 1, MaxLR: 0.1, NumTraining: 5}, {MinLR: 0.1, MaxLR: 1, NumTraining: 1}} {
		_, err := FindLR(context.Background(), r.Run, f)
		require.ErrorContains(t, err, "start from DefaultLRFinder()")
	}
	before := stateOf(r.Model)
	stopped := r.Run
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped.AroundStep = func(step func()) { step(); cancel(errTest) }
	_, err := FindLR(ctx, stopped, DefaultLRFinder())
	require.ErrorIs(t, err, errTest)
	assert.Equal(t, before, stateOf(r.Model))

	broken := r.Run
	broken.Loss = func(output, target *torch.Tensor) *torch.Tensor { return output.Matmul(output).Sum() }
	_, err = FindLR(context.Background(), broken, DefaultLRFinder())
	require.ErrorContains(t, err, "FindLR: step 1: torch: matmul")

	nan := r.Run
	nan.Loss = func(output, target *torch.Tensor) *torch.Tensor { return r.Loss(output, target).MulScalar(math.NaN()) }
	curve, err := FindLR(context.Background(), nan, DefaultLRFinder())
	require.NoError(t, err)
	_, err = curve.Suggestion()
	require.ErrorContains(t, err, "0 steps are too few")
	require.ErrorContains(t, curve.Plot("x.png"), "no steps")
	assert.Equal(t, before, stateOf(r.Model))
}

func TestPlotLRCurve(t *testing.T) {
	c := &LRCurve{}
	for i := range 60 {
		lr := math.Pow(10, float64(i)/10-6)
		c.LRs, c.Losses = append(c.LRs, lr), append(c.Losses, 2/(1+lr*1e3)+lr*lr)
	}
	path := filepath.Join(t.TempDir(), "lr.png")
	require.NoError(t, c.Plot(path))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	assert.Equal(t, float64(img.Bounds().Dx())/float64(img.Bounds().Dy()), 11.0/8)
}
