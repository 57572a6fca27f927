// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var compiledFor = regexp.MustCompile(`code=(sm|compute)_(\d+)(\w?)`)

// architectures lists what libtorch's kernels are compiled for, "sm_75" or
// "compute_120"; nil if it is not to be read. libtorch keeps the compiler's
// options as a text, to show them.
func (t torchDir) architectures() []string {
	f, err := elf.Open(filepath.Join(t.dir, "lib", "libtorch_cuda.so"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []string
	for _, name := range []string{".rodata", ".lrodata"} {
		section := f.Section(name)
		if section == nil {
			continue
		}
		text, err := section.Data()
		if err != nil {
			return nil
		}
		for _, m := range compiledFor.FindAllSubmatch(text, -1) {
			// sm_90a and sm_100f are for single GPUs, beside kernels for all.
			if len(m[3]) == 0 {
				found = append(found, string(m[1])+"_"+string(m[2]))
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int { return number(a) - number(b) })
	return slices.Compact(found)
}

// number is the 75 of "sm_75".
func number(architecture string) int {
	_, digits, _ := strings.Cut(architecture, "_")
	n, _ := strconv.Atoi(digits)
	return n
}

// serves tells whether kernels for one of these architectures run on a device,
// 75 for compute capability 7.5. Machine code (sm) serves its major version from
// its minor one on, the intermediate code (compute) all from its version on.
func serves(architectures []string, device int) bool {
	for _, a := range architectures {
		n := number(a)
		if n <= device && (strings.HasPrefix(a, "compute_") || n/10 == device/10) {
			return true
		}
	}
	return false
}

// oldestGPU is the least compute capability that a major version of CUDA
// compiles for, ten times, for a libtorch whose options are not to be read:
// https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ (13: no longer
// Maxwell, Pascal, Volta).
var oldestGPU = map[int]int{12: 50, 13: 75}

// capability is the compute capability ten times.
func (c CUDADevice) capability() int {
	n, _ := strconv.Atoi(strings.Replace(c.ComputeCapability, ".", "", 1))
	return n
}

// kernels marks the devices that libtorch has kernels for, and tells what is
// wrong with the others.
func (d *diagnosis) kernels(c *CUDA) verdict {
	var bad *CUDADevice
	var good []string
	for i := range c.Devices {
		device := &c.Devices[i]
		n := device.capability()
		if len(c.Architectures) > 0 {
			device.Usable = serves(c.Architectures, n)
		} else {
			device.Usable = n >= oldestGPU[d.wanted/1000]
		}
		switch {
		case device.Usable:
			good = append(good, strconv.Itoa(device.Index))
		case bad == nil:
			bad = device
		}
	}
	if bad == nil {
		return verdict{}
	}
	have := strings.Join(c.Architectures, ", ")
	if have == "" {
		have = "later ones"
	}
	v := verdict{reason: CUDAGPUTooOld, problem: fmt.Sprintf("%s (cuda:%d) has compute capability %s, for which this libtorch has no kernels: it has those for %s",
		bad.Name, bad.Index, bad.ComputeCapability, have)}
	n := bad.capability()
	if len(c.Architectures) > 0 && n > number(c.Architectures[0]) {
		v.reason = CUDAGPUTooNew
	}
	setup := mendGiven
	if d.image {
		setup = "outside of the image: " + setup
	}
	switch {
	case len(good) > 0:
		v.mend = d.setVisible(strings.Join(good, ","))
	case v.reason == CUDAGPUTooNew:
		v.mend = setup + ", with a later libtorch in DIR"
	case n >= 50:
		// https://github.com/pytorch/pytorch/issues/190385
		v.mend = setup + ", with a libtorch for CUDA 12.6 in DIR: versions 2.11 to 2.14 have it, for compute capability 5.0 to 9.0"
	}
	return v
}

// setVisible is how $CUDA_VISIBLE_DEVICES gets a value.
func (d *diagnosis) setVisible(value string) string {
	if d.image { // which has no shell to stay in
		return "start the container with CUDA_VISIBLE_DEVICES=" + value + " in its environment"
	}
	return "export CUDA_VISIBLE_DEVICES=" + value
}
