// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/rtneural"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestExportRefuses(t *testing.T) {
	torchtest.Need(t)
	conv := func(c nn.ConvConfig) nn.Module { return nn.NewConv1d(3, 3, 3, torch.CPU, c) }
	front, lstm := nn.NewConstantPad1d([]int{2, 0}, 0), nn.NewLSTM(3, 3, torch.CPU)
	swapped := func(m nn.Module) nn.Module {
		return then(func(x *torch.Tensor) *torch.Tensor { return m.Forward(x.Transpose(1, 2)).Transpose(1, 2) }, m)
	}
	first := nn.RecurrentConfig{BatchFirst: true}
	batch, ones := linear(3, 3), torch.Ones([]int{1, 2, 3})
	broken := nn.NewLinear(3, 3, torch.CPU)
	torch.NoGrad(func() { broken.Weight.Narrow(0, 0, 1).MulScalarInPlace(math.NaN()) })
	for _, c := range []struct {
		layout  string
		network nn.Module
		want    string
	}{
		{"NLC", nn.NewLayerNorm([]int{3}, torch.CPU), "aten::layer_norm at "},
		{"NLC", nn.NewSequential(linear(3, 3), nn.GELU{}), "aten::gelu at "},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor { return torch.Cat([]*torch.Tensor{x, x}, -1) }), "aten::cat at errors_test.go:"},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor { return x.Add(batch.Forward(x)) }, batch), "aten::add at errors_test.go:"},
		{"LC", then(func(x *torch.Tensor) *torch.Tensor {
			y := batch.Forward(x)
			return torch.Linear(y, batch.Forward(y), nil)
		}, batch), "the network is not a chain: this takes"},
		{"LC", then(func(x *torch.Tensor) *torch.Tensor { return torch.Linear(x, x, nil) }), "its weights are computed"},
		{"LC", then(func(x *torch.Tensor) *torch.Tensor { return x.Unsqueeze(0).Unsqueeze(0) }), "adds a dimension to NLC"},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor { return x.Narrow(1, 0, 1).Squeeze(1) }), "can be cut off"},
		{"LC", then(func(x *torch.Tensor) *torch.Tensor { return x.Squeeze(0) }), "that was not added"},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor { return torch.Dropout(x, 0.5, true) }), "drops numbers in evaluation mode"},
		{"NLC", nn.Softmax{Dim: 1}, "aten::softmax"},
		{"NLC", nn.ELU{Alpha: 2}, "its alpha is 2"},
		{"NLC", nn.NewRNN(3, 3, torch.CPU, first), "aten::rnn_tanh"},
		{"NLC", nn.NewLSTM(3, 3, torch.CPU, nn.LSTMConfig{BatchFirst: true, Bidirectional: true}), "bidirectional"},
		{"NLC", nn.NewLSTM(3, 3, torch.CPU, nn.LSTMConfig{BatchFirst: true, Projection: 2}), "projection"},
		{"NLC", lstm, "must be LNC"},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor {
			y, _, _ := lstm.ForwardState(x.Transpose(0, 1), ones, torch.Zeros([]int{1, 2, 3}))
			return y
		}), "initial state"},
		{"NCL", conv(nn.ConvConfig{Stride: []int{2}}), "stride is 2"},
		{"NCL", conv(nn.ConvConfig{Same: true}), "not causal: pad 2 frames in front"},
		{"NCL", conv(nn.ConvConfig{Padding: []int{1}}), "not causal"},
		{"NCL", conv(nn.ConvConfig{Padding: []int{2}}), "between a convolution and its padding"},
		{"NCL", nn.NewSequential(conv(nn.ConvConfig{Padding: []int{2}}), nn.Tanh{}), "the last 2 frames must be cut off"},
		{"NCL", nn.NewSequential(front, nn.Tanh{}), "a convolution must follow"},
		{"NCL", nn.NewConstantPad1d([]int{1, 1}, 0), "in front of the frames"},
		{"NCL", nn.NewSequential(conv(nn.ConvConfig{}), front, conv(nn.ConvConfig{})), "Pad every convolution"},
		{"NCL", nn.NewSequential(conv(nn.ConvConfig{}), swapped(nn.NewGRU(3, 3, torch.CPU, first))), "Pad the convolution in front"},
		{"NLC", nn.NewConv1d(9, 3, 3, torch.CPU), "must be NCL"},
		{"NCL", linear(9, 3), "along dimension 2 of NCL"},
		{"NLC", broken, "its weights: json: unsupported value: NaN"},
		{"NLC", then(func(x *torch.Tensor) *torch.Tensor { return x }), "no layers"},
		{"NXC", linear(3, 3), `Signature.Layout is "NXC"`},
	} {
		shape := map[string][]int{"NCL": {2, 3, 9}, "LC": {9, 3}}[c.layout]
		if shape == nil {
			shape = []int{2, 9, 3}
		}
		_, _, err := export(t, c.network, rtneural.Signature{Example: torchtest.Ramp(1, shape...), Layout: c.layout})
		assert.ErrorContains(t, err, c.want)
	}
	_, _, err := export(t, linear(3, 3), rtneural.Signature{})
	assert.ErrorContains(t, err, "Example is nil")
	_, _, err = export(t, filled(nn.NewSequential(linear(3, 8), linear(8, 3))), rtneural.Signature{Example: torchtest.Ramp(1, 2, 3), Tolerance: 1e-12})
	assert.ErrorContains(t, err, "differ by") // float32 has eight digits
}

