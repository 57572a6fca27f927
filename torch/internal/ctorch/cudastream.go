// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"

static ct_error *go_cuda_stream_new(int32_t device, int32_t high, ct_cuda_stream *out) { return cuda_table->stream_new(device, high, out); }
static ct_error *go_cuda_stream_current(int32_t device, ct_cuda_stream *out) { return cuda_table->stream_current(device, out); }
static ct_error *go_cuda_stream_swap(ct_cuda_stream s, ct_cuda_stream *old) { return cuda_table->stream_swap(s, old); }
static ct_error *go_cuda_stream_synchronize(ct_cuda_stream s) { return cuda_table->stream_synchronize(s); }
static ct_error *go_cuda_stream_query(ct_cuda_stream s, int32_t *done) { return cuda_table->stream_query(s, done); }
static ct_error *go_cuda_stream_wait(ct_cuda_stream s, ct_cuda_event e) { return cuda_table->stream_wait(s, e); }
static ct_error *go_cuda_event_new(int32_t timing, ct_cuda_event *out) { return cuda_table->event_new(timing, out); }
static void go_cuda_event_free(ct_cuda_event e) { cuda_table->event_free(e); }
static ct_error *go_cuda_event_record(ct_cuda_event e, ct_cuda_stream s) { return cuda_table->event_record(e, s); }
static ct_error *go_cuda_event_synchronize(ct_cuda_event e) { return cuda_table->event_synchronize(e); }
static ct_error *go_cuda_event_query(ct_cuda_event e, int32_t *done) { return cuda_table->event_query(e, done); }
static ct_error *go_cuda_event_elapsed(ct_cuda_event a, ct_cuda_event b, double *ms) { return cuda_table->event_elapsed(a, b, ms); }
static ct_error *go_cuda_pool_new(ct_cuda_pool *out) { return cuda_table->pool_new(out); }
static ct_error *go_cuda_graph_new(ct_cuda_graph *out) { return cuda_table->graph_new(out); }
static void go_cuda_graph_free(ct_cuda_graph g) { cuda_table->graph_free(g); }
static ct_error *go_cuda_graph_begin(ct_cuda_graph g, ct_cuda_pool pool, int32_t mode) { return cuda_table->graph_begin(g, pool, mode); }
static ct_error *go_cuda_graph_end(ct_cuda_graph g) { return cuda_table->graph_end(g); }
static ct_error *go_cuda_graph_replay(ct_cuda_graph g) { return cuda_table->graph_replay(g); }
static ct_error *go_cuda_graph_reset(ct_cuda_graph g) { return cuda_table->graph_reset(g); }
static ct_error *go_cuda_graph_pool(ct_cuda_graph g, ct_cuda_pool *out) { return cuda_table->graph_pool(g, out); }
*/
import "C"

func streamOf(s C.ct_cuda_stream) CUDAStream { return CUDAStream{int64(s.id), int(s.device)} }

// NewCUDAStream takes a stream of a device's pool.
func NewCUDAStream(device int, highPriority bool) (CUDAStream, *Error) {
	var s C.ct_cuda_stream
	err := fail(C.go_cuda_stream_new(C.int32_t(device), cbool(highPriority), &s))
	return streamOf(s), err
}

// CurrentCUDAStream returns the calling thread's stream of a device.
func CurrentCUDAStream(device int) (CUDAStream, *Error) {
	var s C.ct_cuda_stream
	err := fail(C.go_cuda_stream_current(C.int32_t(device), &s))
	return streamOf(s), err
}

// SwapCUDAStream makes s the calling thread's stream of its device, and returns the old one.
func SwapCUDAStream(s CUDAStream) (CUDAStream, *Error) {
	var old C.ct_cuda_stream
	err := fail(C.go_cuda_stream_swap(s.c(), &old))
	return streamOf(old), err
}

// Synchronize waits for the stream's work.
func (s CUDAStream) Synchronize() *Error { return fail(C.go_cuda_stream_synchronize(s.c())) }

