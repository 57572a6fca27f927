// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestLSTM exports LSTMs of every kind; Export compares each with libtorch at
// batch 1, 7 and 64, and Python's onnx checks the files.
func TestLSTM(t *testing.T) {
	torchtest.Need(t)
	torch.ManualSeed(2)
	dir := t.TempDir()
	var paths []string
	for _, layers := range []int{1, 3} {
		for _, bidirectional := range []bool{false, true} {
			for _, batchFirst := range []bool{false, true} {
				for _, noBias := range []bool{false, true} {
					l := nn.NewLSTM(6, 5, torch.CPU, nn.LSTMConfig{
						Layers: layers, Bidirectional: bidirectional, BatchFirst: batchFirst, NoBias: noBias, Dropout: 0.5,
					})
					s := Signature{Example: torch.Randn([]int{4, 3, 6}), BatchAxis: 1}
					if batchFirst {
						s.BatchAxis = 0
					}
					name := fmt.Sprintf("layers=%d bidirectional=%v batch_first=%v no_bias=%v", layers, bidirectional, batchFirst, noBias)
					path := filepath.Join(dir, name+".onnx")
					_, err := Export(path, l, s)
					require.NoError(t, err, name)
					assert.True(t, l.Training, "the layer is back in training mode")
					paths = append(paths, path)

					m, err := Inspect(path)
					require.NoError(t, err)
					nodes := 0
					for _, n := range m.Nodes {
						if n.Op == "LSTM" {
							nodes++
							assert.LessOrEqual(t, len(n.Inputs), 4, "%s: a zero initial state is left out", name)
						}
						assert.NotEqual(t, "ConstantOfShape", n.Op, name)
					}
					assert.Equal(t, layers, nodes, name)
				}
			}
		}
	}
	torchtest.RunPython(t, "testdata/check.py", paths...)
}

// An initial state that is not zero is fed, layer by layer; the last state is
// returned.
func TestLSTMState(t *testing.T) {
	torchtest.Need(t)
	torch.ManualSeed(3)
	for _, layers := range []int{1, 2} {
		for _, bidirectional := range []bool{false, true} {
			directions := 1
			if bidirectional {
				directions = 2
			}
			o := torch.LSTMOptions{Bias: true, BatchFirst: true, Bidirectional: bidirectional}
			fromInput := forward(func(x *torch.Tensor) *torch.Tensor {
				h0 := x.Select(1, 0).Narrow(1, 0, 5).Unsqueeze(0).Expand(layers*directions, x.Size(0), 5).Tanh()
				_, h, c := lstmFrom(x, h0, 6, 5, layers, o)
				return torch.Cat([]*torch.Tensor{h, c}, 2)
			})
			check, err := Export(filepath.Join(t.TempDir(), "state.onnx"), fromInput, Signature{Example: torch.Randn([]int{2, 3, 6})})
			require.NoError(t, err)
			assert.LessOrEqual(t, check.Max(), 1e-5)
		}
	}
}

type recurrent struct{ RNN *nn.LSTM }

func (r *recurrent) Forward(x *torch.Tensor) *torch.Tensor { return r.RNN.Forward(x) }

// The weights of several layers have names of their own.
func TestLSTMNames(t *testing.T) {
	torchtest.Need(t)
	l := &recurrent{nn.NewLSTM(2, 3, torch.CPU, nn.LSTMConfig{Layers: 2})}
	path := filepath.Join(t.TempDir(), "names.onnx")
	_, err := Export(path, l, Signature{Example: torch.Ones([]int{1, 2, 2}), BatchAxis: 1})
	require.NoError(t, err)
	m, err := Inspect(path)
	require.NoError(t, err)
	var names []string
	shapes := map[string][]int{}
	for _, w := range m.Tensors {
		if len(w.Shape) > 1 {
			names = append(names, w.Name)
			shapes[w.Name] = w.Shape
		}
	}
	slices.Sort(names)
	assert.Equal(t, []string{"rnn.B_l0", "rnn.B_l1", "rnn.R_l0", "rnn.R_l1", "rnn.W_l0", "rnn.W_l1"}, names)
	assert.Equal(t, []int{1, 12, 2}, shapes["rnn.W_l0"])
	assert.Equal(t, []int{1, 12, 3}, shapes["rnn.W_l1"])
	assert.Equal(t, []int{1, 24}, shapes["rnn.B_l1"])
}

type twice struct{ RNN *nn.LSTM }

func (r *twice) Forward(x *torch.Tensor) *torch.Tensor { return r.RNN.Forward(r.RNN.Forward(x)) }

// A layer that is called twice has its weights in the file once.
func TestLSTMTwice(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "twice.onnx")
	_, err := Export(path, &twice{nn.NewLSTM(3, 3, torch.CPU)}, Signature{Example: torch.Ones([]int{2, 1, 3}), BatchAxis: 1})
	require.NoError(t, err)
	m, err := Inspect(path)
	require.NoError(t, err)
	var names []string
	for _, w := range m.Tensors {
		names = append(names, w.Name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"list_1", "rnn.B", "rnn.R", "rnn.W"}, names)
}
