// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Without a GPU every method of its meter returns an error.
func TestMeterWithoutGPU(t *testing.T) {
	torchtest.Need(t)
	if cuda.Available() == nil {
		t.Skip("there is a GPU")
	}
	m := meterOf(torch.CUDA(0))
	assert.Error(t, m.synchronize())
	assert.Error(t, m.resetPeak())
	_, err := m.memory()
	assert.Error(t, err)
	_, _, err = m.graph(func() { t.Error("a step without a device") })
	assert.Error(t, err)
	assert.NotErrorIs(t, err, errNoGraphs)
	assert.Empty(t, versions(torch.CUDA(0), libtorch.ExamineCUDA(t.Context())).GPU)
}

// With a GPU a step that changes a number is captured, and changes it when it is
// replayed, not before.
func TestMeterWithGPU(t *testing.T) {
	torchtest.Need(t)
	if err := cuda.Available(); err != nil {
		t.Skip(err)
	}
	m := meterOf(torch.CUDA(0))
	v := versions(torch.CUDA(0), libtorch.ExamineCUDA(t.Context()))
	assert.NotEmpty(t, v.GPU)
	assert.NotEmpty(t, v.CUDA)
	x := torch.Zeros([]int{}, torch.Options{Device: torch.CUDA(0)})
	replay, done, err := m.graph(func() { torch.Scope(func() { x.AddScalarInPlace(1) }) })
	if !assert.NoError(t, err) {
		return
	}
	defer done()
	assert.NoError(t, m.synchronize())
	assert.EqualValues(t, warmSteps, x.Item())
	assert.NoError(t, replay())
	assert.NoError(t, m.synchronize())
	assert.EqualValues(t, warmSteps+1, x.Item())
	use, err := m.memory()
	assert.NoError(t, err)
	assert.Positive(t, use.PeakAllocated)
	assert.GreaterOrEqual(t, use.Reserved, use.Allocated)
}

// Settings hold inside and are as before outside.
func TestSettingsAreRestored(t *testing.T) {
	torchtest.Need(t)
	torch.SetFloat32MatmulPrecision(torch.PrecisionHigh)
	defer torch.SetFloat32MatmulPrecision(torch.PrecisionHighest)
	exactly(func() {
		assert.Equal(t, torch.PrecisionHighest, torch.GetFloat32MatmulPrecision())
		assert.False(t, torch.CuDNNAllowTF32())
		deterministically(func() { assert.True(t, torch.AreDeterministicAlgorithmsEnabled()) })
		assert.False(t, torch.AreDeterministicAlgorithmsEnabled())
	})
	assert.Equal(t, torch.PrecisionHigh, torch.GetFloat32MatmulPrecision())
	assert.True(t, torch.CuDNNAllowTF32())
}

func TestFreeMemory(t *testing.T) {
	torchtest.Need(t)
	c := &libtorch.CUDA{Driver: "580.65.06", DriverCUDA: "13.2", Runtime: "13.2", CuDNN: "9.26.0", Devices: []libtorch.CUDADevice{
		{Name: "A GPU", MemoryFree: 5 << 30}, {Name: "A GPU in Windows", MemoryFree: -1},
	}}
	assert.EqualValues(t, 5<<30, versions(torch.CUDA(0), c).GPUMemoryFree)
	for _, d := range []torch.Device{torch.CUDA(1), torch.CUDA(2)} {
		assert.Zero(t, versions(d, c).GPUMemoryFree)
	}
	assert.Equal(t, "580.65.06", versions(torch.CUDA(0), c).Driver)
}