// Query reports whether the stream's work is done.
func (s CUDAStream) Query() (bool, *Error) {
	var done C.int32_t
	err := fail(C.go_cuda_stream_query(s.c(), &done))
	return done != 0, err
}

// Wait makes the stream's later work wait for e.
func (s CUDAStream) Wait(e CUDAEvent) *Error {
	return fail(C.go_cuda_stream_wait(s.c(), C.ct_cuda_event(e)))
}

// CUDAEvent is libtorch's address of an event.
type CUDAEvent uintptr

// NewCUDAEvent makes an event, for Free to free.
func NewCUDAEvent(timing bool) (CUDAEvent, *Error) {
	var e C.ct_cuda_event
	err := fail(C.go_cuda_event_new(cbool(timing), &e))
	return CUDAEvent(e), err
}

// Free frees the event.
func (e CUDAEvent) Free() { C.go_cuda_event_free(C.ct_cuda_event(e)) }

// Record marks the stream's work so far.
func (e CUDAEvent) Record(s CUDAStream) *Error {
	return fail(C.go_cuda_event_record(C.ct_cuda_event(e), s.c()))
}

// Synchronize waits for what was recorded.
func (e CUDAEvent) Synchronize() *Error {
	return fail(C.go_cuda_event_synchronize(C.ct_cuda_event(e)))
}

// Query reports whether what was recorded is done.
func (e CUDAEvent) Query() (bool, *Error) {
	var done C.int32_t
	err := fail(C.go_cuda_event_query(C.ct_cuda_event(e), &done))
	return done != 0, err
}

// Elapsed returns the milliseconds between two events that are done.
func (e CUDAEvent) Elapsed(end CUDAEvent) (float64, *Error) {
	var ms C.double
	err := fail(C.go_cuda_event_elapsed(C.ct_cuda_event(e), C.ct_cuda_event(end), &ms))
	return float64(ms), err
}

// CUDAPool names a private pool of memory.
type CUDAPool struct{ First, Second uint64 }

// NewCUDAPool returns a pool of its own.
func NewCUDAPool() (CUDAPool, *Error) {
	var p C.ct_cuda_pool
	err := fail(C.go_cuda_pool_new(&p))
	return CUDAPool{uint64(p.first), uint64(p.second)}, err
}

// CUDAGraph is libtorch's address of a graph.
type CUDAGraph uintptr

// NewCUDAGraph makes a graph, for Free to free.
func NewCUDAGraph() (CUDAGraph, *Error) {
	var g C.ct_cuda_graph
	err := fail(C.go_cuda_graph_new(&g))
	return CUDAGraph(g), err
}

// Free frees the graph.
func (g CUDAGraph) Free() { C.go_cuda_graph_free(C.ct_cuda_graph(g)) }

// Begin starts to capture the calling thread's current stream.
func (g CUDAGraph) Begin(pool CUDAPool, mode int) *Error {
	p := C.ct_cuda_pool{first: C.uint64_t(pool.First), second: C.uint64_t(pool.Second)}
	return fail(C.go_cuda_graph_begin(C.ct_cuda_graph(g), p, C.int32_t(mode)))
}

// End ends what Begin started.
func (g CUDAGraph) End() *Error { return fail(C.go_cuda_graph_end(C.ct_cuda_graph(g))) }

// Replay launches what was captured on the calling thread's current stream.
func (g CUDAGraph) Replay() *Error { return fail(C.go_cuda_graph_replay(C.ct_cuda_graph(g))) }

// Reset forgets what was captured.
func (g CUDAGraph) Reset() *Error { return fail(C.go_cuda_graph_reset(C.ct_cuda_graph(g))) }

// Pool returns the pool that the graph captured into.
func (g CUDAGraph) Pool() (CUDAPool, *Error) {
	var p C.ct_cuda_pool
	err := fail(C.go_cuda_graph_pool(C.ct_cuda_graph(g), &p))
	return CUDAPool{uint64(p.first), uint64(p.second)}, err
}
