// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"fmt"
	"strconv"
	"strings"
)

// facts holds what is known about CUDA here. All of it is read before explain judges it:
// nothing in this file touches the machine.
type facts struct {
	*graphics
	probing
	untried string // why the driver was not asked; "" if it was
	wanted  int    // CUDA version of libtorch, 13020 for 13.2; 0 if it is not known
	image   bool   // a container in which nothing can be installed

	noTorch string // why there is no libtorch
	cpuOnly bool   // libtorch is built or installed for the CPU alone
	users   bool   // libtorch is the user's own, to which setup adds nothing
	bridged bool   // the CUDA bridge is compiled
	missing string // why it cannot be compiled; "" if it can
	headers string // how the user gets the headers that are missing
}

// verdict says what stands in the way of CUDA; the zero value means nothing.
type verdict struct {
	reason        CUDAReason
	problem, mend string
}

// explain returns why CUDA cannot be used here with any device. A fault of the
// installation comes first, because it is quicker to repair.
func (f *facts) explain() verdict {
	installed, why := f.installed(), verdict{}
	// If the runtime was not asked, the driver shows devices that it would not.
	if len(f.gpus) == 0 || f.crashed != nil || f.silent || f.runtime == 0 && f.tooOld() {
		why = f.noDevices()
	}
	switch {
	case installed.reason == "", why.reason == CUDANoGPU && f.failure == nil: // a bridge that fails to load fails elsewhere too
		return why
	case why.reason != "" && why.reason != CUDANoGPU && why.reason != CUDANotTried:
		installed.problem += "; besides, " + why.problem
	}
	return installed
}

// installed says what is wrong with libtorch and the CUDA bridge.
func (f *facts) installed() verdict {
	switch {
	case f.noTorch != "":
		return verdict{CUDANotInstalled, "libtorch: " + f.noTorch, f.setup(mendCUDA)}
	case f.cpuOnly && f.image:
		return verdict{CUDALibtorchCPU, "this libtorch is for the CPU", "use the image with CUDA (make image) instead of this one"}
	case f.cpuOnly:
		return verdict{CUDALibtorchCPU, "this libtorch is for the CPU", mendCUDA}
	case f.failure != nil:
		return verdict{CUDABridgeMissing, f.failure.Error(), f.setup(mendUpgrade)}
	case f.bridged: // so neither headers nor libraries are needed to compile it
		return verdict{}
	case f.headers != "" && f.users:
		return verdict{CUDABridgeMissing, f.missing, f.setup(f.headers + "; then " + mendCUDA)}
	case f.missing != "":
		return verdict{CUDABridgeMissing, f.missing, f.setup(mendCUDA)}
	}
	return verdict{CUDABridgeMissing, "the CUDA bridge is not compiled", f.setup(mendSetup)}
}

// setup returns a command of ours, which does not help in an image.
func (f *facts) setup(command string) string {
	if f.image {
		return "build the image anew (make image)"
	}
	return command
}

// CUDA's error codes that have an explanation of their own here; driver_types.h has all.
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

const (
	driverGuide     = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/"
	askSlurm        = "ask Slurm for a GPU: sbatch --gpus 1 …"
	leaveSearchPath = "take its folder out of LD_LIBRARY_PATH"
)

