// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// CUDA's codes that say more than their number; driver_types.h has them all.
const (
	cudaStubLibrary        = 34
	cudaInsufficientDriver = 35 // also without any driver
	cudaDevicesUnavailable = 46
	cudaNoDevice           = 100
	cudaSystemNotReady     = 802
	cudaDriverMismatch     = 803
	cudaCompatNotSupported = 804
	cudaUnknown            = 999
)

// oldestDriver is the first branch of NVIDIA's driver that serves a major
// version of CUDA, in all its minor versions: table 1 of
// https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html
var oldestDriver = map[int]int{11: 450, 12: 525, 13: 580}

const driverGuide = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/"

// noDevices is why the driver shows no device.
func (d *diagnosis) noDevices() verdict {
	switch {
	case !d.present() && d.library == "":
		return verdict{CUDANoGPU, d.noGPU(), ""}
	case d.silent:
		return verdict{CUDADriverSilent, "the NVIDIA driver does not answer", d.reboot() + "; `dmesg | grep -i nvrm` says what the GPU reported"}
	case d.crashed != nil:
		return verdict{CUDADriverCrashed, fmt.Sprintf("the NVIDIA driver's library %s crashes: %s", d.library, d.crashed), d.updateDriver()}
	case d.untried.reason != "" && (d.module != "" || d.wsl || len(d.nodes) > 0): // some sandboxes do not show the module
		return d.untried
	case d.library == "":
		return d.noLibrary()
	}
	return d.noDevicesOfDriver()
}

func (d *diagnosis) noGPU() string {
	switch {
	case d.container == "":
		return "no NVIDIA GPU"
	case d.wsl: // Windows' GPU is no device on the bus
		return "no NVIDIA GPU is visible in this container; if Windows has one, start the container with --gpus all"
	}
	return "no NVIDIA GPU is visible in this container"
}

// noLibrary is why there is a GPU, but no libcuda.so.1 that loads.
func (d *diagnosis) noLibrary() verdict {
	switch {
	case d.module == "" && !d.wsl:
		return d.noModule()
	case d.container == "" && d.wsl:
		return verdict{CUDANoDriverLibrary, "libcuda.so.1 of Windows' NVIDIA driver does not load: " + d.libraryError,
			d.updateDriver()}
	case d.container == "":
		branch, _, _ := strings.Cut(d.module, ".")
		return verdict{CUDANoDriverLibrary,
			fmt.Sprintf("the kernel has the NVIDIA driver %s, but its library does not load: %s", d.module, d.libraryError),
			fmt.Sprintf("install the libraries of this driver (package libnvidia-compute-%s on Ubuntu, libcuda1 on Debian, nvidia-driver-cuda on Fedora and RHEL)", branch)}
	case d.control && d.container == inApptainer:
		return verdict{CUDANotPassed, "the container has the GPU's device files, but not the driver's libraries" + d.tooOldBesides(), d.passGPU()}
	case d.control:
		return verdict{CUDANoDriverLibrary, "the container has the GPU's device files, but not libcuda.so.1: $NVIDIA_DRIVER_CAPABILITIES must hold \"compute\"",
			"start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility"}
	}
	return d.notPassed()
}

// noModule is why the kernel does not drive the GPU.
func (d *diagnosis) noModule() verdict {
	what := "there is an NVIDIA GPU, but no driver is loaded"
	mend := "install the NVIDIA driver" + d.needed(" ") + d.onHost() + " and reboot: " + driverGuide
	switch {
	case len(d.pci) == 0:
	case d.pci[0].driver == "vfio-pci":
		what = fmt.Sprintf("the NVIDIA GPU at %s is held by vfio-pci for virtual machines", d.pci[0].slot)
		mend = "use it inside the virtual machine, or give it back to the driver nvidia"
	case d.pci[0].driver != "":
		what = fmt.Sprintf("the NVIDIA GPU at %s is driven by %s, which has no CUDA", d.pci[0].slot, d.pci[0].driver)
	}
	if d.library != "" {
		what += fmt.Sprintf("; %s is installed", d.library)
		mend = "sudo modprobe nvidia" + d.onHost() + " (if that fails: reinstall the NVIDIA driver, which builds its module for the running kernel)"
	}
	return verdict{CUDANoDriver, what, mend}
}

