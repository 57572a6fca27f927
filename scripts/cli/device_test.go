// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
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
		{libtorch.CUDA{Reason: libtorch.CUDAGPUUnsupported, Problem: "no kernels"}, "on the CPU: no kernels"},
		{libtorch.CUDA{Available: true}, "on the CPU, as before; --device cuda takes the GPU"},
	} {
		assert.Equal(t, c.want, onCPU(&c.why))
	}
}

// What waits for a driver is spoken of once, and an interrupt ends the waiting.
func TestPatiently(t *testing.T) {
	old := driverSoon
	driverSoon = time.Millisecond
	t.Cleanup(func() { driverSoon = old })
	var said bytes.Buffer
	ctx, cancel := context.WithCancelCause(context.Background())
	env := &Env{Context: ctx, lines: progress.NewGroup(&said, false)}
	late := func() error { time.Sleep(50 * time.Millisecond); return errFailed }
	assert.Equal(t, errFailed, env.patiently(waiting, late))
	assert.Equal(t, errFailed, env.patiently(waiting, late))
	assert.Equal(t, waiting+"\n", said.String())

	hung := make(chan struct{})
	defer close(hung)
	go func() { time.Sleep(10 * time.Millisecond); cancel(interrupted{signal: syscall.SIGTERM}) }()
	assert.Equal(t, interrupted{signal: syscall.SIGTERM}, env.patiently(waiting, func() error { <-hung; return nil }))
}

func TestDevicesThatMayBeNamed(t *testing.T) {
	for _, command := range []string{"train --data d", "demo", "verify-resume melody --data d"} {
		check := func(device string) error { return Check(append(strings.Fields(command), "--device", device)) }
		for _, device := range []string{"auto", "cpu", "cpu:0", "cuda", "cuda:0", "cuda:17"} {
			assert.NoError(t, check(device), command)
		}
		for _, device := range []string{"", "gpu", "CUDA", "auto:0", "meta", "mps", "xpu:0", "privateuseone"} {
			assert.ErrorContains(t, check(device), fmt.Sprintf("--device is %q; it must be auto, cpu, cuda or cuda:N", device))
		}
		for _, device := range []string{"cuda:", "cuda:-1", "cuda:x", "cuda:1:2", "cpu:1"} {
			assert.ErrorContains(t, check(device), device)
		}
	}
}

func TestCompute(t *testing.T) {
	pretend := torchtest.Pretend(t)
	assert.NoError(t, compute(torch.CPU))
	assert.NoError(t, compute(pretend))
	meta, err := torch.ParseDevice("meta") // which has shapes and no values
	assert.NoError(t, err)
	assert.ErrorContains(t, compute(meta), "device meta:0: torch: ")
}

// Each process has the GPU of its number, or the only one that it was given.
func TestOwnGPU(t *testing.T) {
	for _, c := range []struct{ local, visible, want int }{{0, 0, 0}, {0, 1, 0}, {3, 1, 0}, {0, 4, 0}, {3, 4, 3}, {3, 2, 3}, {1, 0, 1}} {
		assert.Equal(t, torch.CUDA(c.want), ownGPU(c.local, c.visible), c)
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
