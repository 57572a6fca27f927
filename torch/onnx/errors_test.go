// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// TestNetworksThatCannotBeExported: each is refused with an error that says what
// and why, and no file is left.
func TestNetworksThatCannotBeExported(t *testing.T) {
	torchtest.Need(t)
	type tensor = *torch.Tensor
	weight := torch.Randn([]int{6})
	for name, c := range map[string]struct {
		f    forward
		want []string
	}{
		"not in the table": {func(x tensor) tensor { return x.Cumsum(1) }, []string{"aten::cumsum", "cannot be exported", "lower.go"}},
		"another overload": {func(x tensor) tensor {
			return call1("aten::div.Tensor_mode", x, x, torch.Named{"rounding_mode": "floor"})
		}, []string{"aten::div.Tensor_mode", "it has aten::div.Scalar, aten::div.Tensor"}},
		"random":        {func(x tensor) tensor { return x.Add(torch.Rand([]int{6})) }, []string{"aten::rand"}},
		"dropout":       {func(x tensor) tensor { return torch.Dropout(x, 0.5, true) }, []string{"aten::dropout", "training mode"}},
		"reads a value": {func(x tensor) tensor { return x.MulScalar(x.Sum().Item()) }, []string{"aten::item", "reads a value"}},
		"control flow": {func(x tensor) tensor {
			if x.Size(0) > 4 {
				return x.Tanh()
			}
			return x.Relu()
		}, []string{"aten::tanh is call 1, not aten::relu", "batch size 5"}},
		"more calls": {func(x tensor) tensor {
			y := x
			for range x.Size(0) {
				y = y.Tanh()
			}
			return y
		}, []string{"operators", "batch size"}},
		"not affine":   {func(x tensor) tensor { return x.Add(torch.Zeros([]int{x.Size(0) * x.Size(0), 1}).Sum(0)) }, []string{"not a multiple of the batch size"}},
		"a number":     {func(x tensor) tensor { return x.MulScalar(1 / float64(x.Size(0))) }, []string{"aten::mul", "other", "depends on the batch size"}},
		"squeeze":      {func(x tensor) tensor { return x.Squeeze(0) }, []string{"aten::squeeze", "batch of one"}},
		"squeeze all":  {func(x tensor) tensor { return call1("aten::squeeze", x.Unsqueeze(0)) }, []string{"aten::squeeze", "batch of one"}},
		"unbind":       {func(x tensor) tensor { return torch.Call("aten::unbind.int", x, 0).Tensors()[0] }, []string{"aten::unbind"}},
		"parameter":    {func(x tensor) tensor { return x.Add(weight.MulScalarInPlace(1)) }, []string{"aten::mul_", "changes a parameter"}},
		"input":        {func(x tensor) tensor { return x.AddScalarInPlace(1) }, []string{"aten::add_", "changes the network's input"}},
		"through view": {func(x tensor) tensor { y := x.Neg(); y.Narrow(1, 0, 2).ZeroInPlace(); return y }, []string{"aten::zero_", "through a view"}},
		"view is old":  {func(x tensor) tensor { y := x.Neg(); v := y.T(); y.AddScalarInPlace(1); return v.T().Add(y) }, []string{"aten::add_", "through a view"}},
		"constant":     {func(x tensor) tensor { return weight.Tanh() }, []string{"does not depend on its input"}},
		"other data": {func(x tensor) tensor {
			return x.Add(torch.FromSlice([]float32{float32(x.Size(0)), 1, 2, 3, 4, 5}))
		}, []string{"another one in every call"}},
		"shape": {func(x tensor) tensor { return x.Matmul(x) }, []string{"batch of 3", "matmul"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Export(filepath.Join(dir, "x.onnx"), c.f, Signature{Example: torch.Randn([]int{3, 6})})
			for _, want := range append(c.want, "x.onnx") {
				assert.ErrorContains(t, err, want)
			}
			assertEmpty(t, dir)
		})
	}
}

func assertEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "no file is left")
}

