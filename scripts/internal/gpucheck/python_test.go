// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch/torchtest"
)

// PyTorch itself trains, and a mistake in a request ends nothing.
func TestPyTorchTrains(t *testing.T) {
	start := func(device string) (*python, error) {
		return startPython(t.Context(), torchtest.Python(t), filepath.Join(torchtest.Root(t), pythonScript), device, 1, long)
	}
	p, err := start("cpu")
	require.NoError(t, err)
	assert.NotEmpty(t, p.Python)
	assert.Regexp(t, `^\d+\.\d+`, p.Torch)
	for _, network := range []string{"emotion", "melody", "harmony", "dynamics", "groove"} {
		for _, variant := range []string{variantDefault, variantFused} {
			ms, err := p.steps(network, variant, 2)
			require.NoError(t, err, network)
			assert.Positive(t, ms, network)
		}
	}
	_, err = p.steps("octaves", variantDefault, 2)
	require.EqualError(t, err, "KeyError: 'octaves'")
	ms, err := p.steps("groove", variantDefault, 2)
	require.NoError(t, err)
	assert.Positive(t, ms)
	require.NoError(t, p.Close())
	_, err = p.steps("groove", variantDefault, 2)
	require.EqualError(t, err, "it was closed")

	_, err = start("nowhere")
	require.ErrorContains(t, err, "RuntimeError: ")
}

// long is a limit that no answer reaches.
const long = time.Minute

// A first line that is not ours is no Python's.
func TestHello(t *testing.T) {
	shell, path := pretended(t, "echo welcome")
	_, err := startPython(t.Context(), shell, path, "cpu", 1, long)
	require.ErrorContains(t, err, "invalid character")
}
