// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// step runs a linear layer forward and backward and returns loss and gradient.
func step(x, y, w *torch.Tensor) (loss, grad *torch.Tensor) {
	loss = torch.MSELoss(torch.Linear(x, w, nil).Tanh(), y, torch.ReduceMean)
	loss.Backward()
	return loss, w.Grad()
}

func TestPretendComputesAsTheCPU(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(1)
		x, y, w := torch.Randn([]int{8, 4}), torch.Randn([]int{8, 3}), torch.Randn([]int{3, 4})
		there := [3]*torch.Tensor{x.To(device), y.To(device), w.To(device)}
		loss, grad := step(x, y, w.SetRequiresGrad(true))

		before := torchtest.PretendTraffic()
		var loss2, grad2 *torch.Tensor
		torchtest.ForbidReads(func() { loss2, grad2 = step(there[0], there[1], there[2].SetRequiresGrad(true)) })
		after := torchtest.PretendTraffic()

		assert.Equal(t, device, grad2.Device())
		assert.Equal(t, loss.Item(), loss2.Item(), "the device runs the CPU's kernels")
		assert.Equal(t, grad.Float32s(), grad2.Float32s())
		assert.Equal(t, before.Reads, after.Reads)
		assert.Equal(t, before.ToHost, after.ToHost)
		assert.Equal(t, before.ToDevice, after.ToDevice)
		assert.Greater(t, after.Calls, before.Calls)
	})
}

func TestPretendRefusesOtherDevices(t *testing.T) {
	device := torchtest.Pretend(t)
	torch.Scope(func() {
		x, w := torch.Randn([]int{8, 4}), torch.Randn([]int{3, 4})
		there := x.To(device)
		for name, f := range map[string]func(){
			"linear":   func() { torch.Linear(there, w, nil) },
			"add":      func() { there.Add(x) },
			"mse_loss": func() { torch.MSELoss(there, x, torch.ReduceMean) },
			"cat":      func() { torch.Cat([]*torch.Tensor{there, x}, 0) },
		} {
			err := torch.Try(f)
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), "same device", name)
			assert.Contains(t, err.Error(), "pretend:0", name)
		}
	})
}

func TestPretendFindsReads(t *testing.T) {
	device := torchtest.Pretend(t)
	torch.Scope(func() {
		x := torch.Ones([]int{2}, torch.Options{Device: device})
		for name, f := range map[string]func(){
			"Item":     func() { x.Sum().Item() },
			"Float32s": func() { x.Float32s() },
			"To":       func() { x.To(torch.CPU) },
		} {
			torchtest.ForbidReads(func() {
				err := torch.Try(f)
				require.Error(t, err, name)
				assert.Contains(t, err.Error(), "inside a step", name)
			})
		}
		before := torchtest.PretendTraffic()
		assert.Equal(t, 2.0, x.Sum().Item())
		assert.Equal(t, before.Reads+1, torchtest.PretendTraffic().Reads)
	})
}

// libtorch takes another LSTM cell on accelerators than on the CPU.
func TestPretendLSTM(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		torch.ManualSeed(2)
		const hidden, in, batch, steps = 3, 4, 2, 5
		cpu := []*torch.Tensor{
			torch.Randn([]int{batch, steps, in}),
			torch.Randn([]int{1, batch, hidden}), torch.Randn([]int{1, batch, hidden}),
			torch.Randn([]int{4 * hidden, in}), torch.Randn([]int{4 * hidden, hidden}),
			torch.Randn([]int{4 * hidden}), torch.Randn([]int{4 * hidden}),
		}
		var there []*torch.Tensor
		for _, x := range cpu {
			there = append(there, x.To(device))
		}
		run := func(ts []*torch.Tensor) []*torch.Tensor {
			for _, x := range ts {
				x.SetRequiresGrad(true)
			}
			out, h, c := torch.LSTM(ts[0], ts[1], ts[2], ts[3:], torch.LSTMOptions{Bias: true, Layers: 1, BatchFirst: true})
			out.Square().Sum().Add(h.Sum()).Add(c.Square().Sum()).Backward()
			got := []*torch.Tensor{out, h, c}
			for _, x := range ts {
				got = append(got, x.Grad())
			}
			return got
		}
		want, got := run(cpu), run(there)
		for i := range want {
			// Another order of the same additions in float32.
			assert.InDeltaSlice(t, want[i].Float32s(), got[i].Float32s(), 2e-5, "result %d", i)
		}
	})
}