// noDevices says why the driver shows no device.
func (f *facts) noDevices() verdict {
	host := f.onHost()
	switch {
	case !f.present() && f.library == "":
		return f.noGPU()
	case f.silent:
		return verdict{CUDADriverError, "the NVIDIA driver does not answer", f.reboot() + "; `dmesg | grep -i nvrm` says what the GPU reported"}
	case f.crashed != nil:
		return verdict{CUDADriverError, fmt.Sprintf("the NVIDIA driver's library %s crashes: %s", f.library, f.crashed), f.updateDriver()}
	case f.untried != "" && (f.module != "" || f.wsl || len(f.nodes) > 0): // some sandboxes do not show the module
		return verdict{CUDANotTried, "CUDA was not tried: the program for that " + f.untried, f.setup(mendSetup)}
	case f.library == "":
		return f.noLibrary()
	case !f.present() && !f.wsl: // a library without use for it, as on a cluster's login node
		return f.noGPU()
	case f.devicesCode == cudaStubLibrary:
		return verdict{CUDADriverError, f.library + " is the CUDA toolkit's stand-in for the driver's library, which comes first on the search path", leaveSearchPath}
	case f.module == "" && !f.wsl && len(f.nodes) == 0:
		return f.noModule()
	case f.tooOld():
		what := fmt.Sprintf("the NVIDIA driver%s serves CUDA %s, which is too old for libtorch's CUDA %s", after(f.module), cudaVersion(f.driver), cudaVersion(f.wanted))
		return verdict{CUDADriverTooOld, what + f.needed(": that needs the driver "), f.updateDriver()}
	case f.devicesCode == cudaDriverMismatch:
		what := "CUDA error 803: the kernel module" + after(f.module) + " and the driver's library" + after(dottedVersion.FindString(f.library)) + " are of different versions"
		if strings.Contains(f.library, "/compat/") {
			return verdict{CUDADriverError, what + "; " + f.library + " is of CUDA's forward compatibility", leaveSearchPath}
		}
		return verdict{CUDADriverError, what + ": the driver was updated and is not yet running", f.reboot()}
	case f.devicesCode == cudaCompatNotSupported:
		return verdict{CUDADriverTooOld,
			fmt.Sprintf("%s is of CUDA's forward compatibility, which this GPU does not support; the driver%s is older", f.library, after(f.module)), f.updateDriver()}
	case f.devicesCode == cudaSystemNotReady:
		return verdict{CUDADriverError, "CUDA error 802: the GPUs of this machine are joined by NVSwitch, and the fabric manager that sets it up does not run",
			"sudo systemctl enable --now nvidia-fabricmanager" + host + " (its version must be the driver's)"}
	case f.hidden > 0:
		mend := "unset CUDA_VISIBLE_DEVICES"
		switch {
		case f.slurm:
			mend = askSlurm
		case f.image:
			mend = "start the container without CUDA_VISIBLE_DEVICES in its environment"
		}
		return verdict{CUDAHidden, fmt.Sprintf("CUDA_VISIBLE_DEVICES=%q hides %s", f.hiding, count(f.hidden, "device")), mend}
	case f.container != "" && len(f.nodes) == 0 && !f.wsl:
		return f.notPassed()
	case f.refused != "":
		return f.noPermission()
	case f.devicesCode == cudaDevicesUnavailable:
		return verdict{CUDADevicesBusy, "CUDA error 46: all devices are taken by other processes, or closed to computing",
			"end the process that nvidia-smi shows, or: sudo nvidia-smi -c DEFAULT" + host}
	case f.control && !f.uvm:
		return verdict{CUDADriverError, f.coded() + "; the device file /dev/nvidia-uvm is missing", "sudo nvidia-modprobe -u -c 0" + host}
	case f.devicesCode == cudaNoDevice || f.devicesCode == 0 || f.devicesCode == cudaInsufficientDriver:
		if !f.present() {
			return f.noGPU()
		}
		return verdict{CUDADriverError, "the NVIDIA driver" + after(f.module) + " shows no device",
			"nvidia-smi -L" + host + " (a GPU that is missing there: " + f.reboot() + ", `dmesg | grep -i nvrm`)"}
	case f.devicesCode == cudaUnknown:
		// https://github.com/pytorch/pytorch/issues/49081: after a suspend this
		// module has lost its state.
		return verdict{CUDADriverError, f.coded(), "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm" + host + " (if that fails: " + f.reboot() + ")"}
	}
	return verdict{CUDADriverError, f.coded(), "nvidia-smi" + host + " says how the driver is (if that fails too: " + f.reboot() + ")"}
}

func (f *facts) noGPU() verdict {
	what := "no NVIDIA GPU"
	if f.container != "" {
		what += " is visible in this container"
		if f.wsl { // Windows' GPU is no device on the bus
			what += "; if Windows has one, start the container with --gpus all"
		}
	}
	return verdict{CUDANoGPU, what, ""}
}

