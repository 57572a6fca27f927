// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// CUDA tells whether CUDA devices can be used, and if not, why.
type CUDA struct {
	Available bool `json:"available"`
	// Reason is why not, for programs; empty if Available.
	Reason CUDAReason `json:"reason,omitempty"`
	// Problem is the same in a sentence, and Mend the one thing to do. Both may
	// also tell of one device among several.
	Problem string `json:"problem,omitempty"`
	Mend    string `json:"mend,omitempty"`
	// Driver is the version of NVIDIA's driver: "580.95.05".
	Driver string `json:"driver,omitempty"`
	// DriverCUDA is the latest CUDA that this driver serves: "13.0".
	DriverCUDA string `json:"driver_cuda,omitempty"`
	// Runtime is the CUDA that libtorch is built for: "13.2". Empty where it is
	// built or installed for CPUs alone.
	Runtime string `json:"runtime,omitempty"`
	// CuDNN is the version of cuDNN: "9.26.0".
	CuDNN string `json:"cudnn,omitempty"`
	// Architectures are those that libtorch has kernels for: "sm_75". They are
	// looked up only where there is a device to compare them with.
	Architectures []string `json:"architectures,omitempty"`
	// Container is "docker", "podman", "kubernetes" or "apptainer" inside of one.
	Container string `json:"container,omitempty"`
	// Devices are those that the driver shows to this process.
	Devices []CUDADevice `json:"devices"`
}

// A CUDADevice is one that the driver shows.
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

// A CUDAReason is why no CUDA device can be used. These names stay.
type CUDAReason string

// The reasons.
const (
	// The machine.
	CUDANoGPU              CUDAReason = "no-gpu"                  // no NVIDIA GPU in it
	CUDANoDriver           CUDAReason = "no-driver"               // the kernel module is not loaded
	CUDANoDriverLibrary    CUDAReason = "driver-library"          // libcuda.so.1 is not there or does not load
	CUDANotPassed          CUDAReason = "not-passed-to-container" // the container was started without the GPU
	CUDADriverTooOld       CUDAReason = "driver-too-old"          // for the CUDA of this libtorch
	CUDADriverMismatch     CUDAReason = "driver-mismatch"         // kernel module and library differ
	CUDACompatNotSupported CUDAReason = "compat-not-supported"    // CUDA's forward compatibility on a GPU that has none
	CUDAStubDriver         CUDAReason = "stub-driver"             // the toolkit's stand-in for libcuda.so.1
	CUDASystemNotReady     CUDAReason = "system-not-ready"        // the fabric manager does not run
	CUDANoPermission       CUDAReason = "no-permission"           // for the device files
	CUDAHidden             CUDAReason = "hidden"                  // by $CUDA_VISIBLE_DEVICES
	CUDANoDevice           CUDAReason = "no-device"               // the driver shows none
	CUDADevicesBusy        CUDAReason = "devices-busy"            // another process has them for itself
	CUDADriverError        CUDAReason = "driver-error"            // another code of CUDA's
	CUDADriverCrashed      CUDAReason = "driver-crashed"          // when it was asked
	CUDADriverSilent       CUDAReason = "driver-silent"           // it did not answer
	CUDAGPUTooOld          CUDAReason = "gpu-too-old"             // libtorch has no kernels for it any more
	CUDAGPUTooNew          CUDAReason = "gpu-too-new"             // libtorch has none yet
	// What is installed.
	CUDANotInstalled   CUDAReason = "not-installed"   // no libtorch
	CUDALibtorchCPU    CUDAReason = "libtorch-cpu"    // libtorch for CPUs alone
	CUDALibraryMissing CUDAReason = "library-missing" // one that libtorch's CUDA parts need
	CUDAHeadersMissing CUDAReason = "headers-missing" // CUDA's, to compile the bridge
	CUDABridgeMissing  CUDAReason = "bridge-missing"  // it is not compiled
	CUDABridgeBroken   CUDAReason = "bridge-broken"   // it does not load
	CUDANotTried       CUDAReason = "not-tried"       // doctor's helper program is not there, or does not run
	CUDANoPlatform     CUDAReason = "platform"        // not linux/amd64
)

