// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
)

// meter asks a device for what its tensors do not show.
type meter interface {
	// synchronize waits until the device has finished all its work.
	synchronize() error
	// memory returns what is in use, and the most that was since resetPeak.
	memory() (MemoryUse, error)
	resetPeak() error
	// graph calls step warmSteps times, captures it once more without effect, and
	// returns what replays it. Devices without graphs return errNoGraphs.
	graph(step func()) (replay func() error, done func(), err error)
}

// warmSteps is how often a step is called before it is captured, so that state that is
// made at its first use exists by then.
const warmSteps = 3

var errNoGraphs = errors.New("only CUDA has graphs")

// MemoryUse holds memory in bytes. On the CPU it counts tensors, Reserved is 0, and a
// peak is that of the whole process.
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

// hostMeter measures devices whose memory is the host's and whose work is done at once.
type hostMeter struct{}

func (hostMeter) synchronize() error { return nil }
func (hostMeter) resetPeak() error   { return nil }

func (hostMeter) memory() (MemoryUse, error) {
	live := torch.Live()
	return MemoryUse{Allocated: live.Bytes, PeakAllocated: live.Peak}, nil
}

func (hostMeter) graph(func()) (replay func() error, done func(), err error) {
	return nil, nil, errNoGraphs
}

// cudaMeter measures a CUDA device. It has been compiled, and run only where it
// answers that there is no device.
type cudaMeter struct{ index int }

func (m cudaMeter) synchronize() error { return cuda.Synchronize(m.index) }

// resetPeak also gives back what earlier trainings left in the cache, so that what
// is reserved belongs to this one.
func (m cudaMeter) resetPeak() error {
	return errors.Join(cuda.EmptyCache(), cuda.ResetPeakMemoryStats(m.index))
}

func (m cudaMeter) memory() (MemoryUse, error) {
	s, err := cuda.ReadMemoryStats(m.index)
	return MemoryUse{s.Allocated, s.PeakAllocated, s.Reserved, s.PeakReserved}, err
}

// graph warms up and captures on a stream of its own, on which the graph is
// replayed, too.
func (m cudaMeter) graph(step func()) (replay func() error, done func(), err error) {
	side, err := cuda.NewStream(m.index)
	if err != nil {
		return nil, nil, err
	}
	if err := m.warm(side, step); err != nil {
		return nil, nil, fmt.Errorf("warming up: %w", err)
	}
	g, err := cuda.NewGraph()
	if err != nil {
		return nil, nil, err
	}
	// The garbage collector may free tensors of earlier trainings meanwhile, on
	// threads of its own.
	if err := g.Capture(side, cuda.CaptureConfig{ThreadLocal: true}, step); err != nil {
		g.Close()
		return nil, nil, err
	}
	return g.Replay, g.Close, nil
}

// warm calls step on a stream, after all work on the current one has ended.
func (m cudaMeter) warm(side *cuda.Stream, step func()) error {
	if err := m.synchronize(); err != nil {
		return err
	}
	var failed error
	err := side.Do(func() {
		failed = torch.Try(func() {
			for range warmSteps {
				step()
			}
		})
	})
	return errors.Join(err, failed, m.synchronize())
}

// exactly calls f with TF32 off everywhere.
func exactly(f func()) {
	precision, tf32 := torch.GetFloat32MatmulPrecision(), torch.CuDNNAllowTF32()
	torch.SetFloat32MatmulPrecision(torch.PrecisionHighest)
	torch.SetCuDNNAllowTF32(false)
	defer func() {
		torch.SetFloat32MatmulPrecision(precision)
		torch.SetCuDNNAllowTF32(tf32)
	}()
	f()
}

// deterministically calls f with operators that have the same result every time.
func deterministically(f func()) {
	defer torch.UseDeterministicAlgorithms(torch.AreDeterministicAlgorithmsEnabled())
	torch.UseDeterministicAlgorithms(true)
	f()
}

// try calls f in a scope and returns its error, or the one that an operator in it
// panicked with.
func try(f func() error) (err error) {
	if e := torch.Try(func() { torch.Scope(func() { err = f() }) }); e != nil {
		return e
	}
	return err
}
