// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

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
	"github.com/etude-ml/etude/scripts/internal/progress"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

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
	code = Main(append([]string{"gpucheck"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func readReport(t *testing.T, path string) gpucheck.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var r gpucheck.Report
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r))
	return r
}

func TestGPUCheckParts(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "out.json")
	var stdout bytes.Buffer
	stderr := &watched{text: "memory of emotion", seen: func() {
		before := readReport(t, path)
		assert.NotEmpty(t, before.Ops, "they are written before the next part begins")
		assert.True(t, before.Interrupted)
	}}
	code := Main([]string{"gpucheck", "--device", "cpu", "--quick", "--parts", "memory,ops", "-o", path}, &stdout, stderr)
	assert.Equal(t, exitDone, code, stderr)
	r := readReport(t, path)
	assert.True(t, r.Passed)
	assert.False(t, r.Complete)
	assert.Equal(t, []gpucheck.Part{gpucheck.PartOps, gpucheck.PartMemory}, r.Parts)
	assert.Equal(t, r.Markdown(), stdout.String(), "what is printed is what was written")
	assert.Contains(t, stderr.String(), "every result is in "+path)
}

func TestGPUCheckWithoutGPU(t *testing.T) {
	torchtest.Need(t)
	if torch.DeviceCount(torch.DeviceCUDA) > 0 {
		t.Skip("there is a GPU")
	}
	path := filepath.Join(t.TempDir(), "out.json")
	code, stdout, stderr := gpuCheck("-o", path) // cuda is the default
	assert.Equal(t, exitFailed, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "device cuda:0")
	assert.Regexp(t, `(?s)etude doctor says:\n.*\sCUDA `, stderr)
	assert.NoFileExists(t, path)
}

// A GPU that there are no kernels for is refused before the first of many failures.
func TestUsable(t *testing.T) {
	c := &libtorch.CUDA{Problem: "it has no kernels", Devices: []libtorch.CUDADevice{
		{Name: "A GPU", ComputeCapability: "8.6", MemoryFree: 5 << 30, Usable: true},
		{Name: "An old GPU", ComputeCapability: "6.1", MemoryFree: 5 << 30},
		{Name: "A GPU in Windows", ComputeCapability: "8.6", MemoryFree: -1, Usable: true},
	}}
	require.NoError(t, usable(c, torch.CUDA(0)))
	require.EqualError(t, usable(c, torch.CUDA(1)), "device cuda:1, An old GPU of compute capability 6.1, cannot be used: it has no kernels")
	for _, d := range []torch.Device{torch.CUDA(2), torch.CUDA(3)} {
		require.NoError(t, usable(c, d))
	}
}

func TestGPUCheckUsage(t *testing.T) {
	for _, args := range [][]string{{"--device", "toaster"}, {"--device", "meta"}, {"--device", "cpu:1"}, {"--parts", "all"}, {"--no-such-flag"}, {"word"}} {
		code, _, stderr := gpuCheck(args...)
		assert.Equal(t, exitUsage, code, "%v", args)
		assert.True(t, strings.HasPrefix(stderr, "etude: "), stderr)
	}
	code, stdout, _ := gpuCheck("--help")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "--device")
	code, stdout, _ = gpuCheck("--version")
	assert.Equal(t, exitDone, code)
	assert.Contains(t, stdout, "etude ")
}

// A signal before anything was found out leaves an earlier report as it is.
func TestGPUCheckSignalAtOnce(t *testing.T) {
	torchtest.Need(t)
	path := filepath.Join(t.TempDir(), "out.json")
	require.NoError(t, os.WriteFile(path, []byte("earlier"), 0o666))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout bytes.Buffer
	env := &Env{Context: ctx, Stdout: &stdout, Stderr: &stdout, lines: progress.NewGroup(&stdout, false)}
	require.ErrorIs(t, (&gpuCheckCommand{Device: "cpu", Output: path}).Run(env), context.Canceled)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "earlier", string(text))
}

// A signal ends the run; what was found out is written, and marked.
func TestGPUCheckSignal(t *testing.T) {
	torchtest.Need(t)
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		path := filepath.Join(t.TempDir(), "out.json")
		var stdout bytes.Buffer
		stderr := &watched{text: "melody with Adam", seen: func() { assert.NoError(t, syscall.Kill(os.Getpid(), s)) }}
		code := Main([]string{"gpucheck", "--device", "cpu", "--parts", "ops,networks,memory", "-o", path}, &stdout, stderr)
		assert.Equal(t, want, code)
		r := readReport(t, path)
		assert.False(t, r.Complete)
		assert.NotEmpty(t, r.Ops)
		assert.NotEmpty(t, r.Networks)
		assert.Nil(t, r.Memory)
		assert.Contains(t, stdout.String(), "**INCOMPLETE**")
	}
}
