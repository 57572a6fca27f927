// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

type arrays = map[string]onnx.Array

// What a bound run writes is what Run returns, bit for bit, each time for what the inputs
// hold then.
func TestBind(t *testing.T) {
	torchtest.Need(t)
	s := openGolden(t, "two.onnx")
	x, i := []float32{0, 0, -20, 20, 1, 2}, []int64{0, 1, 0}
	y, positive := make([]float32, 6), make([]bool, 6)
	b, err := s.Bind(arrays{"x": onnx.ArrayOf(x), "i": onnx.ArrayOf(i, 3)}, arrays{"y": onnx.ArrayOf(y, -1, 2), "positive": onnx.ArrayOf(positive)})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	seen := map[float32]bool{}
	for k := range 5 {
		x[1], i[2] = float32(k), int64(k%2)
		require.NoError(t, b.Run(t.Context()))
		torch.Scope(func() {
			out, err := s.Run(t.Context(), onnx.Feeds{"x": torch.FromSlice(x, 3, 2), "i": torch.FromSlice(i)})
			require.NoError(t, err)
			assert.Equal(t, out["y"].Float32s(), y)
			assert.Equal(t, torch.ToSlice[bool](out["positive"]), positive)
		})
		seen[y[1]] = true
	}
	assert.Len(t, seen, 5)
	// Two a value and two a run, all of a few words, in the wrapper of ONNX Runtime.
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = b.Run(context.Background()) }), 10.0)

	b.Close()
	b.Close() // does nothing
	assert.ErrorIs(t, b.Run(t.Context()), onnx.ErrClosed)
	b, err = s.Bind(arrays{"x": onnx.ArrayOf(x), "i": onnx.ArrayOf(i)}, arrays{"y": onnx.ArrayOf(y), "positive": onnx.ArrayOf(positive)})
	require.NoError(t, err)
	s.Close()
	assert.ErrorIs(t, b.Run(t.Context()), onnx.ErrClosed)
	b.Close()
}

// A bound LSTM that takes a sequence step by step, and its states along, computes what it
// computes of the whole; to rounding, because ONNX Runtime multiplies other shapes.
func TestBindStates(t *testing.T) {
	torchtest.Need(t)
	needRuntime(t)
	const steps, in, hidden = 7, 3, 4
	torch.ManualSeed(3)
	lstm := nn.NewLSTM(in, hidden, torch.CPU)
	state := func(name string) onnx.Input {
		return onnx.Input{Name: name, Example: torch.Randn([]int{1, 2, hidden}), Axes: map[int]string{1: "batch"}}
	}
	path := filepath.Join(t.TempDir(), "lstm.onnx")
	_, err := onnx.ExportFunc(path, lstm, func(in []tensor) []tensor {
		y, h, c := lstm.ForwardState(in[0], in[1], in[2])
		return []tensor{y, h, c}
	}, onnx.Signature{Outputs: []string{"y", "h", "c"}, Inputs: []onnx.Input{
		{Name: "x", Example: torch.Randn([]int{4, 2, in}), Axes: map[int]string{0: "time", 1: "batch"}}, state("h0"), state("c0"),
	}})
	require.NoError(t, err)
	s, err := onnx.Open(path)
	require.NoError(t, err)
	defer s.Close()

	x, h0, c0 := make([]float32, in), make([]float32, hidden), make([]float32, hidden)
	y, h, c := make([]float32, hidden), make([]float32, hidden), make([]float32, hidden)
	_, err = s.Bind(arrays{"x": onnx.ArrayOf(x), "h0": onnx.ArrayOf(h0), "c0": onnx.ArrayOf(c0)}, arrays{"y": onnx.ArrayOf(y), "h": onnx.ArrayOf(h), "c": onnx.ArrayOf(c)})
	assert.ErrorContains(t, err, "x float32 [time batch 3] has several free dimensions: give a shape")
	b, err := s.Bind(arrays{"x": onnx.ArrayOf(x, 1, 1, in), "h0": onnx.ArrayOf(h0), "c0": onnx.ArrayOf(c0)},
		arrays{"y": onnx.ArrayOf(y, 1, 1, hidden), "h": onnx.ArrayOf(h), "c": onnx.ArrayOf(c)})
	require.NoError(t, err)
	defer b.Close()
	whole := torch.Randn([]int{steps, 1, in})
	out, err := s.Run(t.Context(), onnx.Feeds{"x": whole, "h0": torch.Zeros([]int{1, 1, hidden}), "c0": torch.Zeros([]int{1, 1, hidden})})
	require.NoError(t, err)
	for step := range steps {
		copy(x, whole.Float32s()[step*in:])
		require.NoError(t, b.Run(t.Context()))
		copy(h0, h)
		copy(c0, c)
		assert.InDeltaSlice(t, out["y"].Float32s()[step*hidden:(step+1)*hidden], y, 1e-6)
	}
	assert.InDeltaSlice(t, out["c"].Float32s(), c, 1e-6)
}

