// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"bufio"
	"os"
	"runtime"
	"strings"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
)

// Versions say what was checked, and on what.
type Versions struct {
	Etude    string `json:"etude"`
	Libtorch string `json:"libtorch"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Threads  int    `json:"threads"` // of an operator on the CPU

	Python string `json:"python"` // "" without
	Torch  string `json:"torch"`  // Python's

	// Of the GPU; "" or 0 where there is none.
	GPU             string `json:"gpu"`
	GPUMemory       int64  `json:"gpu_memory"`      // bytes
	GPUMemoryFree   int64  `json:"gpu_memory_free"` // at the beginning: other processes have the rest; 0 if unknown
	Multiprocessors int    `json:"multiprocessors"`
	Capability      string `json:"capability"`  // "9.0"
	CUDA            string `json:"cuda"`        // the runtime: "13.2"
	DriverCUDA      string `json:"driver_cuda"` // the newest that the driver serves
	Driver          string `json:"driver"`      // the kernel's module: "580.65.06"
	CuDNN           string `json:"cudnn"`       // "9.26.0"
}

// readVersions describes the machine, but for the device and Python.
func readVersions() Versions {
	return Versions{
		Etude: runs.Version(), Libtorch: torch.Version(), Go: runtime.Version(),
		OS: osName(), CPU: cpuName(), Cores: runtime.NumCPU(), Threads: torch.NumThreads(),
	}
}

// osName is the distribution and the kernel.
func osName() string {
	name := strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`)
	if name == "" {
		name = runtime.GOOS + "/" + runtime.GOARCH
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		name += ", kernel " + strings.TrimSpace(string(kernel))
	}
	return name
}

func cpuName() string { return field("/proc/cpuinfo", "model name", ":") }

// field returns the first value of a key in a file of lines "key = value", or "".
func field(path, key, separator string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), separator); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
