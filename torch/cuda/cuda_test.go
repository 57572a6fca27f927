// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda_test

import (
	"fmt"
	"math"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
)

// The tests of this file need a GPU. What the others can do without one is in
// absent_test.go.

// needGPU skips the test where no GPU can be used, with the reason, or fails it
// with ETUDE_TEST_REQUIRE_CUDA=1.
func needGPU(t *testing.T) {
	t.Helper()
	err := cuda.Available()
	switch {
	case err == nil:
	case os.Getenv("ETUDE_TEST_REQUIRE_CUDA") == "1":
		t.Fatal(err, " (and ETUDE_TEST_REQUIRE_CUDA=1 forbids to skip)")
	default:
		t.Skip(err)
	}
}

// gpu is the number of the GPU that tests of one use: that of ETUDE_TEST_DEVICE, or 0.
var gpu = func() (n int) {
	_, _ = fmt.Sscanf(os.Getenv("ETUDE_TEST_DEVICE"), "cuda:%d", &n)
	return n
}()

var onGPU = torch.Options{Device: torch.CUDA(gpu)}

func TestDevices(t *testing.T) {
	needGPU(t)
	n := cuda.DeviceCount()
	require.Positive(t, n)
	current := torch.Options{Device: torch.Device{Type: torch.DeviceCUDA, Index: -1}} // no number: the current one
	for i := range n {
		p, err := cuda.Properties(i)
		require.NoError(t, err)
		t.Logf("%d: %+v", i, p)
		assert.NotEmpty(t, p.Name)
		assert.Positive(t, p.Major)
		assert.Positive(t, p.Multiprocessors)
		free, total, err := cuda.MemoryInfo(i)
		require.NoError(t, err)
		assert.Positive(t, free)
		assert.LessOrEqual(t, free, total)
		require.NoError(t, cuda.OnDevice(i, func() {
			torch.Scope(func() {
				assert.Equal(t, torch.CUDA(i), torch.Zeros([]int{1}, current).Device())
			})
		}))
		s, err := cuda.NewStream(i)
		require.NoError(t, err)
		assert.Equal(t, i, s.Device())
		require.NoError(t, s.Do(func() {
			torch.Scope(func() { assert.Equal(t, torch.CUDA(i), torch.Zeros([]int{1}, current).Device()) })
		}))
		require.NoError(t, cuda.Synchronize(i))
	}
	torch.Scope(func() {
		assert.Equal(t, torch.CUDA(0), torch.Zeros([]int{1}, current).Device(), "OnDevice and Do put the old one back")
	})
	_, err := cuda.Properties(n)
	require.ErrorContains(t, err, "numbered from 0")
	require.ErrorContains(t, torch.CheckDevice(torch.CUDA(n)), "numbered from 0")
	require.Error(t, cuda.Synchronize(-1))
	v, err := cuda.ReadVersions()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, v.Driver/1000, v.Runtime/1000, "%+v", v)
	assert.Positive(t, v.CuDNN)
}

// The allocator's counters follow what is made and freed.
func TestMemoryStats(t *testing.T) {
	needGPU(t)
	require.NoError(t, cuda.ResetPeakMemoryStats(gpu))
	before, err := cuda.ReadMemoryStats(gpu)
	require.NoError(t, err)
	const size = 64 << 20 // bytes
	torch.Scope(func() {
		torch.Zeros([]int{size / 4}, onGPU)
		during, err := cuda.ReadMemoryStats(gpu)
		require.NoError(t, err)
		assert.EqualValues(t, size, during.Allocated-before.Allocated)
		assert.GreaterOrEqual(t, during.Reserved, during.Allocated)
	})
	after, err := cuda.ReadMemoryStats(gpu)
	require.NoError(t, err)
	assert.Equal(t, before.Allocated, after.Allocated)
	assert.GreaterOrEqual(t, after.PeakAllocated, before.Allocated+size)
	require.NoError(t, cuda.EmptyCache())
	empty, err := cuda.ReadMemoryStats(gpu)
	require.NoError(t, err)
	assert.Less(t, empty.Reserved, after.Reserved)
}

