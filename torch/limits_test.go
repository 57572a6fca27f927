// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Arguments that libtorch does not check, and sizes for which Go would end the process, are
// refused with an *Error.
func TestRefusals(t *testing.T) {
	torchtest.NoLeaks(t)
	zero := new(torch.Tensor)
	torch.Scope(func() {
		x := torch.Ones([]int{2, 2})
		const empty = "the tensor is torch.Tensor's zero value"
		for _, c := range []struct {
			name, want string
			f          func()
		}{
			{"zero value: shape", empty, func() { zero.Shape() }},
			{"zero value: receiver", empty, func() { zero.Add(x) }},
			{"zero value: argument", empty, func() { x.Add(zero) }},
			{"zero value: list", empty, func() { torch.Cat([]*torch.Tensor{x, zero}, 0) }},
			{"zero value: Call", empty, func() { torch.Call("aten::roll", zero, 1) }},
			{"zero value: Backward", empty, func() { zero.Backward() }},
			{"zero value: SetGrad", empty, func() { x.SetGrad(zero) }},
			{"zero value: ZeroGrad", empty, func() { torch.ZeroGrad([]*torch.Tensor{x, zero}) }},
			{"zero value: ToSlice", empty, func() { torch.ToSlice[float32](zero) }},
			{"zero value: Keep", empty, func() { zero.Keep() }},
			{"zero value: SetRNGState", empty, func() { torch.SetRNGState(torch.CPU, zero) }},

			{"memory format 4", `argument "memory_format": there is no MemoryFormat with the number 4`, func() { torch.Call("aten::clone", x, torch.Named{"memory_format": torch.MemoryFormat(4)}) }},
			{"memory format -1", "number -1", func() { torch.Call("aten::clone", x, torch.Named{"memory_format": torch.MemoryFormat(-1)}) }},
			{"memory format 256", "number 256", func() { torch.Call("aten::contiguous", x, torch.Named{"memory_format": torch.MemoryFormat(256)}) }},
			{"layout 256", "there is no Layout with the number 256", func() { torch.Call("aten::zeros", []int{2}, torch.Named{"layout": torch.Layout(256)}) }},
			{"layout -1", "there is no Layout with the number -1", func() { torch.Call("aten::zeros", []int{2}, torch.Named{"layout": torch.Layout(-1)}) }},
			{"device type 100", "there is no device type with the number 100", func() { torch.Zeros([]int{1}, torch.Options{Device: torch.Device{Type: 100}}) }},
			{"device type -1", "there is no device type with the number -1", func() { x.To(torch.Device{Type: -1}) }},
			{"state of device type 100", "device", func() { torch.RNGState(torch.Device{Type: 100}) }},
			{"element type 200", "no element type has the number 200", func() { x.ToDType(200) }},
			{"element type 200 of Call", "argument \"dtype\": no element type has the number 200", func() { torch.Call("aten::zeros", []int{1}, torch.Named{"dtype": torch.DType(200)}) }},
			{"size of element type 200", "no element type has the number 200", func() { torch.DType(200).Size() }},
			{"bytes of element type 200", "no element type has the number 200", func() { torch.FromBytes([]byte{1}, 200) }},
			{"reduction 7", "there is no reduction 7", func() { torch.MSELoss(x, x, 7) }},

			// A petabyte and more, of one float.
			{"ToSlice of 2^50", "", func() { torch.ToSlice[float32](torch.Zeros([]int{1}).Expand(1 << 50)) }},
			{"Float32s of 2^62", "", func() { torch.Zeros([]int{1}).Expand(1 << 62).Float32s() }},
			{"Float64s of 2^50", "", func() { torch.Zeros([]int{1}).Expand(1 << 50).Float64s() }},
			{"Bytes of 2^60", "", func() { torch.Zeros([]int{1}).Expand(1<<30, 1<<30).Bytes() }},
			{"ToSlice of a tensor without memory", "meta", func() {
				torch.ToSlice[float32](torch.Call("aten::zeros", []int{3}, torch.Named{"device": "meta"}).Tensor())
			}},

			{"1<<20 threads", "at most 1024", func() { torch.SetNumThreads(1 << 20) }},
			{"1025 threads", "at most 1024", func() { torch.Threads(1025, func() {}) }},
			{"no threads", "at least 1", func() { torch.SetNumThreads(0) }},

			{"ZeroGrad of nil", "tensor 1 is nil", func() { torch.ZeroGrad([]*torch.Tensor{x, nil}) }},
			{"Keep of nil", "the tensor is nil", func() { (*torch.Tensor)(nil).Keep() }},
			{"Scope of nil", "the function is nil", func() { torch.Scope(nil) }},
			{"Unscoped of nil", "the function is nil", func() { torch.Unscoped(nil) }},
			{"NoGrad of nil", "the function is nil", func() { torch.NoGrad(nil) }},
			{"Threads of nil", "the function is nil", func() { torch.Threads(1, nil) }},
		} {
			err := torch.Try(c.f)
			if assert.Error(t, err, c.name) {
				assert.Contains(t, err.Error(), c.want, c.name)
			}
		}
		assert.Equal(t, "DType(200)", torch.DType(200).String())
		assert.Zero(t, torch.DeviceCount(100))
		assert.Zero(t, torch.DeviceCount(-1))
		assert.Equal(t, []float32{0, 0}, torch.ToSlice[float32](torch.Call("aten::_efficientzerotensor", []int{2}).Tensor()), "it has no memory")
	})
	zero.Close()
}

