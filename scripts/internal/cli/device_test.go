// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/libtorch"
)

// That a GPU is not used never goes unsaid.
func TestOnCPU(t *testing.T) {
	for _, c := range []struct {
		why  libtorch.CUDA
		want string
	}{
		{libtorch.CUDA{Reason: libtorch.CUDANoGPU, Problem: "no NVIDIA GPU"}, ""},
		{libtorch.CUDA{}, ""}, // it was interrupted
		{libtorch.CUDA{Reason: libtorch.CUDANotPassed, Problem: "started without it", Mend: "docker run --gpus all …"}, "on the CPU: started without it (docker run --gpus all …)"},
		{libtorch.CUDA{Reason: libtorch.CUDAGPUTooOld, Problem: "no kernels"}, "on the CPU: no kernels"},
		{libtorch.CUDA{Available: true}, "on the CPU, as before; --device cuda takes the GPU"},
	} {
		assert.Equal(t, c.want, onCPU(&c.why))
	}
}

func TestDeviceWords(t *testing.T) {
	for words, flags := range map[string]deviceFlags{
		"":              {Device: auto},
		" --device cpu": {Device: "cpu"},
		" --device cuda:1 --tf32 --deterministic": {Device: "cuda:1", TF32: true, Deterministic: true},
	} {
		assert.Equal(t, words, flags.words())
		assert.NoError(t, Check(append([]string{"train", "--data", "d"}, strings.Fields(words)...)))
	}
}