// notPassed is a container without the GPU that the host has.
func (d *diagnosis) notPassed() verdict {
	what := "the host has an NVIDIA GPU"
	if d.module != "" {
		what += " and the driver " + d.module
	}
	what += ", but this container was started without it"
	mend := d.passGPU()
	switch value := os.Getenv("NVIDIA_VISIBLE_DEVICES"); {
	case d.container == inKubernetes || d.container == inApptainer:
	case value == "none" || value == "void":
		what += ": NVIDIA_VISIBLE_DEVICES=" + value
	case value != "":
		what += ", although NVIDIA_VISIBLE_DEVICES=" + value + ", which only NVIDIA's container runtime heeds"
	}
	return verdict{CUDANotPassed, what + d.tooOldBesides(), mend}
}

// passGPU is how this kind of container gets a GPU.
func (d *diagnosis) passGPU() string {
	switch d.container {
	case inKubernetes:
		return `give the container resources: {limits: {"nvidia.com/gpu": 1}} (the cluster needs NVIDIA's device plugin)`
	case inApptainer:
		return "apptainer run --nv …"
	case inPodman:
		return "podman run --device nvidia.com/gpu=all … (the host needs the NVIDIA Container Toolkit and `nvidia-ctk cdi generate`)"
	}
	return "docker run --gpus all … (the host needs the NVIDIA Container Toolkit)"
}

