// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/torchtest"
)

// The tests of this file run on a stand-in for CUDA. They look at what goes into which
// stream, on which device.

var onSecond = torch.Options{Device: torch.CUDA(1)}

// streamOf returns the stream in which f puts kernels, all of them, such as "1.3".
func streamOf(t *testing.T, log func() []string, f func()) string {
	t.Helper()
	log()
	f()
	stream := ""
	for _, line := range log() {
		if device, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, "kernel ") {
			at := device + " in " + strings.TrimPrefix(rest, "kernel ")
			assert.True(t, stream == "" || stream == at, "%s, and %s", stream, at)
			stream = at
		}
	}
	return stream
}

// Work goes into the stream of the Do around it, backward passes with it, and into the
// old one after a Do that panicked.
func TestStandInStreams(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	torch.Scope(func() {
		work := func() {
			x := torch.Ones([]int{4}, onSecond).SetRequiresGrad(true)
			x.Mul(x).Sum().Backward()
		}
		assert.Equal(t, "1 in default", streamOf(t, log, work))
		s, err := cuda.NewStream(1)
		require.NoError(t, err)
		var inside string
		assert.Panics(t, func() {
			_ = s.Do(func() {
				inside = streamOf(t, log, work)
				panic("in the middle")
			})
		})
		assert.Regexp(t, `^1 in 1\.\d+$`, inside)
		assert.Equal(t, "1 in default", streamOf(t, log, work))

		log()
		current, err := cuda.CurrentStream(1)
		require.NoError(t, err)
		require.NoError(t, s.WaitStream(current))
		require.NoError(t, current.WaitStream(s))
		own := strings.TrimPrefix(inside, "1 in ")
		assert.Equal(t, []string{"1 wait for default in " + own, "1 wait for " + own + " in default"}, log())
	})
}

// A device that nobody uses gets no context, which would take its memory.
func TestStandInContexts(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	torch.ManualSeed(1)
	torch.Scope(func() {
		torch.RNGState(torch.CUDA(0))
		x := torch.Ones([]int{8, 8}, onSecond)
		s, err := cuda.NewStream(1)
		require.NoError(t, err)
		g, err := cuda.NewGraph()
		require.NoError(t, err)
		defer g.Close()
		require.NoError(t, s.Do(func() { x.Matmul(x) }))
		require.NoError(t, g.Capture(s, cuda.CaptureConfig{}, func() { x.Matmul(x) }))
		require.NoError(t, g.Replay())
		require.NoError(t, cuda.Synchronize(1))
		_, err = cuda.ReadMemoryStats(1)
		require.NoError(t, err)
		require.NoError(t, cuda.EmptyCache())
		assert.Zero(t, x.Sum().Item()-x.Sum().Item())
	})
	var contexts []string
	for _, line := range log() {
		if strings.HasSuffix(line, " context") {
			contexts = append(contexts, line)
		}
	}
	assert.Equal(t, []string{"1 context"}, contexts)
}

// Captures take turns, and find a cuBLAS on threads that did not warm up.
func TestStandInCaptures(t *testing.T) {
	log := torchtest.StandIn(t)
	if log == nil {
		return
	}
	x := torch.Ones([]int{8, 8}, onSecond)
	var captures sync.WaitGroup
	var under atomic.Int32
	for range 4 {
		captures.Go(func() {
			s, err := cuda.NewStream(1)
			require.NoError(t, err)
			g, err := cuda.NewGraph()
			require.NoError(t, err)
			defer g.Close()
			torch.Scope(func() {
				assert.NoError(t, g.Capture(s, cuda.CaptureConfig{}, func() {
					assert.EqualValues(t, 1, under.Add(1))
					x.Matmul(x)
					time.Sleep(5 * time.Millisecond)
					under.Add(-1)
				}))
				assert.NoError(t, g.Replay())
			})
		})
	}
	captures.Wait()
	assert.Equal(t, 4, strings.Count(strings.Join(log(), "\n"), " graph 1."))

	// A capture that fails leaves the stream as it was; a graph that is freed meanwhile
	// makes none fail.
	s, err := cuda.NewStream(1)
	require.NoError(t, err)
	torch.Scope(func() {
		graphs := make([]*cuda.Graph, 2)
		for i := range graphs {
			graphs[i], err = cuda.NewGraph()
			require.NoError(t, err)
		}
		require.ErrorContains(t, graphs[0].Capture(s, cuda.CaptureConfig{}, func() { x.Sum().Item() }), "captur")
		require.NoError(t, graphs[0].Capture(s, cuda.CaptureConfig{}, func() { x.Matmul(x) }))
		require.NoError(t, graphs[1].Capture(s, cuda.CaptureConfig{}, func() {
			x.Matmul(x)
			closed := make(chan struct{})
			go func() { graphs[0].Close(); close(closed) }()
			<-closed
		}))
		require.NoError(t, graphs[1].Replay())
		graphs[1].Close()
	})
}
