// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
)

func init() {
	onnx.RegisterLowering("aten::special_ndtr", onnx.Formula("(1 + Erf(self / Pow(2, 0.5))) / 2"))
	onnx.RegisterLowering("aten::arctan", onnx.Formula("Atan(self)"))
	onnx.RegisterLowering("aten::special_softmax", func(c *onnx.Call) ([]string, error) {
		if c.Arg("dtype") != nil {
			return nil, errors.New("dtype is not wanted here")
		}
		return c.Node("Softmax", c.Inputs("self"), map[string]any{"axis": c.Arg("dim")}, 1), nil
	})
	onnx.RegisterLowering("aten::hsplit.int", func(c *onnx.Call) ([]string, error) {
		shape, d := c.Tensor("self")
		n := c.Arg("sections").(int)
		if shape[0] != -1 || d != torch.Float32 || c.Opset() != 17 {
			return nil, fmt.Errorf("%v %v", shape, d)
		}
		sizes := make([]int64, n)
		for i := range sizes {
			sizes[i] = int64(shape[1] / n)
		}
		return c.Node("Split", append(c.Inputs("self"), c.Constant(torch.FromSlice(sizes))), map[string]any{"axis": 1}, n), nil
	})
	onnx.RegisterLowering("aten::block_diag", func(c *onnx.Call) ([]string, error) { return c.Inputs("tensors", "tensors"), nil })
	onnx.RegisterLowering("aten::i0", func(c *onnx.Call) ([]string, error) {
		return c.Node("Gelu", c.Inputs("self"), map[string]any{"approximate": 1i}, 1), nil
	})
	onnx.RegisterLowering("aten::erfinv", onnx.Formula("Sin(self)")) // which is wrong
	onnx.RegisterLowering("aten::lgamma", onnx.Formula("self % 2"))
}

// Operators that the caller registered are exported, compared with libtorch and checked by
// Python's onnx.
func TestRegisterLowering(t *testing.T) {
	torchtest.Need(t)
	x := torch.Rand([]int{3, 4})
	var runs []pythonRun
	var want []tensor
	dir := t.TempDir()
	networks := map[string]function{
		"formula":  func(x tensor) tensor { return torch.Call("aten::special_ndtr", x).Tensor() },
		"in place": func(x tensor) tensor { return torch.Call("aten::arctan_", x.MulScalar(2)).Tensor() },
		"node":     func(x tensor) tensor { return torch.Call("aten::special_softmax", x, -1).Tensor() },
		"list":     func(x tensor) tensor { y := torch.Call("aten::hsplit.int", x, 2).Tensors(); return y[0].Sub(y[1]) },
	}
	for name, f := range networks {
		path := filepath.Join(dir, name+".onnx")
		_, err := onnx.Export(path, f, onnx.Signature{Example: x})
		require.NoError(t, err, name)
		runs, want = append(runs, pythonRun{path, []tensor{x}}), append(want, f(x))
	}
	for i, out := range runAllInPython(t, runs...) {
		assert.True(t, out[0].AllClose(want[i], 1.3e-6, 1e-5), runs[i].path)
	}
	for want, f := range map[string]function{
		"register_test.go:": func(x tensor) tensor { return torch.Call("aten::special_softmax", x, 0, torch.Float64).Tensor() },
		"aten::block_diag: its lowering returns 2 names for 1 results": func(x tensor) tensor { return torch.Call("aten::block_diag", []tensor{x}).Tensor() },
		"aten::i0: the attribute approximate of Gelu is a complex128":  func(x tensor) tensor { return torch.Call("aten::i0", x).Tensor() },
		"differ by":                        func(x tensor) tensor { return torch.Call("aten::erfinv", x).Tensor() },
		`the formula "self % 2": self % 2`: func(x tensor) tensor { return torch.Call("aten::lgamma", x).Tensor() },
	} {
		_, err := onnx.Export(filepath.Join(dir, "x.onnx"), f, onnx.Signature{Example: x})
		assert.ErrorContains(t, err, want)
	}
	assert.Panics(t, func() { onnx.RegisterLowering("aten::i0", onnx.Formula("self")) }, "twice")
	assert.Panics(t, func() { onnx.RegisterLowering("aten::i1", nil) }, "nil")
	assert.Panics(t, func() { onnx.Formula("self +") }, "not an expression")
}