// noDevicesOfDriver is why a driver whose library loads shows no device.
func (d *diagnosis) noDevicesOfDriver() verdict {
	switch {
	case !d.present() && !d.wsl: // a library without use for it, as on a cluster's login node
		return verdict{CUDANoGPU, d.noGPU(), ""}
	case d.devicesCode == cudaStubLibrary:
		return verdict{CUDAStubDriver, d.library + " is the CUDA toolkit's stand-in for the driver's library, which comes first on the search path",
			"take its folder out of LD_LIBRARY_PATH"}
	case d.module == "" && !d.wsl && len(d.nodes) == 0:
		return d.noModule()
	case d.tooOld():
		what := fmt.Sprintf("the NVIDIA driver%s serves CUDA %s, which is too old for libtorch's CUDA %s", named(d.module), cudaVersion(d.driver), cudaVersion(d.wanted))
		if least := oldestDriver[d.wanted/1000]; least != 0 {
			what += fmt.Sprintf(": that needs the driver %d or later", least)
		}
		return verdict{CUDADriverTooOld, what, d.updateDriver()}
	case d.devicesCode == cudaDriverMismatch:
		return d.mismatch()
	case d.devicesCode == cudaCompatNotSupported:
		return verdict{CUDACompatNotSupported,
			fmt.Sprintf("%s is of CUDA's forward compatibility, which this GPU does not support; the driver%s is older", d.library, named(d.module)), d.updateDriver()}
	case d.devicesCode == cudaSystemNotReady:
		return verdict{CUDASystemNotReady, "CUDA error 802: the GPUs of this machine are joined by NVSwitch, and the fabric manager that sets it up does not run",
			"sudo systemctl enable --now nvidia-fabricmanager" + d.onHost() + " (its version must be the driver's)"}
	case d.hidden > 0:
		mend := "unset CUDA_VISIBLE_DEVICES"
		switch {
		case d.slurm:
			mend = askSlurm
		case d.image:
			mend = "start the container without CUDA_VISIBLE_DEVICES in its environment"
		}
		return verdict{CUDAHidden, fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q hides %s", d.hiding, count(d.hidden, "device")), mend}
	case d.container != "" && len(d.nodes) == 0 && !d.wsl:
		return d.notPassed()
	case d.refused != "":
		return d.noPermission()
	case d.devicesCode == cudaDevicesUnavailable:
		return verdict{CUDADevicesBusy, "CUDA error 46: all devices are taken by other processes, or closed to computing", "end the process that nvidia-smi shows, or: sudo nvidia-smi -c DEFAULT" + d.onHost()}
	case d.control && !d.uvm:
		return verdict{CUDADriverError, d.coded() + "; the device file /dev/nvidia-uvm is missing", "sudo nvidia-modprobe -u -c 0" + d.onHost()}
	case d.devicesCode == cudaNoDevice || d.devicesCode == 0 || d.devicesCode == cudaInsufficientDriver:
		if !d.present() {
			return verdict{CUDANoGPU, d.noGPU(), ""}
		}
		return verdict{CUDANoDevice, "the NVIDIA driver" + named(d.module) + " shows no device", "nvidia-smi -L" + d.onHost() + " (a GPU that is missing there: " + d.reboot() + ", `dmesg | grep -i nvrm`)"}
	}
	mend := "nvidia-smi" + d.onHost() + " says how the driver is (if that fails too: " + d.reboot() + ")"
	if d.devicesCode == cudaUnknown {
		// https://github.com/pytorch/pytorch/issues/49081: after a suspend this
		// module has lost its state.
		mend = "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm" + d.onHost() + " (if that fails: " + d.reboot() + ")"
	}
	return verdict{CUDADriverError, d.coded(), mend}
}

const askSlurm = "ask Slurm for a GPU: sbatch --gpus 1 …"

// coded is CUDA's error.
func (d *diagnosis) coded() string {
	return strings.TrimSuffix(fmt.Sprintf("the NVIDIA driver%s fails with CUDA error %d: %s", named(d.module), d.devicesCode, d.message), ": ")
}

func (d *diagnosis) mismatch() verdict {
	library := dottedVersion.FindString(d.library)
	what := "CUDA error 803: the kernel module" + named(d.module) + " and the driver's library" + named(library) + " are of different versions"
	if strings.Contains(d.library, "/compat/") {
		return verdict{CUDADriverMismatch, what + "; " + d.library + " is of CUDA's forward compatibility", "take its folder out of LD_LIBRARY_PATH"}
	}
	return verdict{CUDADriverMismatch, what + ": the driver was updated and is not yet running", d.reboot()}
}

func (d *diagnosis) noPermission() verdict {
	what := "no permission to open " + d.refused
	switch {
	case d.slurm:
		return verdict{CUDANoPermission, what, askSlurm}
	case d.container != "":
		return verdict{CUDANoPermission, what + ": the container's rules forbid it", "start the container anew: " + d.passGPU()}
	case d.group != "" && d.group != "root":
		return verdict{CUDANoPermission, what + ", which is for the group " + d.group, "sudo usermod -aG " + d.group + " $USER, then log in again"}
	}
	return verdict{CUDANoPermission, what, "sudo chmod a+rw /dev/nvidia*"}
}

// tooOld tells whether the driver's CUDA is of an earlier major version than
// libtorch's. Within one, all minor versions go together.
func (d *diagnosis) tooOld() bool {
	return d.driver != 0 && (d.devicesCode == cudaInsufficientDriver || d.driver/1000 < d.wanted/1000)
}

// tooOldBesides tells of a driver whose library is not there to be asked, but
// which would be the next thing to fail.
func (d *diagnosis) tooOldBesides() string {
	branch, _, _ := strings.Cut(d.module, ".")
	n, err := strconv.Atoi(branch)
	if least := oldestDriver[d.wanted/1000]; err == nil && n < least {
		return fmt.Sprintf("; that driver is also too old for CUDA %s, which needs %d or later", cudaVersion(d.wanted), least)
	}
	return ""
}

func (d *diagnosis) updateDriver() string {
	if d.wsl {
		return "update the NVIDIA driver in Windows" + d.needed(" to ") + ", then `wsl --shutdown`"
	}
	return "update the NVIDIA driver" + d.needed(" to ") + d.onHost() + ": " + driverGuide
}

// needed is the version that libtorch's CUDA needs, if it is known.
func (d *diagnosis) needed(before string) string {
	if least := oldestDriver[d.wanted/1000]; least != 0 {
		return fmt.Sprintf("%s%d or later", before, least)
	}
	return ""
}

func (d *diagnosis) reboot() string {
	if d.container != "" {
		return "reboot the host"
	}
	return "reboot"
}

func (d *diagnosis) onHost() string {
	if d.container != "" {
		return " on the host"
	}
	return ""
}

// named puts a version after a noun, if there is one.
func named(version string) string {
	if version == "" {
		return ""
	}
	return " " + version
}
