// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

// network is one of the product's networks with the names that its file has.
type network struct {
	name, input, output string
	in, out             int
	model               func() nn.Module
}

var networks = []network{
	{"emotion", "audio_features", "emotion_embedding", 128, 64, func() nn.Module { return models.NewEmotionRecognizer(torch.CPU) }},
	{"melody", "emotion_embedding", "midi_notes", 64, 128, func() nn.Module { return models.NewMelodyTransformer(torch.CPU) }},
}

// export writes the network, with seeded weights, and returns the path.
func (n network) export(t testing.TB, s onnx.Signature) (string, nn.Module, *onnx.Check) {
	t.Helper()
	torchtest.Need(t)
	torch.ManualSeed(42)
	model := n.model()
	s.Input, s.Output = n.input, n.output
	s.Example = torch.Randn([]int{4, n.in})
	path := filepath.Join(t.TempDir(), n.name+".onnx")
	check, err := onnx.Export(path, model, s)
	require.NoError(t, err)
	return path, model, check
}

// The product promises 1e-5. A float32 has 24 bits, so sums of 512
// products of numbers below 1 leave about 1e-6.
func TestNetworksAgreeWithONNXRuntime(t *testing.T) {
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			_, _, check := n.export(t, onnx.Signature{})
			assert.ElementsMatch(t, []int{1, 7, 64}, keys(check.MaxAbsDiff))
			assert.LessOrEqual(t, check.Max(), 1e-5)
			assert.Equal(t, "1.32.0", check.ONNXRuntime)
			t.Logf("largest differences: %v, example %.3g", check.MaxAbsDiff, check.Example)
		})
	}
}

func keys(m map[int]float64) []int {
	var ks []int
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}

func TestNetworkFile(t *testing.T) {
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			path, model, check := n.export(t, onnx.Signature{Metadata: map[string]string{"labels": `["valence","arousal"]`}})
			m, err := onnx.Inspect(path)
			require.NoError(t, err)
			assert.Equal(t, 17, m.Opset)
			assert.Equal(t, 8, m.IRVersion)
			assert.Equal(t, "etude", m.Producer)
			batch := onnx.Dim{Size: -1, Name: "batch_size"}
			assert.Equal(t, []onnx.Value{{Name: n.input, DType: "float32", Shape: []onnx.Dim{batch, {Size: n.in}}}}, m.Inputs)
			assert.Equal(t, []onnx.Value{{Name: n.output, DType: "float32", Shape: []onnx.Dim{batch, {Size: n.out}}}}, m.Outputs)

			assert.Equal(t, `["valence","arousal"]`, m.Metadata["labels"])
			var stored struct {
				MaxAbsDiff map[string]float64 `json:"max_abs_diff"`
			}
			require.NoError(t, json.Unmarshal([]byte(m.Metadata["etude.check"]), &stored))
			assert.Equal(t, check.MaxAbsDiff[64], stored.MaxAbsDiff["64"])
			assert.Equal(t, check.Example, stored.MaxAbsDiff["example"])

			// Linear layers keep PyTorch's names and elements.
			for key, v := range nn.StateDict(model).All() {
				i := slices.IndexFunc(m.Tensors, func(t onnx.Tensor) bool { return t.Name == key })
				if key.(string)[:2] != "fc" {
					assert.Equal(t, -1, i, key)
					continue
				}
				require.GreaterOrEqual(t, i, 0, key)
				assert.Equal(t, v.(*torch.Tensor).Shape(), m.Tensors[i].Shape, key)
				assert.Equal(t, v.(*torch.Tensor).Bytes(), m.Tensors[i].Data, key)
			}
			for _, name := range []string{"lstm.W", "lstm.R", "lstm.B"} {
				assert.True(t, slices.ContainsFunc(m.Tensors, func(t onnx.Tensor) bool { return t.Name == name }), name)
			}
			var ops []string
			for _, node := range m.Nodes {
				ops = append(ops, node.Op)
			}
			t.Log(ops)
			assert.NotContains(t, ops, "ConstantOfShape", "a zero initial state is left out")
		})
	}
}

// Python's onnx checks the file and infers its shapes, Python's onnxruntime runs
// it; its results are compared with libtorch's here.
func TestNetworksInPython(t *testing.T) {
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			path, model, _ := n.export(t, onnx.Signature{})
			for _, batch := range []int{1, 7, 64} {
				torch.Scope(func() {
					x := torch.Randn([]int{batch, n.in})
					want := model.Forward(x)
					have := runInPython(t, path, x)
					require.Equal(t, want.Shape(), have.Shape())
					assert.True(t, have.AllClose(want, 0, 1e-5), "batch %d", batch)
				})
			}
		})
	}
}
