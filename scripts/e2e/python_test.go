// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// A checkpoint of a training on real files goes on in Python as it does here:
// the same output, and the same losses and weights over 20 further steps.
func TestContinueInPython(t *testing.T) {
	shared := torchtest.SharedData(t)
	torchtest.Need(t)
	for _, spec := range models.All() {
		t.Run(spec.Name, func(t *testing.T) {
			samples, err := spec.Source.Samples(context.Background(), shared, dataset.Options{})
			require.NoError(t, err)
			set := samples.Tensors(torch.CPU)
			defer set.Close()
			dir := t.TempDir()
			run := newRun(spec, set, torch.CPU, 3)
			run.Save = dir
			_, err = run.Fit(context.Background())
			require.NoError(t, err)
			checkpoint := filepath.Join(dir, "last.pt")

			// Twenty batches of eight, drawn with replacement.
			torch.Unscoped(func() {
				index := make([]int64, 20*8)
				for i := range index {
					index[i] = int64((i*7 + i/8) % set.Len())
				}
				ids := torch.FromSlice(index)
				x := set.X.IndexSelect(0, ids).Reshape(20, 8, spec.In)
				y := set.Y.IndexSelect(0, ids).Reshape(20, 8, spec.Out)
				require.NoError(t, pt.Save(filepath.Join(dir, "batches.pt"), torch.NewDict("x", x, "y", y)))

				model := spec.New(torch.CPU)
				adam := optim.NewAdam(nn.Parameters(model), optim.DefaultAdam())
				_, err := trainer.LoadCheckpoint(checkpoint, model, adam)
				require.NoError(t, err)
				torchtest.RunPython(t, "continue.py", spec.Name, checkpoint,
					filepath.Join(dir, "batches.pt"), filepath.Join(dir, "out.pt"))
				python, err := pt.LoadDict(filepath.Join(dir, "out.pt"))
				require.NoError(t, err)

				torch.Threads(1, func() {
					output, err := torch.Value[*torch.Tensor](python, "output")
					require.NoError(t, err)
					var here *torch.Tensor
					torch.NoGrad(func() { here = model.Forward(x.Select(0, 0)) })
					worst := here.Sub(output).Abs().Max().Item()
					assert.LessOrEqual(t, worst, 1e-6, "output")

					losses, err := torch.Value[*torch.Tensor](python, "losses")
					require.NoError(t, err)
					worstLoss := 0.0
					for step, want := range losses.Float64s() {
						adam.ZeroGrad()
						loss := spec.Loss(model.Forward(x.Select(0, step)), y.Select(0, step))
						loss.Backward()
						adam.Step()
						worstLoss = max(worstLoss, math.Abs(loss.Item()-want))
					}
					assert.LessOrEqual(t, worstLoss, 1e-5, "losses")

					state, err := torch.Value[*torch.Dict](python, "state")
					require.NoError(t, err)
					worstWeight := 0.0
					for name, v := range nn.StateDict(model).All() {
						want, err := torch.Value[*torch.Tensor](state, name)
						require.NoError(t, err)
						worstWeight = max(worstWeight, v.(*torch.Tensor).Sub(want).Abs().Max().Item())
					}
					assert.LessOrEqual(t, worstWeight, 1e-5, "weights after 20 steps")
					t.Logf("largest differences from Python: output %.2g, loss %.2g, weights after 20 steps %.2g", worst, worstLoss, worstWeight)
				})
			})
		})
	}
}

func newRun(spec models.Spec, set *data.Set, device torch.Device, epochs int) *trainer.Run {
	torch.ManualSeed(42)
	model := spec.New(device)
	settings := optim.DefaultAdam()
	settings.LR, settings.WeightDecay = spec.LR, 1e-4
	return &trainer.Run{
		Model: model, Loss: spec.Loss,
		Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train:     set, Epochs: epochs, BatchSize: 8, Threads: 1, KeepLast: true,
	}
}

// madeUp returns n samples of smooth made-up numbers, targets in (0, 1).
func madeUp(spec models.Spec, n int) *data.Samples {
	s := &data.Samples{In: spec.In, Out: spec.Out}
	for i := range n {
		x, y := make([]float32, spec.In), make([]float32, spec.Out)
		for k := range x {
			x[k] = float32(math.Sin(float64(i*(k+1)) / 7))
		}
		for k := range y {
			y[k] = float32(0.5 + 0.4*math.Sin(float64(i+k)/5))
		}
		s.Append("made up", "made up", x, y)
	}
	return s
}
