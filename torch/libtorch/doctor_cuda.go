// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
)

// cuda never fails the report: without it training runs on the CPU.
func (e *examination) cuda(ctx context.Context, t torchDir, bridgePath string) {
	p := Part{Name: "CUDA", Status: StatusOK}
	path, _ := e.findLibrary(t, cudaBridge)
	gpu := nvidiaDevice()
	why := t.checkCUDA()
	switch {
	case path != "" && e.prober != "" && bridgePath != "":
		e.cudaDevices(ctx, &p, gpu, bridgePath, path)
	case gpu && why != nil:
		p.Status, p.Problem, p.Mend = StatusWarn, "there is an NVIDIA GPU, but it cannot be used: "+why.Error(), mendCUDA
	case gpu:
		p.Status, p.Problem, p.Mend = StatusWarn, "there is an NVIDIA GPU, but the CUDA bridge is not compiled", mendCUDA
	case errors.Is(why, errNoCUDA):
		p.Found = "none: libtorch for the CPU, and no NVIDIA GPU"
	case why != nil:
		p.Found = "none: " + why.Error() + "; no NVIDIA GPU"
	default:
		p.Found = "none: the CUDA bridge is not compiled; no NVIDIA GPU"
	}
	e.add(p)
}

// CUDA's codes that say more than their number.
const (
	cudaInsufficientDriver = 35 // also without any driver
	cudaNoDevice           = 100
)

// cudaDevices loads the CUDA bridge and asks for devices.
func (e *examination) cudaDevices(ctx context.Context, p *Part, gpu bool, bridgePath, path string) {
	p.Found = path
	found, err := probe(ctx, e.prober, bridgePath, path)
	if err == nil {
		err = found.failure
	}
	switch {
	case err != nil:
		p.Status, p.Problem, p.Mend = StatusWarn, bare(err), mendUpgrade
	case found.devices > 0:
		p.Found = fmt.Sprintf("%d devices; the driver serves CUDA %s; %s", found.devices, cudaVersion(found.driver), path)
	case found.driver == 0 && gpu:
		p.Status, p.Problem = StatusWarn, "there is an NVIDIA GPU, but no driver library (libcuda.so.1)"
		p.Mend = "docker run --gpus all … (outside of a container: install the NVIDIA driver)"
	case found.driver == 0 || found.devicesCode == cudaNoDevice:
		p.Found = "0 devices, no NVIDIA GPU; " + path
	case found.devicesCode == cudaInsufficientDriver:
		p.Status, p.Problem = StatusWarn, fmt.Sprintf("the NVIDIA driver serves CUDA %s, which is too old for this libtorch", cudaVersion(found.driver))
		p.Mend = "update the NVIDIA driver"
	default:
		p.Status, p.Problem = StatusWarn, fmt.Sprintf("CUDA error %d, 0 devices", found.devicesCode)
		p.Mend = "nvidia-smi"
	}
}

// cudaVersion writes 13020 as "13.2".
func cudaVersion(n int) string { return fmt.Sprintf("%d.%d", n/1000, n%1000/10) }

// nvidiaDevice tells whether the kernel shows an NVIDIA GPU.
func nvidiaDevice() bool {
	return exists("/dev/nvidiactl") || isDir("/proc/driver/nvidia/gpus") || exists("/usr/lib/wsl/lib/libcuda.so.1")
}