// noLibrary says why there is a GPU, but no libcuda.so.1 that loads.
func (f *facts) noLibrary() verdict {
	switch {
	case f.module == "" && !f.wsl:
		return f.noModule()
	case f.container == "" && f.wsl:
		return verdict{CUDANoDriver, "libcuda.so.1 of Windows' NVIDIA driver does not load: " + f.libraryError, f.updateDriver()}
	case f.container == "":
		branch, _, _ := strings.Cut(f.module, ".")
		return verdict{CUDANoDriver,
			fmt.Sprintf("the kernel has the NVIDIA driver %s, but its library does not load: %s", f.module, f.libraryError),
			fmt.Sprintf("install the libraries of this driver (package libnvidia-compute-%s on Ubuntu, libcuda1 on Debian, nvidia-driver-cuda on Fedora and RHEL)", branch)}
	case f.control && f.container == inApptainer:
		return verdict{CUDANotPassed, "the container has the GPU's device files, but not the driver's libraries" + f.tooOldBesides(), f.passGPU()}
	case f.control:
		return verdict{CUDANotPassed, "the container has the GPU's device files, but not libcuda.so.1: $NVIDIA_DRIVER_CAPABILITIES must hold \"compute\"",
			"start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility"}
	}
	return f.notPassed()
}

// noModule says why the kernel does not drive the GPU.
func (f *facts) noModule() verdict {
	what := "there is an NVIDIA GPU, but no driver is loaded"
	mend := "install the NVIDIA driver" + f.needed(" ") + f.onHost() + " and reboot: " + driverGuide
	switch {
	case len(f.pci) == 0:
	case f.pci[0].driver == "vfio-pci":
		what = fmt.Sprintf("the NVIDIA GPU at %s is held by vfio-pci for virtual machines", f.pci[0].slot)
		mend = "use it inside the virtual machine, or give it back to the driver nvidia"
	case f.pci[0].driver != "":
		what = fmt.Sprintf("the NVIDIA GPU at %s is driven by %s, which has no CUDA", f.pci[0].slot, f.pci[0].driver)
	}
	if f.library != "" {
		what += fmt.Sprintf("; %s is installed", f.library)
		mend = "sudo modprobe nvidia" + f.onHost() + " (if that fails: reinstall the NVIDIA driver, which builds its module for the running kernel)"
	}
	return verdict{CUDANoDriver, what, mend}
}

// notPassed is about a container without the GPU that the host has.
func (f *facts) notPassed() verdict {
	what := "the host has an NVIDIA GPU"
	if f.module != "" {
		what += " and the driver " + f.module
	}
	what += ", but this container was started without it"
	switch value := f.asked; {
	case f.container == inKubernetes || f.container == inApptainer || value == "":
	case value == "none" || value == "void":
		what += ": NVIDIA_VISIBLE_DEVICES=" + value
	default:
		what += ", although NVIDIA_VISIBLE_DEVICES=" + value + ", which only NVIDIA's container runtime heeds"
	}
	return verdict{CUDANotPassed, what + f.tooOldBesides(), f.passGPU()}
}

// passGPU returns how this kind of container gets a GPU.
func (f *facts) passGPU() string {
	switch f.container {
	case inKubernetes:
		return `give the container resources: {limits: {"nvidia.com/gpu": 1}} (the cluster needs NVIDIA's device plugin)`
	case inApptainer:
		return "apptainer run --nv …"
	case inPodman:
		return "podman run --device nvidia.com/gpu=all … (the host needs the NVIDIA Container Toolkit and `nvidia-ctk cdi generate`)"
	}
	return "docker run --gpus all … (the host needs the NVIDIA Container Toolkit)"
}

func (f *facts) noPermission() verdict {
	what := "no permission to open " + f.refused
	switch {
	case f.slurm:
		return verdict{CUDANoPermission, what, askSlurm}
	case f.container != "":
		return verdict{CUDANoPermission, what + ": the container's rules forbid it", "start the container anew: " + f.passGPU()}
	case f.group != "" && f.group != "root":
		return verdict{CUDANoPermission, what + ", which is for the group " + f.group, "sudo usermod -aG " + f.group + " $USER, then log in again"}
	}
	return verdict{CUDANoPermission, what, "sudo chmod a+rw /dev/nvidia*"}
}

// coded returns the error that CUDA gave.
func (f *facts) coded() string {
	return strings.TrimSuffix(fmt.Sprintf("the NVIDIA driver%s fails with CUDA error %d: %s", after(f.module), f.devicesCode, f.message), ": ")
}

