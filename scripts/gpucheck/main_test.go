// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/scripts/internal/gpucheck"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// watched calls seen once when it was written a text.
type watched struct {
	bytes.Buffer
	text string
	seen func()
	once sync.Once
}

func (w *watched) Write(b []byte) (int, error) {
	if w.text != "" && bytes.Contains(b, []byte(w.text)) {
		w.once.Do(w.seen)
	}
	return w.Buffer.Write(b)
}

func gpuCheck(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, make(chan os.Signal), &out, &errs)
	return code, out.String(), errs.String()
}

func read(t *testing.T, path string) gpucheck.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r gpucheck.Report
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	return r
}

func TestParts(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "out.json")
	var stdout bytes.Buffer
	stderr := &watched{text: "memory of emotion", seen: func() {
		before := read(t, path)
		assert.NotEmpty(t, before.Ops, "they are written before the next part begins")
		assert.True(t, before.Interrupted)
	}}
	code := run([]string{"--device", "cpu", "--quick", "--parts", "memory,ops", "-o", path}, make(chan os.Signal), &stdout, stderr)
	assert.Equal(t, exitDone, code, stderr)
	r := read(t, path)
	assert.True(t, r.Passed)
	assert.False(t, r.Complete)
	assert.Equal(t, []gpucheck.Part{gpucheck.PartOps, gpucheck.PartMemory}, r.Parts)
	assert.Equal(t, r.Markdown(), stdout.String(), "what is printed is what was written")
	assert.Contains(t, stderr.String(), "every result is in "+path)
}

func TestNoSuchDevice(t *testing.T) {
	torchtest.Need(t)
	if torch.DeviceCount(torch.DeviceCUDA) > 0 {
		t.Skip("there is a GPU")
	}
	path := filepath.Join(t.TempDir(), "out.json")
	code, stdout, stderr := gpuCheck("-o", path) // cuda is the default
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "device cuda:0")
	assert.Contains(t, stderr, "etude doctor says:\n  CUDA: ")
	assert.NoFileExists(t, path)
}

// A GPU that there are no kernels for is refused before the first of many failures.
func TestUsable(t *testing.T) {
	c := &libtorch.CUDA{Problem: "it has no kernels", Devices: []libtorch.CUDADevice{
		{Name: "A GPU", ComputeCapability: "8.6", MemoryFree: 5 << 30, Usable: true},
		{Name: "An old GPU", ComputeCapability: "6.1", MemoryFree: 5 << 30},
		{Name: "A GPU in Windows", ComputeCapability: "8.6", MemoryFree: -1, Usable: true},
	}}
	free, err := usable(c, torch.CUDA(0))
	require.NoError(t, err)
	assert.EqualValues(t, 5<<30, free)
	_, err = usable(c, torch.CUDA(1))
	require.EqualError(t, err, "device cuda:1, An old GPU of compute capability 6.1, cannot be used: it has no kernels")
	for _, d := range []torch.Device{torch.CUDA(2), torch.CUDA(3)} {
		free, err = usable(c, d)
		require.NoError(t, err)
		assert.Zero(t, free)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--device", "toaster"}, {"--device", "meta"}, {"--device", "cpu:1"}, {"--parts", "all"}, {"--no-such-flag"}, {"word"}} {
		code, _, stderr := gpuCheck(args...)
		assert.Equal(t, exitUsage, code, "%v", args)
		assert.True(t, strings.HasPrefix(stderr, "gpucheck: "), stderr)
	}
	code, stdout, _ := gpuCheck("--help")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "--device")
	code, stdout, _ = gpuCheck("--version")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "etude ")
}

// A signal before anything was found out leaves an earlier report as it is.
func TestSignalAtOnce(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "out.json")
	require.NoError(t, os.WriteFile(path, []byte("earlier"), 0o666))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout bytes.Buffer
	require.ErrorIs(t, check(ctx, []string{"--device", "cpu", "-o", path}, &stdout, &stdout), context.Canceled)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "earlier", string(text))
}

// A signal ends the run; what was found out is written, and marked.
func TestSignal(t *testing.T) {
	torchtest.Need(t)
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		path := filepath.Join(t.TempDir(), "out.json")
		signals := make(chan os.Signal)
		var stdout bytes.Buffer
		stderr := &watched{text: "melody with Adam", seen: func() { signals <- s }}
		code := run([]string{"--device", "cpu", "--parts", "ops,networks,memory", "-o", path}, signals, &stdout, stderr)
		assert.Equal(t, want, code)
		r := read(t, path)
		assert.False(t, r.Complete)
		assert.NotEmpty(t, r.Ops)
		assert.NotEmpty(t, r.Networks)
		assert.Nil(t, r.Memory)
		assert.Contains(t, stdout.String(), "**INCOMPLETE**")
	}
}
