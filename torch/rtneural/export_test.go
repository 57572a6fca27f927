// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/rtneural"
	"github.com/etude-ml/etude/torch/torchtest"
)

var rewrite = flag.Bool("rewrite", false, "write the networks of the golden file anew; testdata/run.cpp then adds RTNeural's results")

func TestMain(m *testing.M) { torchtest.Main(m) }

// function is a network that a function computes.
type function struct {
	Layers  []nn.Module
	forward func(x *torch.Tensor) *torch.Tensor
}

func (f *function) Forward(x *torch.Tensor) *torch.Tensor { return f.forward(x) }

func then(forward func(x *torch.Tensor) *torch.Tensor, layers ...nn.Module) nn.Module {
	return &function{layers, forward}
}

type example struct {
	name, layout string
	shape        []int
	network      func() nn.Module
	warmup       int
	reset        bool
}

func linear(in, out int) nn.Module { return nn.NewLinear(in, out, torch.CPU) }

// examples are exported here, and computed by RTNeural in testdata/run.cpp.
var examples = []example{
	{name: "dense", shape: []int{9, 5}, network: func() nn.Module {
		return nn.NewSequential(linear(5, 7), nn.Tanh{}, nn.NewLinear(7, 4, torch.CPU, nn.LinearConfig{NoBias: true}), nn.ReLU{}, &nn.Dropout{P: 0.5, Training: true},
			linear(4, 6), nn.Sigmoid{}, linear(6, 5), nn.DefaultELU(), nn.Tanh{}, linear(5, 3), nn.Softmax{Dim: -1})
	}},
	{name: "normed", shape: []int{9, 5}, network: func() nn.Module {
		plain := nn.DefaultBatchNorm()
		plain.Affine = false
		return nn.NewSequential(linear(5, 4), nn.NewBatchNorm1d(4, torch.CPU), nn.NewPReLU(4, torch.CPU), linear(4, 3), nn.NewBatchNorm1d(3, torch.CPU, plain), nn.NewPReLU(1, torch.CPU))
	}},
	{name: "lstm", shape: []int{2, 9, 3}, network: func() nn.Module {
		return nn.NewSequential(nn.NewLSTM(3, 5, torch.CPU, nn.LSTMConfig{BatchFirst: true, Layers: 2}), nn.Tanh{}, linear(5, 2))
	}},
	{name: "lstm without bias", shape: []int{9, 3}, layout: "LC", network: func() nn.Module {
		return nn.NewSequential(nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{NoBias: true}), linear(4, 2))
	}},
	{name: "lstm step", shape: []int{9, 3}, reset: true, network: func() nn.Module {
		lstm := nn.NewLSTM(3, 4, torch.CPU, nn.LSTMConfig{BatchFirst: true})
		return then(lstm.Step, lstm)
	}},
	{name: "gru", shape: []int{9, 2, 3}, layout: "LNC", network: func() nn.Module {
		return nn.NewSequential(nn.NewGRU(3, 5, torch.CPU, nn.RecurrentConfig{Layers: 2}), linear(5, 2))
	}},
	{name: "conv", shape: []int{2, 4, 12}, layout: "NCL", warmup: 8, network: func() nn.Module {
		return nn.NewSequential(nn.NewConv1d(4, 6, 3, torch.CPU, nn.ConvConfig{Dilation: []int{2}, Groups: 2}), nn.ReLU{}, nn.NewBatchNorm1d(6, torch.CPU),
			nn.NewConv1d(6, 2, 5, torch.CPU, nn.ConvConfig{NoBias: true}), nn.Tanh{})
	}},
	{name: "causal conv", shape: []int{2, 4, 12}, layout: "NCL", network: func() nn.Module {
		behind := nn.NewConv1d(6, 3, 3, torch.CPU, nn.ConvConfig{Padding: []int{2}})
		return nn.NewSequential(nn.NewConstantPad1d([]int{6, 0}, 0), nn.NewConv1d(4, 6, 4, torch.CPU, nn.ConvConfig{Dilation: []int{2}}), nn.ReLU{},
			then(func(x *torch.Tensor) *torch.Tensor { return behind.Forward(x).Narrow(2, 0, x.Size(2)) }, behind), nn.Sigmoid{})
	}},
	{name: "conv and gru", shape: []int{2, 12, 2}, network: func() nn.Module {
		conv := nn.NewSequential(nn.NewConstantPad1d([]int{2, 0}, 0), nn.NewConv1d(2, 3, 3, torch.CPU))
		return nn.NewSequential(then(func(x *torch.Tensor) *torch.Tensor { return conv.Forward(x.Transpose(1, 2)).Permute(0, 2, 1) }, conv),
			nn.NewGRU(3, 4, torch.CPU, nn.RecurrentConfig{BatchFirst: true}), linear(4, 1))
	}},
}

// filled gives a network's tensors numbers that do not depend on a generator.
func filled(model nn.Module) nn.Module {
	torch.NoGrad(func() {
		for i, n := range nn.NamedTensors(model) {
			if strings.HasSuffix(n.Name, "NumBatchesTracked") || n.Tensor.DType() != torch.Float32 {
				continue
			}
			r := torchtest.Ramp(i, n.Tensor.Shape()...)
			if strings.HasSuffix(n.Name, "running_var") {
				r = r.Abs().AddScalar(0.5)
			}
			n.Tensor.CopyInPlace(r)
		}
	})
	return model
}

func export(t *testing.T, model nn.Module, s rtneural.Signature) (string, *rtneural.Check, error) {
	path := filepath.Join(t.TempDir(), "model.json")
	check, err := rtneural.Export(path, model, s)
	if err != nil {
		assert.NoFileExists(t, path)
	}
	return path, check, err
}

// golden is an entry of networks.json.
type golden struct {
	Name    string          `json:"name"`
	Reset   bool            `json:"reset"`
	Network json.RawMessage `json:"network"`
	Input   [][]float64     `json:"input"`
	Output  [][]float64     `json:"output"`
}

// The files are compared with those that RTNeural read, and the loops of Network with what
// RTNeural computed in double precision. Export itself compares them with libtorch.
func TestRTNeural(t *testing.T) {
	torchtest.Need(t)
	const file = "testdata/networks.json"
	var want, have []golden
	torchtest.Golden(t, file, &want)
	torch.Scope(func() {
		for i, e := range examples {
			x := torchtest.Ramp(1, e.shape...)
			path, check, err := export(t, filled(e.network()), rtneural.Signature{Example: x, Layout: e.layout})
			require.NoError(t, err, e.name)
			t.Logf("%s: within %.1e of libtorch in %d frames", e.name, check.MaxAbsDiff, check.Frames)
			assert.Equal(t, e.warmup, check.Warmup, e.name)
			assert.Equal(t, e.reset, check.Reset, e.name)
			assert.Greater(t, check.Frames, 15)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			net, err := rtneural.Open(path)
			require.NoError(t, err)
			if *rewrite {
				g := golden{Name: e.name, Reset: e.reset, Network: text}
				for k := range 9 {
					g.Input = append(g.Input, torchtest.Ramp(k, net.In).Float64s())
				}
				have = append(have, g)
				continue
			}
			require.Equal(t, e.name, want[i].Name)
			assert.JSONEq(t, string(want[i].Network), string(text), e.name)
			for k, frame := range want[i].Input {
				if e.reset {
					net.Reset()
				}
				assert.InDeltaSlice(t, want[i].Output[k], net.Forward(frame), 1e-14, "%s, frame %d", e.name, k) // both in float64, sums in another order
			}
		}
	})
	if *rewrite {
		text, err := json.Marshal(have)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, text, 0o644))
	}
}
