// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package gpucheck

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"

	"github.com/etude-ml/etude/models/runs"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/libtorch"
	"github.com/etude-ml/etude/trainer"
)

// Versions describe what was checked, and on what.
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

// versions describes the machine, but for Python. It makes no context on the device:
// the programs of the tests come first and have a GPU to themselves where it serves
// one process at a time.
func versions(d torch.Device, found *libtorch.CUDA) Versions {
	v := Versions{
		Etude: runs.Version(), Libtorch: torch.Version(), Go: runtime.Version(), OS: field("/etc/os-release", "PRETTY_NAME"),
		CPU: trainer.Processor(torch.CPU), Cores: runtime.NumCPU(), Threads: torch.NumThreads(),
	}
	if v.OS == "" {
		v.OS = runtime.GOOS + "/" + runtime.GOARCH
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		v.OS += ", kernel " + strings.TrimSpace(string(kernel))
	}
	if d.Type != torch.DeviceCUDA {
		return v
	}
	if p, err := cuda.Properties(d.Index); err == nil {
		v.GPU, v.GPUMemory, v.Multiprocessors = p.Name, p.TotalMemory, p.Multiprocessors
		v.Capability = fmt.Sprintf("%d.%d", p.Major, p.Minor)
	}
	if found != nil {
		v.CUDA, v.DriverCUDA, v.Driver, v.CuDNN = found.Runtime, found.DriverCUDA, found.Driver, found.CuDNN
		if d.Index < len(found.Devices) {
			v.GPUMemoryFree = max(found.Devices[d.Index].MemoryFree, 0)
		}
	}
	return v
}

// field returns the first value of a key in a file of lines "key = value" or "key:
// value", or "".
func field(path, key string) string {
	text, _ := os.ReadFile(path)
	m := regexp.MustCompile("(?m)^" + key + `\s*[=:]\s*"?(.*?)"?\s*$`).FindSubmatch(text)
	if m == nil {
		return ""
	}
	return string(m[1])
}
