// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/etude-ml/etude/torch/libtorch"
)

func TestPrintDoctor(t *testing.T) {
	h100 := libtorch.CUDADevice{Name: "NVIDIA H100", ComputeCapability: "9.0", MemoryTotal: 85_000_000_000, MemoryFree: 84_000_000_000, Usable: true}
	old := libtorch.CUDADevice{Index: 1, Name: "Tesla P4", ComputeCapability: "6.1", MemoryTotal: 8_000_000_000, MemoryFree: -1}
	part := libtorch.Part{Name: "CUDA", Status: libtorch.StatusWarn, Found: "2 devices", Problem: "Tesla P4 is too old", Mend: "export CUDA_VISIBLE_DEVICES=0"}
	for _, c := range []struct {
		report libtorch.Report
		want   string
	}{
		{libtorch.Report{Parts: []libtorch.Part{part}, CUDA: libtorch.CUDA{Available: true, Devices: []libtorch.CUDADevice{h100, old}}}, `
      part  found
warn  CUDA  2 devices

device  name         compute capability    memory free  total
cuda:0  NVIDIA H100  9.0                   84.0 GB      85.0 GB
cuda:1  Tesla P4     6.1 (cannot be used)  ?            8.0 GB

CUDA: Tesla P4 is too old
    export CUDA_VISIBLE_DEVICES=0

Training can run, on the GPU too.
`},
		{libtorch.Report{Parts: []libtorch.Part{{Name: "CUDA", Status: libtorch.StatusOK, Found: "none"}}}, `
    part  found
ok  CUDA  none

Training can run, on the CPU.
`},
		{libtorch.Report{Parts: []libtorch.Part{{Name: "bridge", Status: libtorch.StatusError}}, CUDA: libtorch.CUDA{Available: true}}, `
       part    found
error  bridge  -

Training cannot run.
`},
	} {
		var out bytes.Buffer
		printDoctor(&out, &c.report)
		assert.Equal(t, c.want[1:], out.String())
	}
}