func TestOpenRefuses(t *testing.T) {
	const head = `{"in_shape": [null, null, 2], "layers": [`
	for text, want := range map[string]string{
		`{"layers": []}`: "in_shape does not end",
		`{"in_shape": [null, null, 4611686018427387905], "layers": []}`:                                        "in_shape does not end",
		head + `{"type": "conv3d", "shape": [1], "weights": []}]}`:                                             "layer 0 (conv3d): it has no known type",
		head + `{"type": "dense", "shape": [1], "weights": []}]}`:                                              "number 0 is missing",
		head + `{"type": "dense", "shape": [1], "weights": [[[1]]]}]}`:                                         "a list of length 1 where 2 is needed",
		head + `{"type": "dense", "shape": [1], "weights": [[[1], [1, 2]]]}]}`:                                 "a list of length 2 where 1 is needed",
		head + `{"type": "dense", "shape": [1], "weights": [[["a"], [1]]]}]}`:                                  "its weights number 0: json",
		head + `{"type": "activation", "activation": "swish", "shape": [2], "weights": []}]}`:                  `"swish" is not known`,
		head + `{"type": "activation", "activation": "tanh", "shape": [3], "weights": []}]}`:                   "takes 2 numbers and its shape says 3",
		head + `{"type": "conv1d", "shape": [1], "weights": []}]}`:                                             "kernel_size or dilation is missing",
		head + `{"type": "conv1d", "shape": [1], "kernel_size": [0], "dilation": [1], "weights": [[], [1]]}]}`: "kernel_size is 0",
		head + `{"type": "batchnorm", "shape": [2], "weights": [[1, 1], [1, 1]]}]}`:                            "epsilon is missing",
		head + `{"type": "prelu", "shape": [2], "weights": [[[1, 2, 3]]]}]}`:                                   "not one list of 1 or 2",
	} {
		path := filepath.Join(t.TempDir(), "model.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := rtneural.Open(path)
		assert.ErrorContains(t, err, want, text)
	}
	_, err := rtneural.Open("none.json")
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "rtneural: none.json: ")
}

func TestForwardRefusesAnotherLength(t *testing.T) {
	net := &rtneural.Network{In: 2}
	assert.PanicsWithError(t, "torch: rtneural.Network.Forward: [3]: a frame has 2 numbers", func() { net.Forward(make([]float64, 3)) })
}
