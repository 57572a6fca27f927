// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// runInPython has Python's onnx check the file with full shape inference, and
// Python's onnxruntime run it.
func runInPython(t *testing.T, path string, x *torch.Tensor) *torch.Tensor {
	t.Helper()
	in := filepath.Join(t.TempDir(), "x.json")
	text, err := json.Marshal(map[string]any{"shape": x.Shape(), "dtype": x.DType().String(), "data": x.Float64s()})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(in, text, 0o644))
	var out struct {
		Shape []int
		Data  []float64
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/check.py", "--run", in, path), &out))
	return torch.FromSlice(out.Data, out.Shape...).ToDType(torch.Float32)
}
