// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

// mixed has layers in different modes, and the same layer in two places.
type mixed struct {
	Embedding *nn.Embedding
	Drop      []*nn.Dropout
	Norm      *nn.LayerNorm
	First     *nn.Linear
	Again     *nn.Linear
	Inner     struct{ LSTM *nn.LSTM }
}

func newMixed(d torch.Device) *mixed {
	m := &mixed{
		Embedding: nn.NewEmbedding(10, 6, d),
		Drop:      []*nn.Dropout{nn.NewDropout(0.5), nn.NewDropout(0.5)},
		Norm:      nn.NewLayerNorm([]int{6}, d),
		First:     nn.NewLinear(6, 6, d),
	}
	m.Again = m.First
	m.Inner.LSTM = nn.NewLSTM(6, 4, d, nn.LSTMConfig{BatchFirst: true, Bidirectional: true})
	m.Drop[1].Training = false
	return m
}

// Forward maps indices [batch, steps] to [batch, 8].
func (m *mixed) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.Drop[0].Forward(m.Embedding.Forward(x))
	x = m.Again.Forward(m.Norm.Forward(m.First.Forward(x)).Relu())
	return m.Drop[1].Forward(m.Inner.LSTM.Forward(x)).Mean(1)
}

func TestExportKeepsModesAndSharesWeights(t *testing.T) {
	torchtest.Need(t)
	m := newMixed(torch.CPU)
	path := filepath.Join(t.TempDir(), "mixed.onnx")
	check, err := onnx.Export(path, m, onnx.Signature{Example: torch.FromSlice([]int64{1, 2, 3, 4, 5, 9}, 2, 3)})
	require.NoError(t, err)
	assert.LessOrEqual(t, check.Max(), 1e-5)
	assert.True(t, m.Drop[0].Training, "as before")
	assert.False(t, m.Drop[1].Training, "as before")
	assert.True(t, m.Inner.LSTM.Training, "as before")

	file, err := onnx.Inspect(path)
	require.NoError(t, err)
	count := map[string]int{}
	for _, w := range file.Tensors {
		count[w.Name]++
		assert.False(t, strings.HasPrefix(w.Name, "again"), "a shared weight is written once")
	}
	for _, name := range []string{"embedding.weight", "norm.weight", "norm.bias", "first.weight", "first.bias", "inner.lstm.W"} {
		assert.Equal(t, 1, count[name], name)
	}
}

// The network, its parameters and the example may be on an accelerator.
func TestExportFromAccelerator(t *testing.T) {
	device := torchtest.Accelerator(t)
	model := nn.NewSequential(nn.NewLinear(64, 32, device), nn.NewLayerNorm([]int{32}, device), nn.NewLinear(32, 8, device))
	path := filepath.Join(t.TempDir(), "there.onnx")
	check, err := onnx.Export(path, model, onnx.Signature{Example: torch.Randn([]int{2, 64}).To(device)})
	require.NoError(t, err)
	assert.LessOrEqual(t, check.Max(), 1e-5)
	sess, err := onnx.Open(path)
	require.NoError(t, err)
	defer sess.Close()
	x := torch.Randn([]int{5, 64}).To(device)
	out, err := sess.Run(t.Context(), onnx.Feeds{"input": x})
	require.NoError(t, err)
	assert.True(t, out["output"].AllClose(model.Forward(x).To(torch.CPU), 0, 1e-5))
}

func TestExportLeavesNoTensors(t *testing.T) {
	torchtest.Need(t)
	model := models.NewEmotionRecognizer(torch.CPU)
	s := onnx.Signature{Example: torch.Randn([]int{2, 128})}
	path := filepath.Join(t.TempDir(), "emotion.onnx")
	_, err := onnx.Export(path, model, s) // values that are made once are made now
	require.NoError(t, err)
	t.Run("", func(t *testing.T) {
		torchtest.NoLeaks(t)
		for range 3 {
			_, err := onnx.Export(path, model, s)
			require.NoError(t, err)
		}
		s.Tolerance = 1e-30
		_, err := onnx.Export(path, model, s)
		require.Error(t, err)
	})
}

// Equal networks make equal files, and networks may be exported side by side.
func TestExportIsRepeatable(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	x := torch.Randn([]int{2, 128})
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		torch.ManualSeed(7)
		model := models.NewEmotionRecognizer(torch.CPU)
		wg.Go(func() {
			_, err := onnx.Export(filepath.Join(dir, name), model, onnx.Signature{
				Example: x, SkipCheck: true, Metadata: map[string]string{"z": "1", "a": "2", "m": "3"},
			})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	first, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	for _, name := range []string{"b", "c"} {
		other, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, first, other)
	}
}

// The example's rows are used over and over, so one sample is enough.
func TestExampleOfOne(t *testing.T) {
	for _, n := range networks {
		torchtest.Need(t)
		check, err := onnx.Export(filepath.Join(t.TempDir(), "x.onnx"), n.model(), onnx.Signature{Example: torch.Zeros([]int{1, n.in})})
		require.NoError(t, err)
		assert.Len(t, check.MaxAbsDiff, 3)
	}
}

// function is a network without weights.
type function func(x *torch.Tensor) *torch.Tensor

func (f function) Forward(x *torch.Tensor) *torch.Tensor { return f(x) }

// A network may return a scalar; Python's onnxruntime returns the same.
func TestExportOfScalars(t *testing.T) {
	torchtest.Need(t)
	x := torch.Randn([]int{2, 3})
	for name, f := range map[string]function{
		"mean":    func(x *torch.Tensor) *torch.Tensor { return x.Mean() },
		"sum":     func(x *torch.Tensor) *torch.Tensor { return x.MulScalar(2).Sum() },
		"select":  func(x *torch.Tensor) *torch.Tensor { return x.Sum(0).Select(0, 1) },
		"squared": func(x *torch.Tensor) *torch.Tensor { m := x.Mean(); return m.Mul(m) },
	} {
		path := filepath.Join(t.TempDir(), name+".onnx")
		check, err := onnx.Export(path, f, onnx.Signature{Example: x})
		require.NoError(t, err, name)
		assert.Len(t, check.MaxAbsDiff, 3)
		s, err := onnx.Open(path)
		require.NoError(t, err, name)
		assert.Equal(t, "output float32 []", s.Outputs()[0].String())
		out, err := s.Run(t.Context(), onnx.Feeds{"input": x})
		require.NoError(t, err, name)
		assert.Empty(t, out["output"].Shape())
		assert.InDelta(t, f(x).Item(), out["output"].Item(), 1e-6, name)
		// In what order a sum is added up may depend on where its elements lie.
		assert.InDelta(t, runInPython(t, path, x).Item(), out["output"].Item(), 1e-6, name)
		slice, err := s.RunSlices(t.Context(), map[string][]float32{"input": x.Float32s()})
		require.NoError(t, err)
		require.Len(t, slice["output"], 1)
		assert.InDelta(t, out["output"].Item(), slice["output"][0], 1e-6, name)
		s.Close()
	}
}
