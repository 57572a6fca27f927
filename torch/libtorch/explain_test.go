// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestExplain judges facts that no machine has to have: one row for each reason, and for
// what comes first where several things are wrong.
func TestExplain(t *testing.T) {
	gpu := func(change func(f *facts)) *facts {
		f := &facts{graphics: &graphics{pci: []pciDevice{{"0000:01:00.0", "nvidia"}}, module: "580.95.05", nodes: []string{"/dev/nvidia0"}, control: true, uvm: true},
			probing: probing{library: "/usr/lib/libcuda.so.1", driver: 13000, runtime: 13020}, wanted: 13020, bridged: true}
		change(f)
		return f
	}
	working := []CUDADevice{{Name: "H100", ComputeCapability: "9.0"}}
	for name, c := range map[string]struct {
		facts *facts
		want  verdict
	}{
		"all is well":           {gpu(func(f *facts) { f.gpus = working }), verdict{}},
		"no GPU":                {&facts{graphics: &graphics{}, bridged: true}, verdict{CUDANoGPU, "no NVIDIA GPU", ""}},
		"no GPU and no bridge":  {&facts{graphics: &graphics{}}, verdict{CUDANoGPU, "no NVIDIA GPU", ""}},
		"no GPU, broken bridge": {&facts{graphics: &graphics{}, probing: probing{failure: errors.New("broken")}}, verdict{CUDABridgeMissing, "broken", mendUpgrade}},
		"no libtorch":           {gpu(func(f *facts) { f.noTorch, f.gpus = "not installed", working }), verdict{CUDANotInstalled, "libtorch: not installed", mendCUDA}},
		"for the CPU":           {gpu(func(f *facts) { f.cpuOnly, f.gpus = true, working }), verdict{CUDALibtorchCPU, "this libtorch is for the CPU", mendCUDA}},
		"not tried":             {gpu(func(f *facts) { f.untried, f.library = "is missing", "" }), verdict{CUDANotTried, "CUDA was not tried: the program for that is missing", mendSetup}},
		"two things": {gpu(func(f *facts) { f.cpuOnly, f.silent = true, true }),
			verdict{CUDALibtorchCPU, "this libtorch is for the CPU; besides, the NVIDIA driver does not answer", mendCUDA}},
		"two things, one not tried": {gpu(func(f *facts) { f.cpuOnly, f.untried, f.library = true, "is missing", "" }),
			verdict{CUDALibtorchCPU, "this libtorch is for the CPU", mendCUDA}},
		"the driver hangs": {gpu(func(f *facts) { f.silent = true }),
			verdict{CUDADriverError, "the NVIDIA driver does not answer", "reboot; `dmesg | grep -i nvrm` says what the GPU reported"}},
		"hidden": {gpu(func(f *facts) { f.hidden, f.hiding = 2, "7" }),
			verdict{CUDAHidden, `CUDA_VISIBLE_DEVICES="7" hides 2 devices`, "unset CUDA_VISIBLE_DEVICES"}},
		"no permission": {gpu(func(f *facts) { f.refused, f.group = "/dev/nvidia0", "video" }),
			verdict{CUDANoPermission, "no permission to open /dev/nvidia0, which is for the group video", "sudo usermod -aG video $USER, then log in again"}},
		"a header is missing for a libtorch of the user's": {gpu(func(f *facts) {
			f.bridged, f.users, f.missing, f.headers, f.gpus = false, true, "no header", "get it", working
		}),
			verdict{CUDABridgeMissing, "no header", "get it; then " + mendCUDA}},
	} {
		assert.Equal(t, c.want, c.facts.explain(), name)
	}
}
