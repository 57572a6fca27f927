// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import (
	"fmt"
	"runtime"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Available returns nil if a CUDA device can be used, and else the reason.
func Available() error {
	if err := bridge(); err != nil {
		return err
	}
	_, err := ctorch.CUDAAvailable()
	return wrap(err)
}

// bridge returns why the CUDA bridge cannot be called, nil if it can.
func bridge() error {
	if err := torch.Init(); err != nil {
		return err
	}
	if err := ctorch.CUDA(); err != nil {
		return fmt.Errorf("cuda: no CUDA device can be used: %w", err)
	}
	return nil
}

// wrap makes a Go error of the bridge's; nil stays nil.
func wrap(err *ctorch.Error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cuda: %w", err)
}

// DeviceCount returns how many devices can be used, 0 without CUDA.
func DeviceCount() int { return torch.DeviceCount(torch.DeviceCUDA) }

// DeviceProperties describes a GPU.
type DeviceProperties struct {
	Name            string // "NVIDIA H100 80GB HBM3"
	UUID            string // "GPU-…", as nvidia-smi -L prints it
	Major, Minor    int    // compute capability
	Multiprocessors int
	TotalMemory     int64 // bytes
}

// Properties describes a device.
func Properties(device int) (DeviceProperties, error) {
	if err := bridge(); err != nil {
		return DeviceProperties{}, err
	}
	p, err := ctorch.CUDADevice(device)
	if err != nil {
		return DeviceProperties{}, wrap(err)
	}
	u := p.UUID
	return DeviceProperties{
		Name: p.Name, UUID: fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]),
		Major: p.Major, Minor: p.Minor, Multiprocessors: p.Multiprocessors, TotalMemory: p.TotalMemory,
	}, nil
}

// Versions are those of the parts below libtorch.
type Versions struct {
	Runtime int // CUDA's runtime: 13020 is 13.2
	Driver  int // the CUDA that the driver serves, in the same form; 0 without a driver
	CuDNN   int // 92600 is 9.26.0; 0 where it does not load
}

// ReadVersions works without a GPU, as long as libtorch is one for CUDA.
func ReadVersions() (Versions, error) {
	if err := bridge(); err != nil {
		return Versions{}, err
	}
	r, d, c, err := ctorch.CUDAVersions()
	return Versions{r, d, c}, wrap(err)
}

// OnDevice calls f with a device as its goroutine's current one: the one that
// "cuda" without a number means to libtorch.
func OnDevice(device int, f func()) error {
	if err := bridge(); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old, err := ctorch.SwapCUDADevice(device)
	if err != nil {
		return wrap(err)
	}
	defer func() { _ = ctorch.RestoreCUDADevice(old) }() // it was current, so it is there
	f()
	return nil
}

// Synchronize waits for all work of a device, of all its streams.
func Synchronize(device int) error {
	if err := bridge(); err != nil {
		return err
	}
	return wrap(ctorch.SynchronizeCUDA(device))
}

// A SyncDebugMode says what becomes of an operator that makes the host wait for a
// device, such as reading a value.
type SyncDebugMode int

// The modes of torch.cuda.set_sync_debug_mode.
const (
	SyncDefault SyncDebugMode = iota // nothing is said
	SyncWarn                         // libtorch warns on standard error
	SyncError                        // the operator fails
)

// SetSyncDebugMode sets the mode of the whole process. Waiting that is asked for,
// by Synchronize, is none of its business.
func SetSyncDebugMode(mode SyncDebugMode) error {
	if err := bridge(); err != nil {
		return err
	}
	return wrap(ctorch.SetCUDASyncDebugMode(int(mode)))
}
