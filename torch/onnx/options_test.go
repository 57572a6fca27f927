// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/onnx"
)

func listed(names ...string) (o onnx.SessionOptions) {
	for _, name := range names {
		o.Providers = append(o.Providers, onnx.Provider{Name: name})
	}
	return o
}

// Without a GPU, CUDA and TensorRT are refused, or the CPU takes their place, and the session
// says so.
func TestProviders(t *testing.T) {
	needRuntime(t)
	const path = "testdata/golden.onnx"
	for _, o := range []onnx.SessionOptions{{}, listed("CPU"), listed("cpu"), listed("CPUExecutionProvider"), {Threads: 2, InterOpThreads: 2, Spinning: true}} {
		s, err := onnx.Open(path, o)
		require.NoError(t, err)
		assert.Equal(t, []onnx.ProviderUse{{Name: "CPUExecutionProvider"}}, s.Providers())
		out, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 0}})
		require.NoError(t, err)
		assert.Equal(t, []float32{1.5, 2, 2.5}, out["y"])
		s.Close()
	}
	for want, o := range map[string]onnx.SessionOptions{
		`there is no execution provider "GPU"; want CPU, CUDA or TensorRT`: listed("GPU", "CPU"),
		"the execution provider cuda is listed twice":                      listed("CUDA", "cuda", "CPU"),
		"nothing is left for CUDA after it: put CPU at the end of the":     listed("CPU", "CUDA"),
		"the execution provider CPU has no options":                        {Providers: []onnx.Provider{{Name: "CPU", Options: map[string]string{"threads": "2"}}}},
	} {
		_, err := onnx.Open(path, o)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, path)
	}

	if s, err := onnx.Open(path, listed("CUDA")); err == nil {
		s.Close()
		t.Skip("this ONNX Runtime has CUDA, and there is a GPU")
	}
	for short, name := range map[string]string{"CUDA": "CUDAExecutionProvider", "TensorRT": "TensorrtExecutionProvider"} {
		for _, o := range []onnx.SessionOptions{listed(short), listed(name)} {
			_, err := onnx.Open(path, o)
			assert.ErrorContains(t, err, path+": "+name+" cannot run it: "+short+" execution provider is not enabled in this build.")
			assert.ErrorContains(t, err, "Available here: CPUExecutionProvider. Put CPU at the end of the list")
			assert.ErrorContains(t, err, "$ETUDE_ONNXRUNTIME")
		}
	}
	s, err := onnx.Open(path, listed("TensorRT", "CUDA", "CPU"))
	require.NoError(t, err)
	defer s.Close()
	uses := s.Providers()
	require.Len(t, uses, 3)
	assert.Equal(t, "TensorrtExecutionProvider", uses[0].Name)
	assert.ErrorContains(t, uses[0].Err, "not enabled in this build")
	assert.Equal(t, "CUDAExecutionProvider", uses[1].Name)
	assert.ErrorContains(t, uses[1].Err, "not enabled in this build")
	assert.Equal(t, onnx.ProviderUse{Name: "CPUExecutionProvider"}, uses[2])
	out, err := s.RunSlices(t.Context(), map[string][]float32{"x": {1, 0}})
	require.NoError(t, err)
	assert.Equal(t, []float32{1.5, 2, 2.5}, out["y"])
}
