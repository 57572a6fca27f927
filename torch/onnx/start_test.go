// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	ort "github.com/yalue/onnxruntime_go"
)

// TestProviderDoesNotStart has stand-ins for providers that this machine lacks: TensorRT can
// be added, and no session starts with it; CUDA starts, and runs no operator.
func TestProviderDoesNotStart(t *testing.T) {
	if err := startRuntime(); err != nil {
		t.Skip(err)
	}
	all := slices.Clone(providers)
	defer func() { copy(providers, all) }()
	providers[0].add = func(so *ort.SessionOptions, _ map[string]string) error {
		return so.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1")
	}
	var options map[string]string
	providers[1].add = func(_ *ort.SessionOptions, o map[string]string) error { options = o; return nil }

	device := map[string]string{"device_id": "1"}
	s, err := Open("testdata/golden.onnx", SessionOptions{Providers: []Provider{{Name: "TensorRT"}, {Name: "CUDA", Options: device}, {Name: "CPU"}}})
	require.NoError(t, err)
	defer s.Close()
	uses := s.Providers()
	assert.ErrorContains(t, uses[0].Err, "fallback to CPU EP has been explicitly disabled")
	assert.Equal(t, []ProviderUse{{Name: "CUDAExecutionProvider"}, {Name: "CPUExecutionProvider"}}, uses[1:])
	assert.Equal(t, device, options)

	_, err = Open("testdata/golden.onnx", SessionOptions{Providers: []Provider{{Name: "CUDA"}}})
	assert.ErrorContains(t, err, "CUDAExecutionProvider cannot run it: ")
	assert.ErrorContains(t, err, "nodes that are assigned to the default CPU EP")
	assert.ErrorContains(t, err, "Available here: TensorrtExecutionProvider, CUDAExecutionProvider, CPUExecutionProvider. Put CPU at the end")
}
