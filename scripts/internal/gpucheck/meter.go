// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"

	"github.com/etude-ml/etude/torch"
)

// meter asks a device for what its tensors do not tell.
type meter interface {
	// synchronize waits until the device has done all that it was given to do.
	synchronize() error
	// memory returns what is in use, and the most that was since resetPeak.
	memory() (MemoryUse, error)
	resetPeak() error
	// graph calls step warmSteps times, captures it once more without effect, and
	// returns what replays it. Devices without graphs return errNoGraphs.
	graph(step func()) (replay func() error, done func(), err error)
	// describe fills in what the device is.
	describe(*Versions)
}

// warmSteps is how often a step is called before it is captured: lazily made state
// must be there by then.
const warmSteps = 3

var errNoGraphs = errors.New("only CUDA has graphs")

// MemoryUse is memory in bytes. On the CPU it is that of tensors, Reserved is 0,
// and a peak is the process's.
type MemoryUse struct {
	Allocated     int64 `json:"allocated"`
	PeakAllocated int64 `json:"peak_allocated"`
	Reserved      int64 `json:"reserved"` // from the device, by libtorch's allocator
	PeakReserved  int64 `json:"peak_reserved"`
}

// meterOf returns the meter of a device.
func meterOf(d torch.Device) meter {
	if d.Type == torch.DeviceCUDA {
		return cudaMeter{d.Index}
	}
	return hostMeter{}
}

// hostMeter is that of devices whose memory is the host's, and which do what they
// are given at once.
type hostMeter struct{}

func (hostMeter) synchronize() error { return nil }
func (hostMeter) resetPeak() error   { return nil }
func (hostMeter) describe(*Versions) {}

func (hostMeter) memory() (MemoryUse, error) {
	live := torch.Live()
	return MemoryUse{Allocated: live.Bytes, PeakAllocated: live.Peak}, nil
}

func (hostMeter) graph(func()) (replay func() error, done func(), err error) {
	return nil, nil, errNoGraphs
}
