// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Graph holds work that was captured once and is launched again as a whole, so that
// the host need not launch each operator.
//
//	stream, err := cuda.NewStream(0)
//	graph, err := cuda.NewGraph()
//	err = stream.Do(func() { // all in one stream, so in this order, and on one thread
//		for range 3 {
//			step() // warm up: state is born, cuBLAS and cuDNN start on this thread
//		}
//		err := graph.Capture(stream, cuda.CaptureConfig{}, step)
//		for range steps {
//			x.CopyInPlace(next) // the same memory as in the capture
//			err = graph.Replay()
//		}
//	})
//
// The captured work must not read a value on the host and must be the same in every
// replay. Numbers from Go, such as a learning rate, stay as they were in the capture.
// A replay reads and writes the same memory: copy new inputs over the captured ones,
// and read results from the tensors that were made inside; Keep those that are needed
// outside the scope they are made in. Weights and inputs that were made before the
// capture have to stay open as long as the graph is replayed. Only one goroutine may
// use a graph at a time.
type Graph struct {
	h      *handle[ctorch.CUDAGraph]
	stream *Stream // of the capture; nil before
}

// NewGraph makes an empty graph. Close frees it and its memory, or the garbage
// collector once nobody can reach it.
func NewGraph() (*Graph, error) {
	g, err := get(ctorch.NewCUDAGraph)
	if err != nil {
		return nil, err
	}
	return &Graph{h: newHandle(g, ctorch.CUDAGraph.Free)}, nil
}

// Pool is memory that graphs capture into. Graphs may share one if they are
// replayed in the order of their captures, and never at once.
type Pool struct{ p ctorch.CUDAPool }

// NewPool returns a pool for several graphs, torch.cuda.graph_pool_handle in Python.
func NewPool() (Pool, error) {
	p, err := get(ctorch.NewCUDAPool)
	return Pool{p}, err
}

// CaptureConfig says how to capture. The zero value is PyTorch's default: a private
// pool, and unsafe calls of any thread make the capture fail.
type CaptureConfig struct {
	Pool Pool
	// ThreadLocal lets only unsafe calls of the capturing thread make it fail, for
	// when other goroutines use the GPU meanwhile. They must not call Synchronize and
	// EmptyCache then, and with libtorch 2.11 draw no random numbers there.
	ThreadLocal bool
}

// Capture calls f with s as the current stream and keeps what it launches, which
// does not run. s must not be the default stream. Captures of several goroutines take
// turns; f itself must not capture. An *[torch.Error] that f panics
// with is returned, and the graph is empty then; other panics go on. s can be used
// after that. Random numbers of the device can in libtorch 2.15; 2.11 refuses them
// until another capture succeeds.
func (g *Graph) Capture(s *Stream, c CaptureConfig, f func()) error {
	h, leave, err := g.h.enter()
	if err != nil {
		return err
	}
	defer leave()
	if g.stream != nil {
		return errors.New("cuda: the graph has captured already; Reset comes first")
	}
	err = h.Capture(s.s, c.Pool.p, c.ThreadLocal, func() error { return torch.Try(f) })
	if err != nil {
		return fmt.Errorf("cuda: capture: %w", err)
	}
	g.stream = s
	return nil
}

// Replay launches the graph on the stream that it was captured on; the host does
// not wait. Streams that read what comes out wait for that one.
func (g *Graph) Replay() error {
	h, leave, err := g.h.enter()
	if err != nil {
		return err
	}
	defer leave()
	if g.stream == nil {
		return errors.New("cuda: the graph is empty; Capture comes first")
	}
	var failed *ctorch.Error
	if err := g.stream.Do(func() { failed = h.Replay() }); err != nil {
		return err
	}
	return wrap(failed)
}

// Pool returns the memory that the graph captured into, for other graphs.
func (g *Graph) Pool() (Pool, error) {
	p, err := ask(g.h, ctorch.CUDAGraph.Pool)
	return Pool{p}, err
}

// Reset makes the graph empty and frees its memory, as far as no other graph and no
// open tensor uses it.
func (g *Graph) Reset() error {
	return use(g.h, func(h ctorch.CUDAGraph) *ctorch.Error {
		g.stream = nil
		return h.Reset()
	})
}

// Close frees the graph; closing again does nothing.
func (g *Graph) Close() { g.h.close() }
