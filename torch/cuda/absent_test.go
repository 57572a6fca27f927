// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/torchtest"
)

// entries calls everything that needs a GPU, on device 0 where one can be named, and
// on zero values.
func entries() map[string]func() error {
	var (
		stream cuda.Stream
		event  cuda.Event
		graph  cuda.Graph
	)
	const device = 0
	return map[string]func() error{
		"Available":            cuda.Available,
		"Properties":           func() error { _, err := cuda.Properties(device); return err },
		"OnDevice":             func() error { return cuda.OnDevice(device, func() { panic("called") }) },
		"Synchronize":          func() error { return cuda.Synchronize(device) },
		"SetSyncDebugMode":     func() error { return cuda.SetSyncDebugMode(cuda.SyncError) },
		"MemoryInfo":           func() error { _, _, err := cuda.MemoryInfo(device); return err },
		"ReadMemoryStats":      func() error { _, err := cuda.ReadMemoryStats(device); return err },
		"ResetPeakMemoryStats": func() error { return cuda.ResetPeakMemoryStats(device) },
		"EmptyCache":           cuda.EmptyCache,
		"NewStream":            func() error { _, err := cuda.NewStream(device); return err },
		"NewStream, high":      func() error { _, err := cuda.NewStream(device, cuda.StreamConfig{HighPriority: true}); return err },
		"CurrentStream":        func() error { _, err := cuda.CurrentStream(device); return err },
		"Stream.Do":            func() error { return stream.Do(func() { panic("called") }) },
		"Stream.Synchronize":   stream.Synchronize,
		"Stream.Query":         func() error { _, err := stream.Query(); return err },
		"Stream.WaitStream":    func() error { return stream.WaitStream(&stream) },
		"NewEvent":             func() error { _, err := cuda.NewEvent(); return err },
		"NewEvent, timing":     func() error { _, err := cuda.NewEvent(cuda.EventConfig{Timing: true}); return err },
		"NewGraph":             func() error { _, err := cuda.NewGraph(); return err },
		"NewPool":              func() error { _, err := cuda.NewPool(); return err },
		"CheckDevice":          func() error { return torch.CheckDevice(torch.CUDA(device)) },

		// These have their own reason: there is nothing to work on.
		"Event.Record":      func() error { return event.Record(&stream) },
		"Event.Synchronize": event.Synchronize,
		"Event.Query":       func() error { _, err := event.Query(); return err },
		"Event.ElapsedTime": func() error { _, err := event.ElapsedTime(&event); return err },
		"Stream.WaitEvent":  func() error { return stream.WaitEvent(&event) },
		"Graph.Capture":     func() error { return graph.Capture(&stream, cuda.CaptureConfig{}, func() { panic("called") }) },
		"Graph.Replay":      graph.Replay,
		"Graph.Pool":        func() error { _, err := graph.Pool(); return err },
		"Graph.Reset":       graph.Reset,
		"Event.Close":       func() error { event.Close(); return event.Synchronize() },
		"Graph.Close":       func() error { graph.Close(); return graph.Replay() },

		// And tensors.
		"Zeros": func() error {
			return torch.Try(func() { torch.Zeros([]int{2}, torch.Options{Device: torch.CUDA(device)}) })
		},
		"To":            func() error { return torch.Try(func() { torch.Ones([]int{2}).To(torch.CUDA(device)) }) },
		"ToNonBlocking": func() error { return torch.Try(func() { torch.Ones([]int{2}).ToNonBlocking(torch.CUDA(device)) }) },
		"PinMemory":     func() error { return torch.Try(func() { torch.Ones([]int{2}).PinMemory() }) },
		"RNGState":      func() error { return torch.Try(func() { torch.RNGState(torch.CUDA(device)) }) },
		"SetRNGState": func() error {
			return torch.Try(func() { torch.SetRNGState(torch.CUDA(device), torch.RNGState(torch.CPU)) })
		},
		"aten::zeros, Call": func() error {
			return torch.Try(func() { torch.Call("aten::zeros", []int{2}, torch.Named{"device": "cuda"}) })
		},
	}
}

// checkNoGPU asserts that each entry fails with a text for people, and that what
// needs no GPU works.
func checkNoGPU(t *testing.T) {
	for name, call := range entries() {
		torch.Scope(func() {
			err := call()
			require.Error(t, err, name)
			t.Logf("%s: %v", name, err)
			assert.NotContains(t, err.Error(), "INTERNAL ASSERT", name)
			assert.Regexp(t, "no CUDA device can be used|none is available|was not made", err.Error(), name)
		})
	}
	assert.Zero(t, cuda.DeviceCount())
	assert.NoError(t, torch.Try(func() { torch.ManualSeed(1) }))
	torch.Scope(func() {
		x := torch.Ones([]int{2})
		assert.False(t, x.IsPinned())
		assert.Equal(t, []float32{1, 1}, torch.Zeros([]int{2}).CopyNonBlockingInPlace(x).Float32s())
		assert.Equal(t, []float32{1, 1}, x.ToNonBlocking(torch.CPU).Float32s())
	})
}

// Without a GPU nothing crashes, and every error gives the reason.
func TestWithoutGPU(t *testing.T) {
	torchtest.Need(t)
	if cuda.Available() == nil {
		t.Skip("there is a GPU")
	}
	checkNoGPU(t)
}

// The same with a libtorch for CUDA, the one that ETUDE_TEST_CUDA_HOME was set up
// with: the CUDA bridge is linked and loaded, and it is CUDA that gives the reason.
// The test runs itself again, since a process has one libtorch.
func TestCUDALibtorchWithoutGPU(t *testing.T) {
	const again = "ETUDE_TEST_CUDA_AGAIN"
	if os.Getenv(again) == "1" {
		require.NoError(t, torch.Init())
		versions, err := cuda.ReadVersions()
		require.NoError(t, err, "the CUDA bridge is there")
		t.Logf("libtorch %s, %+v", torch.Version(), versions)
		assert.GreaterOrEqual(t, versions.Runtime, 12000)
		if cuda.Available() == nil {
			t.Skip("there is a GPU")
		}
		require.ErrorContains(t, torch.CheckDevice(torch.CUDA(0)), "etude doctor")
		checkNoGPU(t)
		return
	}
	home := os.Getenv("ETUDE_TEST_CUDA_HOME")
	if home == "" {
		t.Skip("ETUDE_TEST_CUDA_HOME names no ETUDE_HOME with a libtorch for CUDA")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCUDALibtorchWithoutGPU$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), again+"=1", "ETUDE_HOME="+home)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
	assert.NotContains(t, string(out), "no tests to run")
}

// InitCPU leaves CUDA out, whatever is installed. The test runs itself again, since a
// process loads libtorch once.
func TestInitCPU(t *testing.T) {
	const again = "ETUDE_TEST_INIT_CPU"
	if os.Getenv(again) == "1" {
		require.NoError(t, torch.InitCPU())
		require.NoError(t, torch.Init(), "it is loaded")
		assert.ErrorContains(t, cuda.Available(), "loaded for the CPU alone")
		checkNoGPU(t)
		return
	}
	torchtest.Need(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestInitCPU$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), again+"=1")
	if home := os.Getenv("ETUDE_TEST_CUDA_HOME"); home != "" {
		cmd.Env = append(cmd.Env, "ETUDE_HOME="+home)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), "no tests to run")
}
