// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Available returns nil if a CUDA device can be used, and otherwise the reason.
func Available() error {
	_, err := get(ctorch.CUDAAvailable)
	return err
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

// do calls the CUDA bridge if that is possible.
func do(f func() *ctorch.Error) error {
	if err := bridge(); err != nil {
		return err
	}
	return wrap(f())
}

// get is do for a call that returns a value.
func get[T any](f func() (T, *ctorch.Error)) (value T, err error) {
	err = do(func() (failed *ctorch.Error) {
		value, failed = f()
		return failed
	})
	return value, err
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
	p, err := get(func() (ctorch.CUDAProperties, *ctorch.Error) { return ctorch.CUDADevice(device) })
	if err != nil {
		return DeviceProperties{}, err
	}
	u := p.UUID
	return DeviceProperties{
		Name: p.Name, UUID: fmt.Sprintf("GPU-%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]),
		Major: p.Major, Minor: p.Minor, Multiprocessors: p.Multiprocessors, TotalMemory: p.TotalMemory,
	}, nil
}

// Versions holds the versions of the parts below libtorch.
type Versions struct {
	Runtime int // CUDA's runtime: 13020 is 13.2
	Driver  int // the CUDA that the driver serves, in the same form; 0 without a driver
	CuDNN   int // 92600 is 9.26.0; 0 where it does not load
}

// ReadVersions returns the versions. It needs no GPU, only a libtorch for CUDA.
func ReadVersions() (v Versions, err error) {
	err = do(func() (failed *ctorch.Error) {
		v.Runtime, v.Driver, v.CuDNN, failed = ctorch.CUDAVersions()
		return failed
	})
	return v, err
}

// OnDevice calls f with a device as its goroutine's current one: the one that
// "cuda" without a number means to libtorch.
func OnDevice(device int, f func()) error {
	return do(func() *ctorch.Error { return ctorch.OnCUDADevice(device, f) })
}

// Synchronize waits for all work of a device, of all its streams.
func Synchronize(device int) error {
	return do(func() *ctorch.Error { return ctorch.SynchronizeCUDA(device) })
}

// SyncDebugMode says what happens to an operator that makes the host wait for a
// device, such as reading a value.
type SyncDebugMode int

// The modes of torch.cuda.set_sync_debug_mode that are of use here.
const (
	SyncDefault SyncDebugMode = 0 // nothing
	SyncError   SyncDebugMode = 2 // the operator fails
)

// SetSyncDebugMode sets the mode of the whole process. It does not concern waiting that
// is asked for, by Synchronize.
func SetSyncDebugMode(mode SyncDebugMode) error {
	return do(func() *ctorch.Error { return ctorch.SetCUDASyncDebugMode(int(mode)) })
}
