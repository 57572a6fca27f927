// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A missing device is reported before anything is read or written.
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
	for _, args := range []string{"gpu", "cuda:x", "cuda:-1", "cpu:1", "meta"} {
		r := runWith(t, without(t), "train", "dynamics", "--data", data, "--out", out, "--device", args)
		assert.Equal(t, 2, r.code, args)
		assert.Contains(t, r.stderr, args)
	}
	assert.NoDirExists(t, out)
}

// hangingDriver is an environment with a libcuda.so.1 that never answers.
func hangingDriver(t *testing.T) []string {
	if _, err := exec.LookPath("g++"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	source := filepath.Join(torchtest.Root(t), "torch/libtorch/testdata/driver.cpp")
	out, err := exec.Command("g++", "-std=c++20", "-shared", "-fPIC", "-DDRIVER", source, "-o", filepath.Join(dir, "libcuda.so.1"), "-ldl").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return []string{"LD_LIBRARY_PATH=" + dir, "STUB_DO=hang"}
}

// A driver that hangs is reported, the command does not wait for it without end, and
// signals are served meanwhile.
func TestDriverHangs(t *testing.T) {
	torchtest.Need(t)
	if testing.Short() {
		t.Skip("it waits for seconds")
	}
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(etude, "train", "dynamics", "--data", data, "--out", out)
	cmd.Env = append(os.Environ(), hangingDriver(t)...)
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(pipe)
	require.True(t, lines.Scan())
	assert.Equal(t, "waiting for CUDA's libraries and the NVIDIA driver; --device cpu goes without", lines.Text())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	_, _ = io.Copy(io.Discard, pipe)
	_ = cmd.Wait()
	assert.Equal(t, 143, cmd.ProcessState.ExitCode())
	assert.NoDirExists(t, out)
}

// --device cpu asks nothing of the driver, not even with a libtorch for CUDA: the one
// that ETUDE_TEST_CUDA_HOME was set up with.
func TestCPUGoesWithoutTheDriver(t *testing.T) {
	torchtest.Need(t)
	env := hangingDriver(t)
	if home := os.Getenv("ETUDE_TEST_CUDA_HOME"); home != "" {
		env = append(env, "ETUDE_HOME="+home)
	}
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	for _, args := range [][]string{
		{"train", "dynamics", "--data", data, "--out", out, "--device", "cpu", "--epochs", "1"},
		{"evaluate", out, "--data", data},
		{"export", filepath.Join(out, "dynamics/best.pt")},
		{"diff", filepath.Join(out, "dynamics/best.pt"), filepath.Join(out, "dynamics/last.pt")},
		{"verify-resume", "dynamics", "--data", data, "--device", "cpu", "--epochs", "2"},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		cmd := exec.CommandContext(ctx, etude, args...)
		cmd.Env = append(os.Environ(), env...)
		text, err := cmd.CombinedOutput()
		cancel()
		require.NoError(t, err, "%s: %s", args[0], text)
	}
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
	train("--epochs", "1", "--force")
	precision, deterministic = config()
	assert.Equal(t, []any{"highest", false}, []any{precision, deterministic})
}

// A run from a machine with a GPU and with other paths reports what it needs, and can be
// continued.
func TestRunOfAnotherMachine(t *testing.T) {
	torchtest.Need(t)
	data, out := corpus(t), filepath.Join(t.TempDir(), "run")
	r := run(t, "train", "dynamics", "--data", data, "--out", out, "--device", "cpu", "--epochs", "1")
	require.Equal(t, 0, r.code, r.stderr)
	config := filepath.Join(out, "dynamics/config.json")
	settings := parseFile(t, config)
	delete(settings, "sha256") // as earlier versions wrote it; with the hash nothing may be changed
	before, err := json.Marshal(settings)
	require.NoError(t, err)
	from := func(device, root string) {
		text := strings.NewReplacer(`"device":"cpu"`, fmt.Sprintf(`"device":%q`, device), data, root).Replace(string(before))
		require.NotEqual(t, string(before), text)
		require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	}
	from("cuda:7", "/somewhere/else")
	r = run(t, "train", "dynamics", "--out", out, "--resume", "--epochs", "2")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "/somewhere/else: no such file or directory; "+out)
	assert.Contains(t, r.stderr, "--data")
	for i, device := range []string{"cuda:7", "meta:0"} {
		from(device, "/somewhere/else")
		r = run(t, "train", "dynamics", "--out", out, "--data", data, "--resume", "--epochs", fmt.Sprint(i+2), "--json")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, true, parse(t, r.stdout)["dynamics"].(map[string]any)["resumed"])
	}
}
