// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"sync"
)

// CUDA returns why the CUDA bridge cannot be called; nil if it can. Call the other CUDA
// functions only after it has returned nil.
func CUDA() error { return cudaProblem }

// CUDAStream is one of libtorch's streams: a value, never freed.
type CUDAStream struct {
	ID     int64
	Device int
}

func (s CUDAStream) c() C.ct_cuda_stream {
	return C.ct_cuda_stream{id: C.int64_t(s.ID), device: C.int32_t(s.Device)}
}

// CUDAAvailable returns how many devices there are, or CUDA's reason for none.
func CUDAAvailable() (int, *Error) {
	var n C.int32_t
	err := fail(C.go_cuda_available(&n))
	return int(n), err
}

// CUDAVersions returns those of the runtime, the driver (13020 for 13.2; 0 without
// one) and cuDNN (0 where it does not load).
func CUDAVersions() (runtime, driver, cudnn int, _ *Error) {
	var r, d C.int32_t
	var c C.int64_t
	err := fail(C.go_cuda_versions(&r, &d, &c))
	return int(r), int(d), int(c), err
}

// CUDAProperties describes a device.
type CUDAProperties struct {
	Name                          string
	UUID                          [16]byte
	Major, Minor, Multiprocessors int
	TotalMemory                   int64
}

// CUDADevice returns a device's properties.
func CUDADevice(device int) (CUDAProperties, *Error) {
	var p C.ct_cuda_properties
	if err := fail(C.go_cuda_properties(C.int32_t(device), &p)); err != nil {
		return CUDAProperties{}, err
	}
	out := CUDAProperties{
		Name: C.GoString(&p.name[0]), Major: int(p.major), Minor: int(p.minor),
		Multiprocessors: int(p.multiprocessors), TotalMemory: int64(p.total_memory),
	}
	for i, b := range p.uuid {
		out.UUID[i] = byte(b)
	}
	return out, nil
}

// SwapCUDADevice sets the calling thread's current device and returns the old one.
func SwapCUDADevice(device int) (int, *Error) {
	var old C.int32_t
	err := fail(C.go_cuda_device_swap(C.int32_t(device), &old))
	return int(old), err
}

// RestoreCUDADevice makes the device current that SwapCUDADevice returned. It gives
// no context to a device that has none.
func RestoreCUDADevice(old int) *Error { return fail(C.go_cuda_device_restore(C.int32_t(old))) }

// OnCUDADevice calls f with a device as the current one.
func OnCUDADevice(device int, f func()) *Error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := SwapCUDADevice(device)
	if err != nil {
		return err
	}
	defer func() { _ = RestoreCUDADevice(old) }() // it was current, so it is there
	f()
	return nil
}

// SynchronizeCUDA waits for all work of a device.
func SynchronizeCUDA(device int) *Error { return fail(C.go_cuda_synchronize(C.int32_t(device))) }

// SetCUDASyncDebugMode makes waiting for a device silent (0), a warning (1) or an error (2).
func SetCUDASyncDebugMode(mode int) *Error { return fail(C.go_cuda_sync_debug_mode(C.int32_t(mode))) }

// CUDAMemoryInfo returns the device's free and total bytes.
func CUDAMemoryInfo(device int) (free, total int64, _ *Error) {
	var f, t C.int64_t
	err := fail(C.go_cuda_memory_info(C.int32_t(device), &f, &t))
	return int64(f), int64(t), err
}

// CUDAStats holds the counters of the caching allocator.
type CUDAStats struct {
	Allocated, PeakAllocated, Reserved, PeakReserved     int64 // bytes
	Allocations, DeviceAllocations, Retries, OutOfMemory int64
}

// CUDAMemoryStats returns a device's counters.
func CUDAMemoryStats(device int) (CUDAStats, *Error) {
	var s C.ct_cuda_stats
	err := fail(C.go_cuda_memory_stats(C.int32_t(device), &s))
	return CUDAStats{
		int64(s.allocated), int64(s.allocated_peak), int64(s.reserved), int64(s.reserved_peak),
		int64(s.allocations), int64(s.device_allocations), int64(s.retries), int64(s.out_of_memory),
	}, err
}

// ResetCUDAPeakStats makes the peaks what is there now.
func ResetCUDAPeakStats(device int) *Error {
	return fail(C.go_cuda_reset_peak_stats(C.int32_t(device)))
}

// EmptyCUDACache gives unused blocks back to the devices.
func EmptyCUDACache() *Error { return fail(C.go_cuda_empty_cache()) }

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

// Do calls f with s as the current stream, and its device as the current device.
func (s CUDAStream) Do(f func()) *Error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := SwapCUDAStream(s)
	if err != nil {
		return err
	}
	defer func() { _, _ = SwapCUDAStream(old) }() // it was current, so it is there
	return OnCUDADevice(s.Device, f)
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

// capturing is held by a capture. CUDA refuses to wait for a device, as is done before
// each, while a stream of it is captured.
var capturing sync.Mutex

// Capture calls f with s as the current stream and keeps what it launches, unless f fails.
// threadLocal: unsafe calls of other threads do not make it fail.
func (g CUDAGraph) Capture(s CUDAStream, pool CUDAPool, threadLocal bool, f func() error) (err error) {
	capturing.Lock()
	defer capturing.Unlock()
	if err := SynchronizeCUDA(s.Device); err != nil {
		return err
	}
	// This capture cannot use the blocks that other captures left free.
	if err := EmptyCUDACache(); err != nil {
		return err
	}
	if failed := s.Do(func() { err = g.capture(pool, threadLocal, f) }); failed != nil {
		return failed
	}
	return err
}

// capture brackets f. Whatever happens inside, the stream leaves capture mode:
// everything after would fail otherwise.
func (g CUDAGraph) capture(pool CUDAPool, threadLocal bool, f func() error) (err error) {
	join := func(failed *Error) {
		if failed != nil {
			err = errors.Join(err, failed)
		}
	}
	done := false
	defer func() {
		if !done || err != nil {
			join(g.Reset())
		}
	}()
	p := C.ct_cuda_pool{first: C.uint64_t(pool.First), second: C.uint64_t(pool.Second)}
	// cudaStreamCaptureModeGlobal, or ThreadLocal
	if failed := fail(C.go_cuda_graph_begin(C.ct_cuda_graph(g), p, cbool(threadLocal))); failed != nil {
		return failed
	}
	defer func() {
		if end := fail(C.go_cuda_graph_end(C.ct_cuda_graph(g))); err == nil {
			join(end) // otherwise it only repeats that f failed
		}
	}()
	err = f()
	done = true
	return err
}

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
