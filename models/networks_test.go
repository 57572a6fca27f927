// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// golden is testdata/networks.json, which testdata/gen_networks.py wrote.
type golden struct {
	State []struct {
		Name, SHA256 string
		Shape        []int
	}
	Losses []float64
	Norms  map[string]float64
}

const seed = 42 // the generator's

func readGolden(t *testing.T, network string) golden {
	t.Helper()
	text, err := os.ReadFile("testdata/networks.json")
	require.NoError(t, err)
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	var g golden
	require.NoError(t, json.Unmarshal(all[network], &g))
	return g
}

const batchSize = 64

// inputs and targets are the generator's formulas.
func inputs(number, features int, d torch.Device) *torch.Tensor {
	values := make([]float32, batchSize*features)
	for i := range values {
		values[i] = float32(float64((i*7919+number*104729)%1000) / 1000)
	}
	return torch.FromSlice(values, batchSize, features).To(d)
}

func targets(features int, d torch.Device) *torch.Tensor {
	values := make([]float32, batchSize*features)
	for i := range values {
		row, f := i/features, i%features
		values[i] = float32(float64(f*7919%1000+row) / 1064)
	}
	return torch.FromSlice(values, batchSize, features).To(d)
}

func newAdam(s models.Spec, m nn.Module) *optim.Adam {
	c := optim.DefaultAdam()
	c.LR, c.WeightDecay = s.LR, 1e-4
	return optim.NewAdam(nn.Parameters(m), c)
}

// train takes the steps from to to as the generator does, with no value read in a
// step, and returns the losses.
func train(s models.Spec, m nn.Module, opt *optim.Adam, d torch.Device, from, to int) []float64 {
	losses := torch.Zeros([]int{to - from}, torch.Options{Device: d})
	for i := from; i < to; i++ {
		torch.Scope(func() {
			x, y := inputs(i, s.In, d), targets(s.Out, d)
			torchtest.ForbidTransfers(func() {
				opt.ZeroGrad()
				loss := s.Loss(m.Forward(x), y)
				loss.Backward()
				opt.Step()
				losses.Select(0, i-from).CopyInPlace(loss.Detach())
			})
		})
	}
	return losses.Float64s()
}

// The values themselves are compared by the first loss of TestTrainsAsPyTorchDoes,
// and bit for bit by TestInitialValuesAreBitForBit.
func TestStateIsPyTorchs(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		sameState(t, s, readGolden(t, s.Name), false)
	}
}

// Bits are compared with PyTorch's on the same machine: it chooses its kernels by
// processor.
func TestInitialValuesAreBitForBit(t *testing.T) {
	torchtest.Need(t)
	var want map[string]golden
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/gen_networks.py", "state"), &want))
	for _, s := range models.All() {
		sameState(t, s, want[s.Name], true)
	}
}

func sameState(t *testing.T, s models.Spec, want golden, bits bool) {
	t.Helper()
	torch.ManualSeed(seed)
	state := nn.StateDict(s.New(torch.CPU))
	require.NotEmpty(t, want.State)
	require.Equal(t, len(want.State), state.Len())
	for i, key := range state.Keys() {
		value, _ := state.Get(key)
		tensor := value.(*torch.Tensor)
		assert.Equal(t, want.State[i].Name, key)
		assert.Equal(t, want.State[i].Shape, tensor.Shape(), key)
		if bits {
			sum := sha256.Sum256(tensor.Bytes())
			assert.Equal(t, want.State[i].SHA256, hex.EncodeToString(sum[:]), "%s.%s differs", s.Name, key)
		}
	}
}

// A hundred steps of Adam, on one thread as in the generator. The one-step cell
// adds its biases in another order than PyTorch's LSTM, which the last bits of
// float32 show. So do the kernels that libtorch chooses by processor: with those for
// the oldest ones losses end 1.03e-6 away, relative.
func TestTrainsAsPyTorchDoes(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		t.Run(s.Name, func(t *testing.T) {
			want := readGolden(t, s.Name)
			torch.ManualSeed(seed)
			m := s.New(torch.CPU)
			worst := 0.0
			var losses []float64
			torch.Threads(1, func() { losses = train(s, m, newAdam(s, m), torch.CPU, 0, len(want.Losses)) })
			for i, loss := range losses {
				assert.InEpsilon(t, want.Losses[i], loss, 5e-6, "step %d", i)
				worst = max(worst, math.Abs(loss/want.Losses[i]-1))
			}
			t.Logf("losses differ by at most %.1e relative", worst)
			// weight_hh has a zero gradient and shrinks by weight decay alone.
			for _, n := range nn.NamedParameters(m) {
				norm := n.Tensor.ToDType(torch.Float64).Norm(2).Item()
				assert.InEpsilon(t, want.Norms[n.Name], norm, 1e-5, n.Name)
				if n.Name == "lstm.weight_hh_l0" {
					t.Logf("norm of weight_hh %.6f, PyTorch's %.6f", norm, want.Norms[n.Name])
				}
			}
		})
	}
}

