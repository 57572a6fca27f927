// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"

// Thin callers, as in table.h.
static ct_error *go_cuda_available(int32_t *count) { return cuda_table->available(count); }
static ct_error *go_cuda_versions(int32_t *r, int32_t *d, int64_t *c) { return cuda_table->versions(r, d, c); }
static ct_error *go_cuda_properties(int32_t device, ct_cuda_properties *out) { return cuda_table->properties(device, out); }
static ct_error *go_cuda_device_swap(int32_t device, int32_t *old) { return cuda_table->device_swap(device, old); }
static ct_error *go_cuda_device_restore(int32_t device) { return cuda_table->device_swap(device, NULL); }
static ct_error *go_cuda_synchronize(int32_t device) { return cuda_table->synchronize(device); }
static ct_error *go_cuda_sync_debug_mode(int32_t mode) { return cuda_table->sync_debug_mode(mode); }
static ct_error *go_cuda_memory_info(int32_t device, int64_t *f, int64_t *t) { return cuda_table->memory_info(device, f, t); }
static ct_error *go_cuda_memory_stats(int32_t device, ct_cuda_stats *out) { return cuda_table->memory_stats(device, out); }
static ct_error *go_cuda_reset_peak_stats(int32_t device) { return cuda_table->reset_peak_stats(device); }
static ct_error *go_cuda_empty_cache(void) { return cuda_table->empty_cache(); }
*/
import "C"

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

// CUDAStats is what the caching allocator counts.
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
