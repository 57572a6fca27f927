// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import "github.com/etude-ml/etude/torch/internal/ctorch"

// MemoryInfo returns how many bytes of a device are free, and how many it has. Those
// that other processes hold are not free.
func MemoryInfo(device int) (free, total int64, err error) {
	err = do(func() (failed *ctorch.Error) {
		free, total, failed = ctorch.CUDAMemoryInfo(device)
		return failed
	})
	return free, total, err
}

// MemoryStats holds what libtorch's caching allocator has counted for a device.
type MemoryStats struct {
	Allocated     int64 // bytes that live tensors hold
	PeakAllocated int64 // the most that Allocated has been
	Reserved      int64 // bytes taken from the device, free blocks of the cache included
	PeakReserved  int64

	Allocations       int64 // blocks handed out so far
	DeviceAllocations int64 // times that memory was taken from the device
	Retries           int64 // times that the cache was emptied to go on
	OutOfMemory       int64
}

// ReadMemoryStats returns a device's counters.
func ReadMemoryStats(device int) (MemoryStats, error) {
	s, err := get(func() (ctorch.CUDAStats, *ctorch.Error) { return ctorch.CUDAMemoryStats(device) })
	return MemoryStats(s), err
}

// ResetPeakMemoryStats sets the peaks to what is allocated now.
func ResetPeakMemoryStats(device int) error {
	return do(func() *ctorch.Error { return ctorch.ResetCUDAPeakStats(device) })
}

// EmptyCache gives the cache's free blocks back to the devices, for other processes.
func EmptyCache() error { return do(ctorch.EmptyCUDACache) }
