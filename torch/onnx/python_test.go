// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// pythonRun is a file and its inputs.
type pythonRun struct {
	path   string
	inputs []*torch.Tensor
}

// runInPython has Python's onnx check the file with full shape inference, and
// Python's onnxruntime run it. It returns the first output.
func runInPython(t *testing.T, path string, x *torch.Tensor) *torch.Tensor {
	t.Helper()
	return runAllInPython(t, pythonRun{path, []*torch.Tensor{x}})[0][0]
}

// runAllInPython does the same with several files and returns all outputs of each.
func runAllInPython(t *testing.T, runs ...pythonRun) (outputs [][]*torch.Tensor) {
	t.Helper()
	dir, args := t.TempDir(), []string{"--run"}
	for i, r := range runs {
		var in []map[string]any
		for _, x := range r.inputs {
			var data []string // because JSON has no infinities
			for _, v := range x.Float64s() {
				data = append(data, fmt.Sprint(v))
			}
			in = append(in, map[string]any{"shape": x.Shape(), "dtype": x.DType().String(), "data": data})
		}
		text, err := json.Marshal(in)
		require.NoError(t, err)
		file := filepath.Join(dir, fmt.Sprint(i, ".json"))
		require.NoError(t, os.WriteFile(file, text, 0o644))
		args = append(args, file, r.path)
	}
	var out [][]struct {
		Shape []int
		Data  []float64
	}
	require.NoError(t, json.Unmarshal(torchtest.RunPython(t, "testdata/check.py", args...), &out))
	for _, ys := range out {
		outputs = append(outputs, nil)
		for _, y := range ys {
			outputs[len(outputs)-1] = append(outputs[len(outputs)-1], torch.FromSlice(y.Data, y.Shape...).ToDType(torch.Float32))
		}
	}
	return outputs
}