// Results that were packed already are freed when a later one cannot be carried.
func TestResultsOfAFailedCallAreFreed(t *testing.T) {
	torchtest.Pretend(t) // it brings the operator
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		x := torch.Ones([]int{1000})
		for range 10 {
			err := torch.Try(func() { torch.Call("etude_test::partly", x) })
			require.ErrorContains(t, err, "has a Generator, which the bridge does not carry")
		}
	})
}

// A loop that drops large tensors outside any scope keeps a bounded number of them: the
// garbage collector is called when those that no scope frees have doubled.
func TestDroppedTensorsAreCollected(t *testing.T) {
	torchtest.NoLeaks(t)
	const size = 16 << 20
	kept := torch.Zeros([]int{size / 4}) // alive all the time
	defer kept.Close()
	bytes := make([]byte, size)
	for name, round := range map[string]func(){
		"an operator":        func() { torch.Empty([]int{size / 4}) },
		"from memory":        func() { torch.FromBytes(bytes, torch.Float32, size/4) },
		"a copy":             func() { kept.ToDType(torch.Float16) },
		"a list":             func() { torch.Call("aten::unbind_copy.int", kept.Reshape(4, -1)) },
		"kept out of scopes": func() { torch.Scope(func() { torch.Empty([]int{size / 4}).Keep() }) },
		"inside a scope":     func() { torch.Scope(func() { torch.Unscoped(func() { torch.Empty([]int{size / 4}) }) }) },
		"with a graph": func() {
			w := torch.Zeros([]int{size / 4}).SetRequiresGrad(true)
			w.Tanh().Sum()
		},
	} {
		most := int64(0)
		for range 40 {
			round()
			most = max(most, torch.Live().Bytes)
		}
		// 128 MiB may be there before the collector is called, and a round makes up to three
		// tensors of 16; twice that is for cleanups that are late on a busy machine. Without
		// the collector 640 MiB and more would be alive.
		assert.Less(t, most, int64(2*(128+4*16)<<20), name)
	}

	// Views have no bytes of their own: they must not call the collector each time.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 1000 {
		kept.Narrow(0, i, 1)
	}
	runtime.ReadMemStats(&after)
	assert.LessOrEqual(t, after.NumGC-before.NumGC, uint32(10))
}

// 60 goroutines that compute with 12 threads each leave a bounded number of threads.
func TestGoroutinesLeaveNoThreads(t *testing.T) {
	torchtest.NoLeaks(t)
	old := torch.NumThreads()
	defer torch.SetNumThreads(old)
	torch.SetNumThreads(12)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 60 {
		wg.Go(func() {
			<-start
			torch.Scope(func() {
				x := torch.Ones([]int{300, 300})
				for range 3 {
					assert.Equal(t, 300.0, x.Matmul(x).AddScalar(0.0).Max().Item())
				}
			})
		})
	}
	close(start)
	wg.Wait()
	// 60 OS threads of Go's, 64 helpers (see SetNumThreads) and what the process had.
	assert.Less(t, threads(t), 250)
}

// threads returns how many OS threads the process has, once those that end have ended.
func threads(t *testing.T) (n int) {
	for last := -1; n != last; {
		last = n
		time.Sleep(20 * time.Millisecond)
		status, err := os.ReadFile("/proc/self/status")
		require.NoError(t, err)
		for line := range strings.Lines(string(status)) {
			if text, ok := strings.CutPrefix(line, "Threads:"); ok {
				n, err = strconv.Atoi(strings.TrimSpace(text))
				require.NoError(t, err)
			}
		}
	}
	t.Logf("%d threads", n)
	return n
}

// Libtorch's warnings reach the handler, as they are and each time; without one each is
// printed once.
func TestWarnings(t *testing.T) {
	torchtest.NoLeaks(t)
	warn := func(n int) {
		torch.Scope(func() {
			torch.Call("aten::add.out", torch.Ones([]int{2}), torch.Ones([]int{2}), torch.Named{"out": torch.Empty([]int{n})})
		})
	}
	var got []string
	torch.SetWarningHandler(func(text string) { got = append(got, text) })
	warn(3)
	warn(3)
	torch.SetWarningHandler(nil)
	require.Len(t, got, 2)
	assert.Contains(t, got[0], "output with one or more elements was resized since it had shape [3]")

	stderr := os.Stderr
	read, write, err := os.Pipe()
	require.NoError(t, err)
	os.Stderr = write
	defer func() { os.Stderr = stderr }()
	warn(4)
	warn(4)
	warn(5)
	require.NoError(t, write.Close())
	text := make([]byte, 1<<16)
	n, err := read.Read(text)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text[:n])), "\n")
	if assert.Len(t, lines, 2) {
		for i, shape := range []int{4, 5} {
			assert.True(t, strings.HasPrefix(lines[i], "libtorch warns: An output"), lines[i])
			assert.Contains(t, lines[i], fmt.Sprintf("shape [%d]", shape))
		}
	}
}
