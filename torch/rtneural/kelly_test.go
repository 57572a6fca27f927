// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural_test

import (
	"encoding/json"
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

// PyTorch's own layers, filled from the file, compute what the network does. Export itself
// reads the file again and compares it with libtorch.
func TestKelly(t *testing.T) {
	torchtest.Need(t)
	torchtest.Python(t)
	torch.Scope(func() {
		lstm := nn.NewLSTM(7, 4, torch.CPU, nn.LSTMConfig{BatchFirst: true})
		network := filled(nn.NewSequential(linear(5, 7), nn.ReLU{}, then(lstm.Step, lstm), nn.Tanh{}, linear(4, 6), nn.Sigmoid{},
			nn.NewLinear(6, 5, torch.CPU, nn.LinearConfig{NoBias: true}), linear(5, 3), nn.Softmax{Dim: -1}))
		x := torchtest.Ramp(1, 9, 5)
		path, check, err := export(t, network, rtneural.Signature{Example: x, Dialect: rtneural.Kelly, Metadata: map[string]string{"model_name": "Net"}})
		require.NoError(t, err)
		assert.True(t, check.Reset)
		assert.Greater(t, check.Frames, 15)

		frame, err := json.Marshal(x.Select(0, 3).Float32s())
		require.NoError(t, err)
		var python []float64
		require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/kelly.py", path, string(frame)), &python))
		want := network.Forward(x).Select(0, 3).Float64s()
		require.Len(t, python, len(want))
		assert.InDeltaSlice(t, want, python, 1e-6) // sums of 7 numbers below 1 in float32

		net, err := rtneural.Open(path)
		require.NoError(t, err)
		assert.Equal(t, "Net", net.Metadata["model_name"])
		assert.InDeltaSlice(t, want, net.Forward(x.Select(0, 3).Float64s()), 1e-6)

		_, _, err = export(t, nn.NewSequential(linear(5, 3), nn.NewPReLU(1, torch.CPU)), rtneural.Signature{Example: x, Dialect: rtneural.Kelly})
		assert.ErrorContains(t, err, "layer 1 (prelu) is not in the dialect kelly, which has dense and lstm layers")
		_, _, err = export(t, linear(5, 3), rtneural.Signature{Example: x, Dialect: "keras"})
		assert.ErrorContains(t, err, `Signature.Dialect is "keras"`)
	})
	for text, want := range map[string]string{
		`{"input_size": 2, "layers": [{"type": "dense", "in_size": 2, "out_size": 1, "weights": [[1]], "bias": []}]}`:                                "length 1 where 2 is needed",
		`{"input_size": 2, "layers": [{"type": "dense", "in_size": 2, "out_size": 2, "weights": [[1, 2], [1]], "bias": []}]}`:                        "rows of 2 and of 1 numbers",
		`{"input_size": 2, "layers": [{"type": "dense", "in_size": 2, "out_size": 1, "weights_ih": [[[1, 2]]]}]}`:                                    "list of length 0 where 2 is needed",
		`{"input_size": 1, "layers": [{"type": "lstm", "in_size": 1, "out_size": 1, "weights_ih": [[[1]]], "bias_ih": [[1]], "bias_hh": [[1, 2]]}]}`: "biases have 1 and 2 numbers",
		`{"input_size": 1, "layers": [{"type": "gelu", "in_size": 1, "out_size": 1}]}`:                                                               `"gelu" is not known`,
	} {
		path := filepath.Join(t.TempDir(), "model.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := rtneural.Open(path)
		assert.ErrorContains(t, err, want, text)
	}
}
