// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Operators that the caller registered are exported, compared with libtorch in ONNX Runtime
// and checked by Python's onnx.
func TestRegisterLowering(t *testing.T) {
	torchtest.Need(t)
	before := maps.Clone(registered.rows)
	defer func() { registered.rows = before }() // other tests export these operators as the table says
	RegisterLowering("aten::special_ndtr", Formula("(1 + Erf(self / Pow(2, 0.5))) / 2"))
	RegisterLowering("aten::arctan", Formula("Atan(self)"))
	RegisterLowering("aten::special_softmax", func(c *Call) ([]string, error) {
		if c.Arg("dtype") != nil {
			return nil, errors.New("dtype is not wanted here")
		}
		return c.Node("Softmax", c.Inputs("self"), map[string]any{"axis": c.Arg("dim")}, 1), nil
	})
	RegisterLowering("aten::hsplit.int", func(c *Call) ([]string, error) {
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
	RegisterLowering("aten::block_diag", func(c *Call) ([]string, error) { return c.Inputs("tensors", "tensors"), nil })
	RegisterLowering("aten::i0", func(c *Call) ([]string, error) {
		return c.Node("Gelu", c.Inputs("self"), map[string]any{"approximate": 1i}, 1), nil
	})
	RegisterLowering("aten::special_i0e", func(c *Call) ([]string, error) { return c.Inputs("slef"), nil })
	RegisterLowering("aten::digamma", func(*Call) ([]string, error) { return []string{""}, nil })
	RegisterLowering("aten::erfinv", Formula("Sin(self)")) // which is wrong
	RegisterLowering("aten::lgamma", Formula("self % 2"))
	type tensor = *torch.Tensor
	x := torch.Rand([]int{3, 4})
	dir := t.TempDir()
	var paths []string
	for name, f := range map[string]forward{
		"formula":  func(x tensor) tensor { return call1("aten::special_ndtr", x) },
		"in place": func(x tensor) tensor { return call1("aten::arctan_", x.MulScalar(2)) },
		"node":     func(x tensor) tensor { return call1("aten::special_softmax", x, -1) },
		"list":     func(x tensor) tensor { y := torch.Call("aten::hsplit.int", x, 2).Tensors(); return y[0].Sub(y[1]) },
	} {
		paths = append(paths, filepath.Join(dir, name+".onnx"))
		_, err := Export(paths[len(paths)-1], f, Signature{Example: x})
		require.NoError(t, err, name)
	}
	torchtest.RunPython(t, "testdata/check.py", paths...)
	for want, f := range map[string]forward{
		"dtype is not wanted here":                                     func(x tensor) tensor { return call1("aten::special_softmax", x, 0, torch.Float64) },
		"aten::block_diag: its lowering returns 2 names for 1 results": func(x tensor) tensor { return call1("aten::block_diag", []tensor{x}) },
		"aten::i0: the attribute approximate of Gelu is a complex128":  func(x tensor) tensor { return call1("aten::i0", x) },
		`aten::special_i0e has no argument "slef"`:                     func(x tensor) tensor { return call1("aten::special_i0e", x) },
		"aten::digamma: result 0 cannot be exported":                   func(x tensor) tensor { return call1("aten::digamma", x) },
		"differ by":                        func(x tensor) tensor { return call1("aten::erfinv", x) },
		`the formula "self % 2": self % 2`: func(x tensor) tensor { return call1("aten::lgamma", x) },
	} {
		_, err := Export(filepath.Join(dir, "x.onnx"), f, Signature{Example: x})
		assert.ErrorContains(t, err, want)
	}
	assert.Panics(t, func() { RegisterLowering("aten::i0", Formula("self")) }, "twice")
	assert.Panics(t, func() { RegisterLowering("aten::i1", nil) }, "nil")
	assert.Panics(t, func() { Formula("self +") }, "not an expression")
}
