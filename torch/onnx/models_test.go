// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/torch/torchtest"
)

// runAsPython runs the models that run_models.py has run, with the same inputs. Both
// use ONNX Runtime of the same version on this machine, so the bits must be the
// same. It returns the models that Python ran, and those that it could not.
func runAsPython(t *testing.T, args ...string) (dir string, ran, refused []string) {
	t.Helper()
	torchtest.Need(t)
	needRuntime(t)
	dir = t.TempDir()
	torchtest.RunPython(t, "testdata/run_models.py", append([]string{dir}, args...)...)
	paths, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	require.NoError(t, err)
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		v, err := pt.Load(strings.TrimSuffix(path, ".onnx") + ".pt")
		require.NoError(t, err)
		python := v.(*torch.Dict)
		feeds := onnx.Feeds{}
		given, _ := python.Get("feeds")
		for input, x := range given.(*torch.Dict).All() {
			feeds[input.(string)] = x.(*torch.Tensor)
		}
		have, err := func() (map[string]*torch.Tensor, error) {
			s, err := onnx.Open(path)
			if err != nil {
				return nil, err
			}
			defer s.Close()
			return s.Run(t.Context(), feeds)
		}()
		if reason, failed := python.Get("error"); failed {
			refused = append(refused, name)
			assert.Error(t, err, "%s: Python says %s", name, reason)
			continue
		}
		ran = append(ran, name)
		if !assert.NoError(t, err, name) {
			continue
		}
		outputs, _ := python.Get("outputs")
		assert.Len(t, have, outputs.(*torch.Dict).Len(), name)
		for output, x := range outputs.(*torch.Dict).All() {
			want, got := x.(*torch.Tensor), have[output.(string)]
			require.NotNil(t, got, "%s: %s", name, output)
			assert.Equal(t, want.DType(), got.DType(), "%s: %s", name, output)
			assert.Equal(t, want.Shape(), got.Shape(), "%s: %s", name, output)
			assert.Equal(t, want.Bytes(), got.Bytes(), "%s: %s", name, output)
		}
	}
	return dir, ran, refused
}

// Models with inputs and outputs of every type, scalars, without elements, of unknown
// rank, and with one name for different sizes, run as in Python.
func TestRunsAsPython(t *testing.T) {
	dir, ran, refused := runAsPython(t)
	assert.Greater(t, len(ran), 130)
	assert.Equal(t, []string{"cannot_broadcast"}, refused)
	t.Run("slices", func(t *testing.T) { runSlices(t, dir) })

	// In one session, what was a scalar need not stay one.
	s, err := onnx.Open(filepath.Join(dir, "float32_any_.onnx"))
	require.NoError(t, err)
	defer s.Close()
	for _, shape := range [][]int{{4}, {}, {2, 3}, {}, {}, {0}} {
		x := torch.Randn(shape)
		out, err := s.Run(t.Context(), onnx.Feeds{"x": x})
		require.NoError(t, err, shape)
		assert.Equal(t, shape, out["y"].Shape())
		assert.Equal(t, x.Bytes(), out["y"].Bytes())
	}
}

// The files that users had trouble with run as in Python, too.
func TestRunsRegressions(t *testing.T) {
	folder := filepath.Join(torchtest.SharedData(t), "regressions", "onnx")
	if _, err := os.Stat(folder); err != nil {
		t.Skip(err)
	}
	_, ran, refused := runAsPython(t, folder)
	assert.Empty(t, refused)
	assert.Len(t, ran, 18)
}

// runSlices runs some of the models without libtorch: scalars and inputs without
// elements are slices of one and of no element.
func runSlices(t *testing.T, dir string) {
	for name, c := range map[string]struct{ in, out []float32 }{
		"float32_scalar":       {[]float32{2.5}, []float32{2.5}},
		"float32_sum":          {[]float32{1, 2, 3, 4, 5, 6}, []float32{21}},
		"float32_empty":        {[]float32{}, []float32{}},
		"float32_always_empty": {nil, []float32{}},
	} {
		s, err := onnx.Open(filepath.Join(dir, name+".onnx"))
		require.NoError(t, err)
		out, err := s.RunSlices(t.Context(), map[string][]float32{"x": c.in})
		require.NoError(t, err, name)
		assert.Equal(t, c.out, out["y"], name)
		s.Close()
	}
	s, err := onnx.Open(filepath.Join(dir, "float32_any_.onnx"))
	require.NoError(t, err)
	defer s.Close()
	assert.Equal(t, "x float32 of any shape", s.Inputs()[0].String())
	_, err = s.RunSlices(t.Context(), map[string][]float32{"x": {1}})
	assert.ErrorContains(t, err, "do not say which shape they have")
}
