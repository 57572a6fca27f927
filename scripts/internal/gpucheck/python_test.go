// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	require.NoError(t, p.close())
	_, err = p.steps("groove", variantDefault, 2)
	require.EqualError(t, err, "it was closed")

	_, err = start("nowhere")
	require.ErrorContains(t, err, "RuntimeError: ")
}

// long is a limit that no answer reaches.
const long = time.Minute

// startShell starts a shell script in Python's place.
func startShell(t *testing.T, ctx context.Context, script string, limit time.Duration) (*python, error) {
	t.Helper()
	shell, path := pretended(t, script)
	return startPython(ctx, shell, path, "cpu", 1, limit)
}

const hello = `echo '{"python": "3", "torch": "2"}'
`

func TestWhatKeepsPythonFromTraining(t *testing.T) {
	_, err := startShell(t, t.Context(), `echo "failed: ModuleNotFoundError: No module named 'torch'"; exit 1`, long)
	require.EqualError(t, err, "ModuleNotFoundError: No module named 'torch'")
	_, err = startShell(t, t.Context(), `printf 'Traceback\nSyntaxError: oh\n' >&2; exit 1`, long)
	require.EqualError(t, err, "exit status 1: SyntaxError: oh")
	_, err = startShell(t, t.Context(), `exit 0`, long)
	require.EqualError(t, err, "it ended before it answered")
	_, err = startShell(t, t.Context(), `echo welcome`, long)
	require.ErrorContains(t, err, "invalid character")
	_, err = startPython(t.Context(), "/nowhere/python", "x", "cpu", 1, long)
	require.ErrorContains(t, err, "/nowhere/python")

	p, err := startShell(t, t.Context(), hello+`read line; kill -9 $$`, long)
	require.NoError(t, err)
	_, err = p.steps("groove", variantDefault, 1)
	require.ErrorContains(t, err, "signal: killed")
	_, again := p.steps("groove", variantDefault, 1)
	assert.Equal(t, err, again, "it stays dead")
	require.NoError(t, p.close())
}

// An answer that does not come, for a compilation that never ends, is not waited for.
func TestLimit(t *testing.T) {
	p, err := startShell(t, t.Context(), hello+`read line; exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	_, err = p.steps("groove", variantCompile, 1)
	require.ErrorContains(t, err, "no answer within 300ms")
	require.NoError(t, p.close())

	p, err = startShell(t, t.Context(), hello+`exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	require.Error(t, p.close(), "it does not end by itself")
}

func TestContextEndsPython(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := startShell(t, ctx, hello+`read line; exec sleep 60`, long)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = p.steps("groove", variantCompile, 1)
	require.Error(t, err)
}

// What Python has started, compilers, ends with it.
func TestContextEndsItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pid := filepath.Join(t.TempDir(), "pid")
	p, err := startShell(t, ctx, "sleep 60 >/dev/null 2>&1 & echo $! >"+pid+"\n"+hello+`read line; exec sleep 60`, long)
	require.NoError(t, err)
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(child, 0))
	cancel()
	_, err = p.steps("groove", variantCompile, 1)
	require.Error(t, err)
	assert.Eventually(t, func() bool { return ended(child) }, 10*time.Second, 10*time.Millisecond)
}

// ended reports whether a process has ended. One that nobody waits for stays as a zombie.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}
