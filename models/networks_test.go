// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
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

// batch is the generator's formula.
func batch(number, features, salt int, d torch.Device) *torch.Tensor {
	values := make([]float32, batchSize*features)
	for i := range values {
		values[i] = float32(float64((i*7919+number*104729+salt)%1000) / 1000)
	}
	return torch.FromSlice(values, batchSize, features).To(d)
}

// train takes steps of Adam as the generator does and returns the losses.
func train(s models.Spec, m nn.Module, d torch.Device, steps int) []float64 {
	opt := optim.NewAdam(nn.Parameters(m), optim.AdamConfig{LR: s.LR, WeightDecay: 1e-4})
	losses := torch.Zeros([]int{steps}, torch.Options{Device: d})
	for i := range steps {
		torch.Scope(func() {
			x, y := batch(i, s.In, 1, d), batch(i, s.Out, 2, d)
			torchtest.ForbidReads(func() {
				opt.ZeroGrad()
				loss := s.Loss(m.Forward(x), y)
				loss.Backward()
				opt.Step()
				losses.Select(0, i).CopyInPlace(loss.Detach())
			})
		})
	}
	return losses.Float64s()
}

func TestInitialValuesArePyTorchs(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		want := readGolden(t, s.Name)
		torch.ManualSeed(seed)
		state := nn.StateDict(s.New(torch.CPU))
		require.Equal(t, len(want.State), state.Len())
		for i, key := range state.Keys() {
			value, _ := state.Get(key)
			tensor := value.(*torch.Tensor)
			sum := sha256.Sum256(tensor.Bytes())
			assert.Equal(t, want.State[i].Name, key)
			assert.Equal(t, want.State[i].Shape, tensor.Shape(), key)
			assert.Equal(t, want.State[i].SHA256, hex.EncodeToString(sum[:]), "%s.%s differs", s.Name, key)
		}
	}
}

// A hundred steps of Adam. The one-step cell and the order of sums inside matrix
// products differ from PyTorch's by the last bits of float32.
func TestTrainsAsPyTorchDoes(t *testing.T) {
	torchtest.Need(t)
	for _, s := range models.All() {
		t.Run(s.Name, func(t *testing.T) {
			want := readGolden(t, s.Name)
			torch.ManualSeed(seed)
			m := s.New(torch.CPU)
			worst := 0.0
			for i, loss := range train(s, m, torch.CPU, len(want.Losses)) {
				assert.InEpsilon(t, want.Losses[i], loss, 1e-6, "step %d", i)
				worst = max(worst, abs(loss/want.Losses[i]-1))
			}
			t.Logf("losses differ by at most %.1e relative", worst)
			for _, n := range nn.NamedParameters(m) {
				norm := n.Tensor.ToDType(torch.Float64).Norm(2).Item()
				assert.InEpsilon(t, want.Norms[n.Name], norm, 1e-4, n.Name)
			}
			t.Logf("weight_hh: norm %.6f, PyTorch's %.6f", norm(m, "lstm.weight_hh_l0"), want.Norms["lstm.weight_hh_l0"])
		})
	}
}

func norm(m nn.Module, name string) float64 {
	for _, n := range nn.NamedParameters(m) {
		if n.Name == name {
			return n.Tensor.ToDType(torch.Float64).Norm(2).Item()
		}
	}
	return 0
}

func abs(x float64) float64 { return max(x, -x) }