func TestBindRefuses(t *testing.T) {
	needRuntime(t)
	s := openGolden(t, "golden.onnx")
	memory := make([]float32, 16)
	x, y := onnx.ArrayOf(memory[:4]), onnx.ArrayOf(memory[4:10])
	for want, c := range map[string][2]arrays{
		`input "x" is missing; the model wants x float32 [n 2]`:    {{}, {"y": y}},
		`there is no output "z"; the model wants y float32 [n 3]`:  {{"x": x}, {"y": y, "z": y}},
		`output "y": given float64 [2 3]; the model wants y`:       {{"x": x}, {"y": onnx.ArrayOf(make([]float64, 6))}},
		"y float32 [n 3]: 5 elements do not fill the shape [-1 3]": {{"x": x}, {"y": onnx.ArrayOf(memory[4:9])}},
		"x float32 [n 2]: 4 elements do not fill the shape [3 2]":  {{"x": onnx.ArrayOf(memory[:4], 3, 2)}, {"y": y}},
		`input "x": given float32 [4]; the model wants`:            {{"x": onnx.ArrayOf(memory[:4], 4)}, {"y": y}},
		`output "y" shares memory with another array, so a run`:    {{"x": x}, {"y": onnx.ArrayOf(memory[3:9])}},
	} {
		_, err := s.Bind(c[0], c[1])
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "golden.onnx")
	}
	b, err := s.Bind(arrays{"x": x}, arrays{"y": onnx.ArrayOf(memory[4:13])})
	require.NoError(t, err)
	defer b.Close()
	assert.ErrorContains(t, b.Run(t.Context()), "golden.onnx: Error running network: ")
	assert.ErrorContains(t, b.Run(t.Context()), "{2,3}", "the shape that comes out")
	assert.Equal(t, make([]float32, 16), memory, "nothing was written")
}

// A run that would take minutes ends when its context does, with its cause, and the session
// stays usable.
func TestRunIsCancelled(t *testing.T) {
	torchtest.Need(t)
	needRuntime(t)
	const width, depth, rows = 1024, 64, 1 << 14 // about two seconds a product on one core
	w := torch.Randn([]int{width, width}).MulScalar(1.0 / 32)
	chain := func(in []tensor) []tensor {
		for range depth {
			in = []tensor{in[0].Matmul(w).Tanh()}
		}
		return in
	}
	path := filepath.Join(t.TempDir(), "chain.onnx")
	_, err := onnx.ExportFunc(path, nil, chain, onnx.Signature{
		Inputs:  []onnx.Input{{Name: "x", Example: torch.Randn([]int{2, width}), Axes: map[int]string{0: "rows"}}},
		Outputs: []string{"y"}, SkipCheck: true,
	})
	require.NoError(t, err)
	s, err := onnx.Open(path)
	require.NoError(t, err)
	defer s.Close()
	long, x := make([]float32, rows*width), torch.Ones([]int{rows, width})
	b, err := s.Bind(arrays{"x": onnx.ArrayOf(long)}, arrays{"y": onnx.ArrayOf(make([]float32, rows*width))})
	require.NoError(t, err)
	defer b.Close()
	before, cause := torch.Live().Tensors, errors.New("the song was changed")
	for name, run := range map[string]func(context.Context) error{
		"Run": func(ctx context.Context) error { _, err := s.Run(ctx, onnx.Feeds{"x": x}); return err },
		"RunSlices": func(ctx context.Context) error {
			_, err := s.RunSlices(ctx, map[string][]float32{"x": long})
			return err
		},
		"Binding.Run": b.Run,
		"WarmUp":      func(ctx context.Context) error { return s.WarmUp(ctx, rows) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		assert.ErrorIs(t, run(ctx), cause, name)
		assert.False(t, timer.Stop(), "%s: it was cancelled at work", name)
		assert.ErrorIs(t, run(ctx), cause, "%s: before it began", name)
	}
	assert.LessOrEqual(t, torch.Live().Tensors, before)

	for size, text := range map[int]string{
		0: "the size is 0; it must be at least 1", -3: "the size is -3", 1 << 28: "with free dimensions of 268435456, the input x", math.MaxInt: "give the size of a usual run",
	} {
		assert.ErrorContains(t, s.WarmUp(t.Context(), size), text)
	}
	require.NoError(t, s.WarmUp(t.Context(), 3))
	out, err := s.RunSlices(t.Context(), map[string][]float32{"x": long[:width]})
	require.NoError(t, err)
	assert.Equal(t, make([]float32, width), out["y"], "tanh(0·w) is 0")
}