// Work on two streams, ordered by events and by streams that wait.
func TestStreams(t *testing.T) {
	needGPU(t)
	a, err := cuda.NewStream(gpu)
	require.NoError(t, err)
	b, err := cuda.NewStream(gpu, cuda.StreamConfig{HighPriority: true})
	require.NoError(t, err)
	torch.Scope(func() {
		start, err := cuda.NewEvent(cuda.EventConfig{Timing: true})
		require.NoError(t, err)
		defer start.Close()
		end, err := cuda.NewEvent(cuda.EventConfig{Timing: true})
		require.NoError(t, err)
		defer end.Close()
		var x, y *torch.Tensor
		require.NoError(t, a.Do(func() {
			x = torch.Ones([]int{512, 512}, onGPU)
			require.NoError(t, start.Record(a))
			for range 50 {
				x = x.Matmul(x).MulScalar(1.0 / 512)
			}
			require.NoError(t, end.Record(a))
			current, err := cuda.CurrentStream(gpu)
			require.NoError(t, err)
			assert.Equal(t, a, current)
		}))
		require.NoError(t, b.WaitEvent(end))
		require.NoError(t, b.Do(func() { y = x.AddScalar(1) }))
		require.NoError(t, b.Synchronize())
		done, err := b.Query()
		require.NoError(t, err)
		assert.True(t, done)
		done, err = end.Query()
		require.NoError(t, err)
		assert.True(t, done)
		ms, err := start.ElapsedTime(end)
		require.NoError(t, err)
		assert.Positive(t, ms)
		assert.InDelta(t, 2, y.Mean().Item(), 1e-3, "a row of ones times a column of ones, over its length")

		current, err := cuda.CurrentStream(gpu)
		require.NoError(t, err)
		assert.NotEqual(t, a, current, "Do puts the old stream back")
		require.NoError(t, current.WaitStream(a))
	})
}

// A captured step replays on new inputs, and gives the results of the step itself.
func TestGraph(t *testing.T) {
	needGPU(t)
	torch.Scope(func() {
		torch.ManualSeed(1)
		w := torch.Randn([]int{16, 8}).To(torch.CUDA(gpu)).SetRequiresGrad(true)
		x, target := torch.Randn([]int{4, 8}).To(torch.CUDA(gpu)), torch.Randn([]int{4, 16}).To(torch.CUDA(gpu))
		var loss *torch.Tensor
		step := func() {
			w.SetGrad(nil)
			loss = torch.MSELoss(torch.Linear(x, w, nil).Tanh(), target, torch.ReduceMean)
			loss.Backward()
		}
		s, err := cuda.NewStream(gpu)
		require.NoError(t, err)
		current, err := cuda.CurrentStream(gpu)
		require.NoError(t, err)
		require.NoError(t, s.WaitStream(current))
		require.NoError(t, s.Do(func() {
			for range 3 {
				step()
			}
		}))
		g, err := cuda.NewGraph()
		require.NoError(t, err)
		defer g.Close()
		require.ErrorContains(t, g.Replay(), "empty")
		require.NoError(t, g.Capture(s, cuda.CaptureConfig{}, step))
		captured, grad := loss, w.Grad()
		for seed := range uint64(3) {
			torch.ManualSeed(seed)
			next := torch.Randn([]int{4, 8})
			x.CopyInPlace(next)
			require.NoError(t, s.WaitStream(current))
			require.NoError(t, g.Replay())
			require.NoError(t, s.Synchronize())
			got, gotGrad := captured.Item(), grad.Float32s()
			step()
			assert.InDelta(t, loss.Item(), got, 1e-6)
			assert.InDeltaSlice(t, w.Grad().Float32s(), gotGrad, 1e-6)
		}
		_, err = g.Pool()
		require.NoError(t, err)
		require.ErrorContains(t, g.Capture(s, cuda.CaptureConfig{}, step), "Reset")
		require.NoError(t, g.Reset())

		// A step that reads a value cannot be captured, and leaves no broken stream.
		err = g.Capture(s, cuda.CaptureConfig{ThreadLocal: true}, func() { x.Sum().Item() })
		require.ErrorContains(t, err, "captur")
		require.NoError(t, s.Synchronize())
		require.NoError(t, s.Do(step))
		assert.False(t, math.IsNaN(loss.Item()))
	})
}

