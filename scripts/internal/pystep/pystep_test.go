// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pystep

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
	o := Options{Python: torchtest.Python(t), Script: filepath.Join(torchtest.Root(t), Script), Device: "cpu", Threads: 1}
	p, err := Start(t.Context(), o)
	require.NoError(t, err)
	assert.NotEmpty(t, p.Python)
	assert.Regexp(t, `^\d+\.\d+`, p.Torch)
	for _, network := range []string{"emotion", "melody", "harmony", "dynamics", "groove"} {
		for _, variant := range []string{Default, Fused} {
			ms, err := p.Steps(network, variant, 2)
			require.NoError(t, err, network)
			assert.Positive(t, ms, network)
		}
	}
	_, err = p.Steps("octaves", Default, 2)
	require.EqualError(t, err, "KeyError: 'octaves'")
	ms, err := p.Steps("groove", Default, 2)
	require.NoError(t, err)
	assert.Positive(t, ms)
	require.NoError(t, p.Close())
	_, err = p.Steps("groove", Default, 2)
	require.EqualError(t, err, "it was closed")

	o.Device = "nowhere"
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "RuntimeError: ")
}

// start starts a shell script in Python's place.
func start(t *testing.T, ctx context.Context, script string, limit time.Duration) (*Process, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "step.sh")
	require.NoError(t, os.WriteFile(path, []byte(script), 0o666))
	return Start(ctx, Options{Python: "sh", Script: path, Device: "cpu", Threads: 1, Limit: limit})
}

const hello = `echo '{"python": "3", "torch": "2"}'
`

func TestWhatKeepsPythonFromTraining(t *testing.T) {
	_, err := start(t, t.Context(), `echo "failed: ModuleNotFoundError: No module named 'torch'"; exit 1`, 0)
	require.EqualError(t, err, "ModuleNotFoundError: No module named 'torch'")
	_, err = start(t, t.Context(), `printf 'Traceback\nSyntaxError: oh\n' >&2; exit 1`, 0)
	require.EqualError(t, err, "exit status 1: SyntaxError: oh")
	_, err = start(t, t.Context(), `exit 0`, 0)
	require.EqualError(t, err, "it ended before it answered")
	_, err = start(t, t.Context(), `echo welcome`, 0)
	require.ErrorContains(t, err, "invalid character")
	_, err = Start(t.Context(), Options{Python: "/nowhere/python", Script: "x"})
	require.ErrorContains(t, err, "/nowhere/python")

	p, err := start(t, t.Context(), hello+`read line; kill -9 $$`, 0)
	require.NoError(t, err)
	_, err = p.Steps("groove", Default, 1)
	require.ErrorContains(t, err, "signal: killed")
	_, again := p.Steps("groove", Default, 1)
	assert.Equal(t, err, again, "it stays dead")
	require.NoError(t, p.Close())
}

// An answer that does not come, for a compilation that never ends, is not waited for.
func TestLimit(t *testing.T) {
	p, err := start(t, t.Context(), hello+`read line; exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	_, err = p.Steps("groove", Compile, 1)
	require.ErrorContains(t, err, "no answer within 300ms")
	require.NoError(t, p.Close())

	p, err = start(t, t.Context(), hello+`exec sleep 60`, 300*time.Millisecond)
	require.NoError(t, err)
	require.Error(t, p.Close(), "it does not end by itself")
}

func TestContextEndsPython(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := start(t, ctx, hello+`read line; exec sleep 60`, 0)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = p.Steps("groove", Compile, 1)
	require.Error(t, err)
}

// What Python has started, compilers, ends with it.
func TestContextEndsItsChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	pid := filepath.Join(t.TempDir(), "pid")
	p, err := start(t, ctx, "sleep 60 >/dev/null 2>&1 & echo $! >"+pid+"\n"+hello+`read line; exec sleep 60`, 0)
	require.NoError(t, err)
	text, err := os.ReadFile(pid)
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(child, 0))
	cancel()
	_, err = p.Steps("groove", Compile, 1)
	require.Error(t, err)
	assert.Eventually(t, func() bool { return ended(child) }, 10*time.Second, 10*time.Millisecond)
}

// ended tells whether a process has: one that nobody waits for stays as a zombie.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(text), ") Z ")
}
