// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import "github.com/etude-ml/etude/torch/internal/ctorch"

// MemoryInfo returns how many bytes of a device are free, and how many it has:
// those that other processes hold are not free.
func MemoryInfo(device int) (free, total int64, _ error) {
	if err := bridge(); err != nil {
		return 0, 0, err
	}
	free, total, err := ctorch.CUDAMemoryInfo(device)
	return free, total, wrap(err)
}

// MemoryStats is what libtorch's caching allocator has counted for a device.
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
	if err := bridge(); err != nil {
		return MemoryStats{}, err
	}
	s, err := ctorch.CUDAMemoryStats(device)
	return MemoryStats(s), wrap(err)
}

// ResetPeakMemoryStats makes the peaks what is there now.
func ResetPeakMemoryStats(device int) error {
	if err := bridge(); err != nil {
		return err
	}
	return wrap(ctorch.ResetCUDAPeakStats(device))
}

// EmptyCache gives the cache's free blocks back to the devices, for other processes.
func EmptyCache() error {
	if err := bridge(); err != nil {
		return err
	}
	return wrap(ctorch.EmptyCUDACache())
}