// Captures on several goroutines take turns, and find a cuBLAS on threads that did not
// warm up.
func TestCapturesTakeTurns(t *testing.T) {
	needGPU(t)
	torch.Scope(func() {
		x := torch.Ones([]int{64, 64}, onGPU)
		require.NoError(t, cuda.Synchronize(gpu))
		var captures sync.WaitGroup
		for range 3 {
			s, err := cuda.NewStream(gpu)
			require.NoError(t, err)
			g, err := cuda.NewGraph()
			require.NoError(t, err)
			defer g.Close()
			require.NoError(t, s.Do(func() { x.Matmul(x) }))
			captures.Go(func() {
				torch.Scope(func() {
					var y *torch.Tensor
					if !assert.NoError(t, g.Capture(s, cuda.CaptureConfig{ThreadLocal: true}, func() { y = x.Matmul(x) })) {
						return
					}
					assert.NoError(t, g.Replay())
					assert.NoError(t, s.Synchronize())
					assert.Equal(t, torch.Full([]int{64, 64}, 64).Float32s(), y.Float32s())
				})
			})
		}
		captures.Wait()
	})
}

// A graph that the garbage collector frees fails no capture, of whatever mode.
func TestGraphIsFreedInACapture(t *testing.T) {
	needGPU(t)
	torch.Scope(func() {
		x := torch.Ones([]int{64, 64}, onGPU)
		require.NoError(t, cuda.Synchronize(gpu))
		s, err := cuda.NewStream(gpu)
		require.NoError(t, err)
		add := func() { x.AddScalarInPlace(1) }
		graphs := make([]*cuda.Graph, 2)
		for i := range graphs {
			graphs[i], err = cuda.NewGraph()
			require.NoError(t, err)
		}
		require.NoError(t, s.Do(add))
		require.NoError(t, graphs[0].Capture(s, cuda.CaptureConfig{}, add))
		require.NoError(t, graphs[1].Capture(s, cuda.CaptureConfig{}, func() {
			add()
			closed := make(chan struct{})
			go func() { graphs[0].Close(); close(closed) }()
			<-closed
			add()
		}))
		require.NoError(t, graphs[1].Replay())
		require.NoError(t, s.Synchronize())
		assert.Equal(t, float32(4), x.Float32s()[0])
		graphs[1].Close()
	})
}

// Copies to and from pinned memory do not make the host wait.
func TestPinned(t *testing.T) {
	needGPU(t)
	require.NoError(t, cuda.SetSyncDebugMode(cuda.SyncError))
	defer func() { require.NoError(t, cuda.SetSyncDebugMode(cuda.SyncDefault)) }()
	torch.Scope(func() {
		x := torch.Arange(0, 1000, 1).PinMemory()
		assert.True(t, x.IsPinned())
		there := x.ToNonBlocking(torch.CUDA(gpu)).MulScalar(2)
		back := torch.Empty([]int{1000}).PinMemory()
		back.CopyNonBlockingInPlace(there)
		current, err := cuda.CurrentStream(gpu)
		require.NoError(t, err)
		require.NoError(t, current.Synchronize(), "what is asked for is no error")
		require.NoError(t, cuda.Synchronize(gpu))
		assert.Equal(t, float32(1998), back.Float32s()[999])
		require.ErrorContains(t, torch.Try(func() { there.Sum().Item() }), "synchroniz")
	})
}

// Each device has a generator of its own, whose state comes back.
func TestRNGState(t *testing.T) {
	needGPU(t)
	torch.Scope(func() {
		torch.ManualSeed(7)
		state := torch.RNGState(torch.CUDA(gpu))
		first := torch.Rand([]int{8}, onGPU).Float32s()
		torch.Rand([]int{8}) // the CPU's is another one
		assert.NotEqual(t, first, torch.Rand([]int{8}, onGPU).Float32s())
		torch.SetRNGState(torch.CUDA(gpu), state)
		assert.Equal(t, first, torch.Rand([]int{8}, onGPU).Float32s())
	})
}

// Goroutines with a stream each compute what one alone computes.
func TestStreamsSideBySide(t *testing.T) {
	needGPU(t)
	compute := func() (out []float32) {
		torch.Scope(func() {
			x := torch.Full([]int{64, 64}, 0.5, onGPU)
			for range 100 {
				x = x.Matmul(x).Tanh()
			}
			out = x.Float32s()
		})
		return out
	}
	want := compute()
	var wg sync.WaitGroup
	got := make([][]float32, 5)
	for i := range got {
		wg.Go(func() {
			s, err := cuda.NewStream(gpu)
			if assert.NoError(t, err) {
				assert.NoError(t, s.Do(func() { got[i] = compute() }))
			}
		})
	}
	wg.Wait()
	for _, g := range got {
		assert.Equal(t, want, g)
	}
}