// The losses are the CPU's, to the last bit where the device runs its kernels.
func TestTrainsOnADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	for _, s := range models.All() {
		t.Run(s.Name, func(t *testing.T) {
			torch.Threads(1, func() {
				torch.ManualSeed(seed)
				here := s.New(torch.CPU)
				torch.ManualSeed(seed)
				there := s.New(device)
				want := train(s, here, newAdam(s, here), torch.CPU, 0, 10)
				torchtest.SameNumbers(t, device, want, train(s, there, newAdam(s, there), device, 0, 10), "losses")
			})
		})
	}
}

func TestStepsKeepNothing(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		t.Run(s.Name, func(t *testing.T) {
			m := s.New(torch.CPU)
			opt := newAdam(s, m)
			t.Cleanup(func() { runtime.KeepAlive(opt) }) // until NoLeaks has counted
			train(s, m, opt, torch.CPU, 0, 2)
			torchtest.NoLeaks(t)
			train(s, m, opt, torch.CPU, 2, 30)
		})
	}
}

func TestABatchOnAnotherDevice(t *testing.T) {
	device := torchtest.SecondDevice(t)
	for _, s := range models.All() {
		torch.Scope(func() {
			m := s.New(device)
			err := torch.Try(func() { m.Forward(inputs(0, s.In, torch.CPU)) })
			require.Error(t, err)
			assert.Contains(t, err.Error(), "same device")
			assert.Contains(t, err.Error(), device.String())

			err = torch.Try(func() { s.Loss(m.Forward(inputs(0, s.In, device)), targets(s.Out, torch.CPU)) })
			require.Error(t, err)
			assert.Contains(t, err.Error(), "same device")
		})
	}
}

// Checkpoints go both ways, and the other side's Adam continues. Twenty steps of
// other kernels may differ by 1e-5.
func TestExchangeWithPython(t *testing.T) {
	torchtest.Need(t)
	torchtest.Python(t)
	const script = "testdata/exchange.py"
	var result struct{ Output, Losses []float64 }
	for _, s := range models.All() {
		path := filepath.Join(t.TempDir(), "checkpoint.pt")
		t.Run(s.Name+" to Python", func(t *testing.T) {
			torch.ManualSeed(seed)
			m := s.New(torch.CPU)
			opt := newAdam(s, m)
			train(s, m, opt, torch.CPU, 0, 10)
			require.NoError(t, pt.Save(path, torch.NewDict("model_state_dict", nn.StateDict(m), "optimizer_state_dict", opt.StateDict())))
			require.NoError(t, json.Unmarshal(torchtest.RunPython(t, script, "continue", s.Name, path), &result))
			torch.Scope(func() {
				assert.InDeltaSlice(t, result.Output, m.Forward(inputs(0, s.In, torch.CPU)).Float64s(), 1e-6)
			})
			sameLosses(t, result.Losses, train(s, m, opt, torch.CPU, 10, 30))
		})
		for _, kernel := range []string{"default", "fused"} {
			t.Run(s.Name+" from Python, "+kernel, func(t *testing.T) {
				require.NoError(t, json.Unmarshal(torchtest.RunPython(t, script, "begin", s.Name, path, kernel), &result))
				saved, err := pt.LoadDict(path)
				require.NoError(t, err)
				m := s.New(torch.CPU)
				opt := optim.NewAdam(nn.Parameters(m), optim.DefaultAdam())
				state, err := torch.Value[*torch.Dict](saved, "model_state_dict")
				require.NoError(t, err)
				require.NoError(t, nn.LoadStateDict(m, state))
				state, err = torch.Value[*torch.Dict](saved, "optimizer_state_dict")
				require.NoError(t, err)
				require.NoError(t, opt.LoadStateDict(state))
				sameLosses(t, result.Losses, train(s, m, opt, torch.CPU, 10, 30))
			})
		}
	}
}

func sameLosses(t *testing.T, want, got []float64) {
	t.Helper()
	require.Len(t, got, len(want))
	worst := 0.0
	for i := range want {
		assert.InEpsilon(t, want[i], got[i], 1e-5, "step %d", i)
		worst = max(worst, math.Abs(got[i]/want[i]-1))
	}
	t.Logf("losses differ by at most %.1e relative", worst)
}

func TestForwardShapes(t *testing.T) {
	torchtest.Need(t)
	torch.Scope(func() {
		for _, s := range models.All() {
			m := s.New(torch.CPU)
			x := inputs(0, s.In, torch.CPU)
			y := m.Forward(x)
			assert.Equal(t, []int{batchSize, s.Out}, y.Shape())
			one := m.Forward(x.Select(0, 3))
			assert.Equal(t, []int{s.Out}, one.Shape())
			assert.InDeltaSlice(t, y.Select(0, 3).Float64s(), one.Float64s(), 1e-6)
			assert.Error(t, torch.Try(func() { m.Forward(torch.Zeros([]int{2, s.In + 1})) }))
		}
	})
}