// tooOld reports whether the driver's CUDA is of an earlier major version than
// libtorch's. Within one, all minor versions work together.
func (f *facts) tooOld() bool {
	return f.driver != 0 && (f.devicesCode == cudaInsufficientDriver || f.driver/1000 < f.wanted/1000)
}

// tooOldBesides adds that the driver, whose library is not there to be asked, would be
// the next thing to fail.
func (f *facts) tooOldBesides() string {
	branch, _, _ := strings.Cut(f.module, ".")
	if n, err := strconv.Atoi(branch); err == nil && n < oldestDriver[f.wanted/1000] {
		return "; that driver is also too old for CUDA " + cudaVersion(f.wanted) + f.needed(", which needs ")
	}
	return ""
}

func (f *facts) updateDriver() string {
	if f.wsl {
		return "update the NVIDIA driver in Windows" + f.needed(" to ") + ", then `wsl --shutdown`"
	}
	return "update the NVIDIA driver" + f.needed(" to ") + f.onHost() + ": " + driverGuide
}

// needed returns the driver that libtorch's CUDA needs, if it is known.
func (f *facts) needed(before string) string {
	if least := oldestDriver[f.wanted/1000]; least != 0 {
		return fmt.Sprintf("%s%d or later", before, least)
	}
	return ""
}

func (f *facts) reboot() string {
	if f.container != "" {
		return "reboot the host"
	}
	return "reboot"
}

func (f *facts) onHost() string {
	if f.container != "" {
		return " on the host"
	}
	return ""
}

// after puts a version after a noun, if there is one.
func after(version string) string {
	if version == "" {
		return ""
	}
	return " " + version
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// serves reports whether kernels for one of these architectures run on a device,
// 75 for compute capability 7.5. Machine code (sm) serves its major version from
// its minor one on, the intermediate code (compute) everything from its version on.
func serves(architectures []string, device int) bool {
	for _, a := range architectures {
		n := number(a)
		if n <= device && (strings.HasPrefix(a, "compute_") || n/10 == device/10) {
			return true
		}
	}
	return false
}

// oldestGPU is ten times the least compute capability that a major version of CUDA
// compiles for, for a libtorch whose options cannot be read:
// https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ (13: no longer
// Maxwell, Pascal, Volta).
var oldestGPU = map[int]int{12: 50, 13: 75}

// explainKernels marks the devices that libtorch has kernels for, and says what is
// wrong with the first of the others.
func (f *facts) explainKernels(devices []CUDADevice, architectures []string) verdict {
	var bad *CUDADevice
	var good []string
	capability := func(d *CUDADevice) int {
		n, _ := strconv.Atoi(strings.Replace(d.ComputeCapability, ".", "", 1))
		return n
	}
	for i := range devices {
		d := &devices[i]
		if len(architectures) > 0 {
			d.Usable = serves(architectures, capability(d))
		} else {
			d.Usable = capability(d) >= oldestGPU[f.wanted/1000]
		}
		if d.Usable {
			good = append(good, strconv.Itoa(d.Index))
		} else if bad == nil {
			bad = d
		}
	}
	if bad == nil {
		return verdict{}
	}
	have := strings.Join(architectures, ", ")
	if have == "" {
		have = "later ones"
	}
	v := verdict{CUDAGPUUnsupported, fmt.Sprintf("%s (cuda:%d) has compute capability %s, for which this libtorch has no kernels: it has those for %s",
		bad.Name, bad.Index, bad.ComputeCapability, have), ""}
	setup := mendGiven
	if f.image {
		setup = "outside of the image: " + setup
	}
	switch n := capability(bad); {
	case len(good) > 0 && f.image: // it has no shell to stay in
		v.mend = "start the container with CUDA_VISIBLE_DEVICES=" + strings.Join(good, ",") + " in its environment"
	case len(good) > 0:
		v.mend = "export CUDA_VISIBLE_DEVICES=" + strings.Join(good, ",")
	case len(architectures) > 0 && n > number(architectures[0]):
		v.mend = setup + ", with a later libtorch in DIR"
	case n >= 50:
		// https://github.com/pytorch/pytorch/issues/190385
		v.mend = setup + ", with a libtorch for CUDA 12.6 in DIR: versions 2.11 to 2.14 have it, for compute capability 5.0 to 9.0"
	}
	return v
}
