// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/torchtest"
)

// Without a GPU all that asks for one says so.
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
	var v Versions
	m.describe(&v)
	assert.Empty(t, v.GPU)
}

// With a GPU a step that changes a number is captured, and changes it when it is
// replayed, not before.
func TestMeterWithGPU(t *testing.T) {
	torchtest.Need(t)
	if err := cuda.Available(); err != nil {
		t.Skip(err)
	}
	m := meterOf(torch.CUDA(0))
	var v Versions
	m.describe(&v)
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

func TestVersionsAsPeopleWriteThem(t *testing.T) {
	assert.Equal(t, "13.2", cudaVersion(13020))
	assert.Equal(t, "", cudaVersion(0))
	assert.Equal(t, "9.26.0", cudnnVersion(92600))
	assert.Equal(t, "", cudnnVersion(0))
	assert.Equal(t, "580.65.06", driverVersion("NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:21:04 UTC 2025\n"))
	assert.Equal(t, "565.57.01", driverVersion("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  Release Build\nGCC version: gcc 12.2.0\n"))
}