func TestBadSignatures(t *testing.T) {
	torchtest.Need(t)
	x := torch.Randn([]int{3, 6})
	closed := torch.Ones([]int{1})
	closed.Close()
	for want, s := range map[string]Signature{
		"Example is missing":           {},
		"opset 12":                     {Example: x, Opset: 12},
		"opset 21":                     {Example: x, Opset: 21},
		"BatchAxis 2":                  {Example: x, BatchAxis: 2},
		"BatchAxis -1":                 {Example: x, BatchAxis: -1},
		"BatchAxis 0":                  {Example: torch.Scalar[float32](1)},
		"holds no element":             {Example: torch.Ones([]int{0, 6})},
		`both called "x"`:              {Example: x, Input: "x", Output: "x"},
		`metadata "k" must be UTF-8`:   {Example: x, Metadata: map[string]string{"k": "\xff"}},
		"must be UTF-8":                {Example: x, Output: "\xff"},
		`metadata "etude.check"`:       {Example: x, Metadata: map[string]string{"etude.check": ""}},
		"a tolerance of -1":            {Example: x, Tolerance: -1},
		"a tolerance of NaN":           {Example: x, Tolerance: math.NaN()},
		"used after it was closed":     {Example: closed},
		"ONNX has no elements of type": {Example: call1("aten::complex", x, x)},
	} {
		dir := t.TempDir()
		_, err := Export(filepath.Join(dir, "x.onnx"), forward(func(x *torch.Tensor) *torch.Tensor { return x.Neg() }), s)
		assert.ErrorContains(t, err, want)
		assertEmpty(t, dir)
	}
}

func TestLayerNormNeedsOpset17(t *testing.T) {
	torchtest.Need(t)
	f := forward(func(x *torch.Tensor) *torch.Tensor { return torch.LayerNorm(x, []int{6}, nil, nil, 1e-5) })
	_, err := Export(filepath.Join(t.TempDir(), "x.onnx"), f, Signature{Example: torch.Randn([]int{3, 6}), Opset: 16})
	assert.ErrorContains(t, err, "opset 16 has no layer normalisation")
}

// A file that exists stays as it was until a new one is whole and checked.
func TestToleranceKeepsTheOldFile(t *testing.T) {
	torchtest.Need(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "x.onnx")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o644))
	f := forward(func(x *torch.Tensor) *torch.Tensor { return x.Exp().Softmax(1).Log() })
	s := Signature{Example: torch.Randn([]int{3, 6}), Tolerance: 1e-30}
	_, err := Export(path, f, s)
	require.ErrorContains(t, err, "more than the 1e-30 allowed")
	assert.Regexp(t, "batch of [0-9]+", err.Error()) // the first that differs in a last bit: it depends on the processor
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "old", string(old))

	s.Tolerance = 0
	_, err = Export(path, f, s)
	require.NoError(t, err)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 1, "no temporary file is left")
	_, err = Inspect(path)
	assert.NoError(t, err)

	_, err = Export(filepath.Join(dir, "absent", "x.onnx"), f, s)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// A network that says something else each time fails the check.
func TestCheckFindsDifferences(t *testing.T) {
	torchtest.Need(t)
	calls := 0
	f := forward(func(x *torch.Tensor) *torch.Tensor {
		if calls++; calls > len(traceSizes) {
			return x.AddScalar(0.125) // once the traces are made
		}
		return x.AddScalar(0)
	})
	dir := t.TempDir()
	_, err := Export(filepath.Join(dir, "x.onnx"), f, Signature{Example: torch.Zeros([]int{2, 2})})
	assert.ErrorContains(t, err, "differ by 0.125")
	assertEmpty(t, dir)

	f = func(x *torch.Tensor) *torch.Tensor {
		if calls++; calls > 2*len(traceSizes)+1 {
			return x.MulScalar(math.NaN())
		}
		return x.MulScalar(1)
	}
	_, err = Export(filepath.Join(dir, "x.onnx"), f, Signature{Example: torch.Ones([]int{2, 2})})
	assert.ErrorContains(t, err, "differ by +Inf")
}

func TestNoNetwork(t *testing.T) {
	torchtest.Need(t)
	_, err := Export("x.onnx", nil, Signature{Example: torch.Ones([]int{1})})
	assert.ErrorContains(t, err, "the network is nil")
}