// ExamineCUDA is the part of [Doctor] that is about CUDA, for whoever is about to
// use it or to go without. It takes milliseconds where there is no GPU, about a second where
// there is one and the CUDA libraries are to be loaded, and two minutes at most.
func ExamineCUDA(ctx context.Context) *CUDA {
	s, why := begin()
	if s == nil {
		return &CUDA{Reason: why.reason, Problem: why.problem, Mend: why.mend}
	}
	t, err := s.findTorch()
	e := &examination{search: s, prober: s.findProbe(), brief: true}
	e.cuda(ctx, t, err)
	return &e.report.CUDA
}

// driverPatience is the longest that a working driver is seen to take for its
// first answer, several times over: many GPUs without nvidia-persistenced.
const driverPatience = time.Minute

// cuda never fails the report: without it training runs on the CPU.
func (e *examination) cuda(ctx context.Context, t torchDir, torchErr error) {
	g := e.machine.look()
	path, bridgePath := "", ""
	if torchErr == nil {
		if bridgePath, _ = e.findLibrary(t, mainBridge); bridgePath != "" {
			path, _ = e.findLibrary(t, cudaBridge)
		}
	}
	var p probing
	if e.prober != "" {
		patience := e.machine.patience
		if patience == 0 {
			patience = driverPatience
		}
		var libraries []string
		if path != "" && (g.present() || !e.brief) {
			libraries = []string{bridgePath, path}
		}
		var err error
		if p, err = probeCUDA(ctx, patience, e.prober, false, libraries...); err != nil {
			return // ctx ended
		}
		if value, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set && len(p.gpus) == 0 && p.library != "" && !p.silent {
			all, err := probeCUDA(ctx, patience, e.prober, true)
			if err != nil {
				return
			}
			p.hidden, p.hiding = len(all.gpus), value
		}
	}
	if len(p.gpus) == 0 && !p.silent { // where the driver hangs, opening hangs too, in this process
		e.machine.tryNodes(g)
	}

	d := diagnosis{graphics: g, probing: p, torch: t, path: path, wanted: t.cuda()}
	_, err := e.writableHome()
	d.image = d.container != "" && (err != nil || len(compilersHere()) == 0)
	switch {
	case e.prober == "":
		d.untried = verdict{CUDANotTried, "CUDA was not tried: the program for that is missing", d.setup(mendSetup)}
	case p.unrun != nil:
		d.untried = verdict{CUDANotTried, "CUDA was not tried: the program for that does not run: " + p.unrun.Error(), d.setup(mendSetup)}
	}
	if p.runtime != 0 {
		d.wanted = p.runtime
	}
	d.report(&e.report.CUDA, torchErr)
	e.add(d.part(&e.report.CUDA))
}

// A diagnosis is what is known of CUDA here.
type diagnosis struct {
	*graphics
	probing
	torch   torchDir
	path    string  // of the CUDA bridge
	untried verdict // why there is nothing to know of the driver
	wanted  int     // CUDA version of libtorch, 13020 for 13.2; 0 if it is not known
	image   bool    // a container in which nothing can be installed
}

// A verdict is what stands in the way; the zero value is nothing.
type verdict struct {
	reason        CUDAReason
	problem, mend string
}

// report fills in what is found. What is installed wrongly comes first, since
// that is nearer to hand; what is wrong with the driver is told besides.
func (d *diagnosis) report(c *CUDA, torchErr error) {
	c.Container, c.CuDNN = d.container, cudnnVersion(d.cudnn)
	c.Driver = cmp.Or(dottedVersion.FindString(d.module), d.driverVersion)
	c.DriverCUDA, c.Devices = cudaVersion(d.driver), d.gpus
	installed := d.installed(torchErr)
	if torchErr == nil && installed.reason != CUDALibtorchCPU {
		c.Runtime = cudaVersion(d.wanted)
	}
	why := verdict{}
	// Where the runtime was not asked, the driver shows devices that it would not.
	if len(d.gpus) == 0 || d.crashed != nil || d.silent || d.runtime == 0 && d.tooOld() {
		why = d.noDevices()
	}
	switch {
	case why.reason == CUDANoGPU:
		if d.failure != nil { // it will not load elsewhere either
			why = installed
		}
	case installed.reason != "" && why.reason != "" && why.reason != CUDANotTried:
		why = verdict{installed.reason, installed.problem + "; besides, " + why.problem, installed.mend}
	case installed.reason != "":
		why = installed
	}
	if why.reason == "" {
		c.Architectures = d.torch.architectures()
		why = d.kernels(c)
	}
	c.Problem, c.Mend = why.problem, why.mend
	for _, device := range c.Devices {
		c.Available = c.Available || device.Usable
	}
	if !c.Available {
		c.Reason = why.reason
	}
}

