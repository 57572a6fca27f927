// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

// weighty has weights of every kind: [batch, 8, 20] becomes [batch, 4].
type weighty struct {
	Conv     *nn.Conv
	Back     *nn.ConvTranspose
	Place    *torch.Tensor // is added, so it is no weight
	Wide     *nn.Linear    // of three dimensions
	Norm     *nn.LayerNorm
	LSTM     *nn.LSTM
	GRU      *nn.GRU
	Words    *nn.Embedding // multiplies and is looked up in
	Out      *nn.WeightNorm
	Few      *nn.Linear    // too small to be worth it
	constant *torch.Tensor `torch:"-"`
}

func newWeighty() *weighty {
	d, first := torch.CPU, nn.RecurrentConfig{BatchFirst: true, Bidirectional: true}
	torch.ManualSeed(3)
	w := &weighty{
		nn.NewConv1d(8, 16, 3, d), nn.NewConvTranspose1d(16, 8, 3, d), torch.Rand([]int{20, 8}), nn.NewLinear(8, 32, d),
		nn.NewLayerNorm([]int{32}, d), nn.NewLSTM(32, 16, d, first), nn.NewGRU(32, 16, d, first), nn.NewEmbedding(20, 32, d),
		nn.NewWeightNorm(nn.NewLinear(32, 16, d), 0), nn.NewLinear(16, 4, d), torch.Rand([]int{32, 32}),
	}
	torch.NoGrad(func() { w.Wide.Weight.Narrow(0, 3, 1).ZeroInPlace() }) // a row without a scale
	return w
}

func (w *weighty) Forward(x *torch.Tensor) *torch.Tensor {
	word := x.Select(1, 0).Argmax(1)
	x = w.Back.Forward(w.Conv.Forward(x)).Transpose(1, 2).Add(w.Place)
	x = w.GRU.Forward(w.LSTM.Forward(w.Norm.Forward(w.Wide.Forward(x)))).Select(1, -1).Matmul(w.constant)
	x = torch.Linear(x, w.Words.Weight, nil).Matmul(w.Words.Weight).Add(w.Words.Forward(word))
	return w.Few.Forward(w.Out.Forward(x).Tanh())
}

// Weights are rounded as numpy and ONNX Runtime round them, whatever layer has them, and what
// is no weight stays. Python's ONNX Runtime and ours compute the same from the file.
func TestWeights(t *testing.T) {
	torchtest.Need(t)
	model, x := newWeighty(), torchtest.Ramp(1, 5, 8, 20)
	want := map[string]int{ // the number of scales
		"conv.weight": 16, "back.weight": 16, "wide.weight": 32, "lstm.W": 128, "lstm.R": 128, "gru.W": 96, "gru.R": 96,
		"words.weight": 20, "constant_1": 16, // that of Out; the other constant is not of the state dict
	}
	for i, opset := range []int{13, 17, 21} {
		file := map[torch.DType]string{}
		size := map[torch.DType]int{}
		for _, d := range []torch.DType{torch.Float32, torch.Float16, torch.Int8} {
			file[d] = filepath.Join(t.TempDir(), d.String()+".onnx")
			check, err := onnx.Export(file[d], model, onnx.Signature{Example: x, Opset: opset, Weights: d})
			require.NoError(t, err)
			info, err := os.Stat(file[d])
			require.NoError(t, err)
			size[d] = int(info.Size())
			t.Logf("opset %d, %s: %d bytes, the largest difference is %.1e", opset, d, size[d], check.Max())
			sess, err := onnx.Open(file[d])
			require.NoError(t, err)
			defer sess.Close()
			if d == torch.Float32 {
				continue
			}
			assert.Equal(t, d.String(), sess.Metadata()["etude.weights"])
			assert.InDelta(t, size[torch.Float32], size[d]+check.Saved, 100, "but for the metadata")

			out, err := sess.Run(t.Context(), onnx.Feeds{"input": x})
			require.NoError(t, err)
			assert.True(t, out["output"].AllClose(runInPython(t, file[d], x), 0, 1e-6), "the same program, perhaps with other kernels")
			if i > 0 {
				continue // the weights do not depend on the opset
			}
			var have map[string]int
			require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/weights.py", file[torch.Float32], file[d]), &have))
			if d == torch.Float16 {
				assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(have)))
			} else {
				assert.Equal(t, want, have)
			}
		}
	}
}

func TestWeightsRefused(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "model.onnx")
	refused := func(says string, model nn.Module, s onnx.Signature) {
		t.Helper()
		s.Example = torch.Rand([]int{1, 32})
		_, err := onnx.Export(path, model, s)
		assert.ErrorContains(t, err, says)
		assert.NoFileExists(t, path)
	}
	fc := nn.NewLinear(32, 32, torch.CPU)
	refused("weights in int64: a file has them in float32, float16 or int8", fc, onnx.Signature{Weights: torch.Int64})
	refused(`metadata "etude.weights"`, fc, onnx.Signature{Metadata: map[string]string{"etude.weights": "int4"}})
	refused("no weight in it is smaller in int8", nn.NewLinear(32, 2, torch.CPU), onnx.Signature{Weights: torch.Int8})
	refused("with weights in int8: ONNX Runtime and libtorch", fc, onnx.Signature{Weights: torch.Int8, Tolerance: 1e-5})
	torch.NoGrad(func() { fc.Weight.Narrow(0, 0, 1).Narrow(1, 0, 1).FillInPlace(7e4) })
	refused("weight has the element 70000, and the weights of a file in float16 are numbers up to 65504", fc, onnx.Signature{Weights: torch.Float16})
}
