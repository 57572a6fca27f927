// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
)

// cudaMeter is that of a CUDA device. It has been compiled, and run only where it
// answers that there is no device.
type cudaMeter struct{ index int }

func (m cudaMeter) synchronize() error { return cuda.Synchronize(m.index) }

// resetPeak also gives back what earlier trainings left in the cache, so that what
// is reserved is this one's.
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
	if err := g.Capture(side, cuda.CaptureConfig{Mode: cuda.CaptureThreadLocal}, step); err != nil {
		g.Close()
		return nil, nil, err
	}
	return g.Replay, g.Close, nil
}

// warm calls step on a stream, after all that was given to the current one.
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

// describe makes no context on the device: programs of tests come before ours, and
// have a GPU to themselves where it serves one process at a time.
func (m cudaMeter) describe(v *Versions) {
	if p, err := cuda.Properties(m.index); err == nil {
		v.GPU, v.GPUMemory, v.Multiprocessors = p.Name, p.TotalMemory, p.Multiprocessors
		v.Capability = fmt.Sprintf("%d.%d", p.Major, p.Minor)
	}
	if c, err := cuda.ReadVersions(); err == nil {
		v.CUDA, v.DriverCUDA, v.CuDNN = cudaVersion(c.Runtime), cudaVersion(c.Driver), cudnnVersion(c.CuDNN)
	}
	if text, err := os.ReadFile("/proc/driver/nvidia/version"); err == nil {
		v.Driver = driverVersion(string(text))
	}
}

// cudaVersion writes 13020 as "13.2", and 0 as "".
func cudaVersion(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", n/1000, n%1000/10)
}

// cudnnVersion writes 92600 as "9.26.0", and 0 as "".
func cudnnVersion(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", n/10000, n%10000/100, n%100)
}

// driverVersion finds the version in what the kernel's module says of itself:
// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 …".
func driverVersion(text string) string {
	return regexp.MustCompile(`\d+\.\d+(\.\d+)?`).FindString(text)
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
	before := torch.AreDeterministicAlgorithmsEnabled()
	torch.UseDeterministicAlgorithms(true)
	defer torch.UseDeterministicAlgorithms(before)
	f()
}