// part is the line of the report.
func (d *diagnosis) part(c *CUDA) Part {
	p := Part{Name: "CUDA", Status: StatusOK}
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	switch {
	case c.Reason == CUDANoGPU:
		say("none: %s", c.Problem)
	case len(d.gpus) > 0:
		say("%s", count(len(d.gpus), "device"))
	case d.present():
		say("%s, 0 devices", count(max(len(d.pci), len(d.nodes), 1), "NVIDIA GPU"))
	default:
		say("0 devices")
	}
	if c.Driver != "" || c.DriverCUDA != "" {
		text := strings.TrimSpace("driver " + c.Driver)
		if c.DriverCUDA != "" {
			text += " (CUDA " + c.DriverCUDA + ")"
		}
		say("%s", text)
	}
	if c.Runtime != "" {
		say("libtorch for CUDA %s", c.Runtime)
	} else if d.torch.dir != "" {
		say("libtorch for the CPU")
	}
	if c.CuDNN != "" {
		say("cuDNN %s", c.CuDNN)
	}
	p.Found = strings.Join(found, "; ")
	if c.Reason != CUDANoGPU && c.Problem != "" {
		p.Status, p.Problem, p.Mend = StatusWarn, c.Problem, c.Mend
	}
	return p
}

// installed is what is wrong with libtorch and the CUDA bridge.
func (d *diagnosis) installed(torchErr error) verdict {
	if torchErr != nil {
		return verdict{CUDANotInstalled, "libtorch: " + bare(torchErr), d.setup(mendCUDA)}
	}
	err := d.torch.checkCUDA()
	var missing *missingPart
	switch {
	case errors.Is(err, errNoCUDA):
		mend := mendCUDA
		if d.image {
			mend = "use the image with CUDA (make image) instead of this one"
		}
		return verdict{CUDALibtorchCPU, "this libtorch is for the CPU", mend}
	case d.failure != nil && strings.Contains(d.failure.Error(), "cannot open shared object file"):
		return verdict{CUDALibraryMissing, d.failure.Error(), d.setup(mendUpgrade)}
	case d.failure != nil:
		return verdict{CUDABridgeBroken, d.failure.Error(), d.setup(mendUpgrade)}
	case d.path != "": // it was compiled, so headers are no matter
		return verdict{}
	case errors.As(err, &missing) && missing.headers != "":
		mend := mendCUDA
		if d.torch.origin != bySetup { // setup does not add to a libtorch of the user's
			mend = missing.headers + "; then " + mendCUDA
		}
		return verdict{CUDAHeadersMissing, missing.text, d.setup(mend)}
	case err != nil:
		return verdict{CUDALibraryMissing, err.Error(), d.setup(mendCUDA)}
	}
	return verdict{CUDABridgeMissing, "the CUDA bridge is not compiled", d.setup(mendSetup)}
}

// setup is a mend by installing; an image is not mended from within.
func (d *diagnosis) setup(command string) string {
	if d.image {
		return "build the image anew (make image)"
	}
	return command
}

// cudaVersion writes 13020 as "13.2", and 0 as "".
func cudaVersion(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", n/1000, n%1000/10)
}

// cudnnVersion writes 92600 as "9.26.0", and 8907 as "8.9.7".
func cudnnVersion(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 10000:
		return fmt.Sprintf("%d.%d.%d", n/1000, n%1000/100, n%100)
	}
	return fmt.Sprintf("%d.%d.%d", n/10000, n%10000/100, n%100)
}

var cudaTag = regexp.MustCompile(`\+cu(\d+)(\d)$`)

// cuda is the CUDA version in libtorch's build tag: 13020 of "2.15.0+cu132".
func (t torchDir) cuda() int {
	m := cudaTag.FindStringSubmatch(t.version)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major*1000 + minor*10
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
