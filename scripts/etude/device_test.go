// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A device that is not there is told before anything is read or written.
func TestDevices(t *testing.T) {
	torchtest.Need(t)
	if torch.DeviceCount(torch.DeviceCUDA) > 0 {
		t.Skip("there is a GPU")
	}
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	for args, says := range map[string]string{
		"cuda":    "device cuda:0: ",
		"cuda:77": "device cuda:77: ",
	} {
		for _, r := range []result{
			run(t, "train", "dynamics", "--data", data, "--out", out, "--device", args),
			run(t, "verify-resume", "dynamics", "--data", data, "--device", args),
			run(t, "demo", "--out", out, "--device", args),
		} {
			assert.Equal(t, 1, r.code, args)
			assert.Contains(t, r.stderr, says)
			assert.Regexp(t, `NVIDIA|CUDA|libtorch`, r.stderr, "it tells why")
			assert.Contains(t, r.stderr, "--device cpu goes without")
		}
	}
	for _, args := range []string{"gpu", "cuda:x", "cuda:-1", "cpu:1"} {
		r := run(t, "train", "dynamics", "--data", data, "--out", out, "--device", args)
		assert.Equal(t, 2, r.code, args)
		assert.Contains(t, r.stderr, args)
	}
	assert.NoDirExists(t, out)
}

// How exactly a run computes stands in its config.json, and holds when it goes on.
func TestPrecisionIsKept(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	config := func() (precision, deterministic any) {
		c := parseFile(t, filepath.Join(out, "dynamics/config.json"))
		return c["float32_matmul_precision"], c["deterministic"]
	}
	train := func(more ...string) {
		r := run(t, append([]string{"train", "dynamics", "--data", data, "--out", out, "--device", "cpu"}, more...)...)
		assert.Equal(t, 0, r.code, r.stderr)
	}
	train("--epochs", "1", "--tf32", "--deterministic")
	precision, deterministic := config()
	assert.Equal(t, []any{"high", true}, []any{precision, deterministic})
	train("--epochs", "2", "--resume")
	precision, deterministic = config()
	assert.Equal(t, []any{"high", true}, []any{precision, deterministic})
	train("--epochs", "1")
	precision, deterministic = config()
	assert.Equal(t, []any{"highest", false}, []any{precision, deterministic})
}
