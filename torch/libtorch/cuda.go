// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import "encoding/json"

// CUDA reports whether CUDA devices can be used, and if not, why.
type CUDA struct {
	Available bool `json:"available"`
	// Reason says why not, for programs; empty if Available.
	Reason CUDAReason `json:"reason,omitempty"`
	// Problem is the reason in a sentence, and Mend the one thing to do about it.
	// Both may also be about one device among several.
	Problem string `json:"problem,omitempty"`
	Mend    string `json:"mend,omitempty"`
	// Driver is the version of NVIDIA's driver: "580.95.05".
	Driver string `json:"driver,omitempty"`
	// DriverCUDA is the latest CUDA that this driver serves: "13.0".
	DriverCUDA string `json:"driver_cuda,omitempty"`
	// Runtime is the CUDA that libtorch is built for: "13.2". It is empty if
	// libtorch is built or installed for the CPU alone.
	Runtime string `json:"runtime,omitempty"`
	// CuDNN is the version of cuDNN: "9.26.0".
	CuDNN string `json:"cudnn,omitempty"`
	// Architectures are those that libtorch has kernels for: "sm_75". They are
	// looked up only if there is a device to compare them with.
	Architectures []string `json:"architectures,omitempty"`
	// Container is "docker", "podman", "kubernetes" or "apptainer" inside of one.
	Container string `json:"container,omitempty"`
	// Devices are those that the driver shows to this process.
	Devices []CUDADevice `json:"devices"`
}

// CUDADevice is a GPU that the driver shows.
type CUDADevice struct {
	Index             int    `json:"index"` // N of cuda:N
	Name              string `json:"name"`
	ComputeCapability string `json:"compute_capability"` // "9.0"
	MemoryTotal       int64  `json:"memory_total"`       // bytes
	MemoryFree        int64  `json:"memory_free"`        // bytes; -1 if it is not known
	UUID              string `json:"uuid"`
	Usable            bool   `json:"usable"` // libtorch has kernels for it
}

// MarshalJSON implements [json.Marshaler]: no device is an empty list.
func (c CUDA) MarshalJSON() ([]byte, error) {
	type plain CUDA
	if c.Devices == nil {
		c.Devices = []CUDADevice{}
	}
	return json.Marshal(plain(c))
}

// CUDAReason names what keeps this process from using a CUDA device. Each name stands
// for one kind of repair; CUDA.Problem has the details.
type CUDAReason string

// The reasons.
const (
	CUDANoGPU          CUDAReason = "no-gpu"                  // the machine has no NVIDIA GPU
	CUDANoDriver       CUDAReason = "no-driver"               // install or load the driver, or its libraries
	CUDADriverTooOld   CUDAReason = "driver-too-old"          // update the driver
	CUDADriverError    CUDAReason = "driver-error"            // the driver is there and fails
	CUDANotPassed      CUDAReason = "not-passed-to-container" // start the container with the GPU
	CUDANoPermission   CUDAReason = "no-permission"           // the device files are closed to this user
	CUDAHidden         CUDAReason = "hidden"                  // unset CUDA_VISIBLE_DEVICES
	CUDADevicesBusy    CUDAReason = "devices-busy"            // another process has them for itself
	CUDAGPUUnsupported CUDAReason = "gpu-unsupported"         // libtorch has no kernels for it: use another libtorch
	CUDANotInstalled   CUDAReason = "not-installed"           // no libtorch
	CUDALibtorchCPU    CUDAReason = "libtorch-cpu"            // libtorch for the CPU alone
	CUDABridgeMissing  CUDAReason = "bridge-missing"          // run setup: the CUDA bridge, or what it needs, is missing or broken
	CUDANotTried       CUDAReason = "not-tried"               // doctor's helper program is missing or does not run
	CUDANoPlatform     CUDAReason = "platform"                // not linux/amd64
)

// The repairs that are our own commands.
const (
	mendSetup   = "etude setup"
	mendForce   = "etude setup --force"
	mendCUDA    = "etude setup --cuda"
	mendGiven   = "etude setup --libtorch DIR"
	mendUpgrade = "etude setup --cuda --force"
)
