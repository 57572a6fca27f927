// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"cmp"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// Status is the state of a part.
type Status string

// The statuses. With StatusWarn training runs, but something is missing or slower;
// with StatusError it does not run.
const (
	StatusOK    Status = "ok"
	StatusWarn  Status = "warn"
	StatusError Status = "error"
)

// Part is one thing that training, or the export after it, needs.
type Part struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Found   string `json:"found"`             // what is there
	Problem string `json:"problem,omitempty"` // what is wrong
	Mend    string `json:"mend,omitempty"`    // the one command that fixes it
}

// Report holds what [Doctor] found. Its JSON is {"ok": …, "parts": […], "cuda": {…}}.
type Report struct {
	Parts []Part
	CUDA  CUDA
}

// OK reports whether training can run.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Parts, func(p Part) bool { return p.Status == StatusError })
}

// MarshalJSON implements [json.Marshaler].
func (r *Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		OK    bool   `json:"ok"`
		Parts []Part `json:"parts"`
		CUDA  CUDA   `json:"cuda"`
	}{r.OK(), r.Parts, r.CUDA})
}

// Doctor examines each part. It loads the libraries in a process of its own, and
// changes nothing; it takes a few seconds.
func Doctor(ctx context.Context) *Report {
	s, why := begin()
	if s == nil {
		return &Report{
			Parts: []Part{{Name: "system", Status: StatusError, Found: runtime.GOOS + "/" + runtime.GOARCH, Problem: why.Problem, Mend: why.Mend}},
			CUDA:  *why,
		}
	}
	return s.examine(ctx)
}

// ExamineCUDA is the part of [Doctor] that is about CUDA, for a program that is about
// to use it or to do without. It takes milliseconds if there is no GPU, about a second
// if there is one and the CUDA libraries are to be loaded, and two minutes at most.
func ExamineCUDA(ctx context.Context) *CUDA {
	s, why := begin()
	if s == nil {
		return why
	}
	t, err := s.findTorch()
	e := &examination{search: s, prober: s.findProbe(), brief: true}
	e.cuda(ctx, t, err)
	return &e.report.CUDA
}

// begin returns what to examine, or nil and why nothing can be.
func begin() (*search, *CUDA) {
	if err := checkPlatform(); err != nil {
		return nil, &CUDA{Reason: CUDANoPlatform, Problem: bare(err)}
	}
	s, err := newSearch("")
	if err != nil {
		return nil, &CUDA{Reason: CUDANotInstalled, Problem: bare(err), Mend: "export ETUDE_HOME=DIR"}
	}
	return s, nil
}

// examination is one run of Doctor.
type examination struct {
	*search
	prober string
	brief  bool // without a GPU, do not load the CUDA libraries
	report Report
}

func (s *search) examine(ctx context.Context) *Report {
	e := &examination{search: s, prober: s.findProbe()}
	if e.prober != "" {
		if _, err := runCommand(ctx, e.prober); err != nil {
			e.prober = "" // its answers about libraries could not be trusted
		}
	}
	e.system(ctx)
	e.folder()
	t, err := s.findTorch()
	bridgePath := ""
	if err == nil {
		bridgePath, _ = s.findLibrary(t, mainBridge)
	}
	// The compiler and pip get a folder of their own: in a shared one they would
	// take other users' files for theirs.
	temp, noTemp := os.MkdirTemp("", "etude-doctor-")
	if noTemp != nil {
		noTemp = fmt.Errorf("libtorch: no file can be made in the folder for temporary files, which TMPDIR names: %w", noTemp)
	}
	defer os.RemoveAll(temp)
	e.compiler(ctx, temp, noTemp, bridgePath != "")
	if err != nil || s.findONNXRuntime(t) == "" {
		e.pip(ctx, temp, noTemp, err != nil)
	}
	e.libtorch(t, err)
	if err == nil {
		e.bridge(ctx, bridgePath)
	}
	e.cuda(ctx, t, err)
	if err == nil {
		e.distributed(ctx, t)
	}
	e.onnxRuntime(ctx, t)
	e.threads()
	return &e.report
}

// add adds a part to the report. Without a problem its status is StatusOK.
func (e *examination) add(name, found string, status Status, problem, mend string) {
	if problem == "" {
		status, mend = StatusOK, ""
	}
	e.report.Parts = append(e.report.Parts, Part{name, status, found, problem, mend})
}

// bare returns an error's text for a report, which needs neither the package's name
// nor the command that the part names by itself. That of nil is "".
func bare(err error) string {
	var l *lacking
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNotInstalled):
		return "not installed"
	case errors.As(err, &l) && l.command != "":
		return l.what
	}
	return strings.TrimPrefix(err.Error(), "libtorch: ")
}

// mendOf returns the command that fixes an error, "" if there is none.
func mendOf(err error) string {
	if l, ok := errors.AsType[*lacking](err); ok {
		return l.command
	}
	return ""
}

func (e *examination) system(ctx context.Context) {
	found := runtime.GOOS + "/" + runtime.GOARCH
	if version, _ := glibc(ctx); version != "" {
		found += ", glibc " + version
	}
	e.add("system", found, StatusError, bare(checkGlibc(ctx)), "")
}

// folder reports where files are kept and how much space there is.
func (e *examination) folder() {
	found, problem := strings.Join(e.homes, ", then "), ""
	if e.passed != nil {
		found += fmt.Sprintf(" (and no cache folder: %v)", e.passed)
	}
	if home, err := e.writableHome(); err != nil && (&setup{search: e.search}).present() != nil {
		found += " (read-only and complete)"
	} else if err != nil {
		problem = bare(err)
	} else {
		at := home
		for !isDir(at) && at != filepath.Dir(at) {
			at = filepath.Dir(at)
		}
		if free, err := freeSpace(at); err == nil {
			found += fmt.Sprintf("; %.1f GB free", float64(free)/1e9)
			if _, err := e.findTorch(); errors.Is(err, ErrNotInstalled) && free < cpuSpace {
				problem = fmt.Sprintf("installing libtorch needs %.1f GB", cpuSpace/1e9)
			}
		}
	}
	e.add("home", found, StatusError, problem, "ETUDE_HOME=DIR etude setup")
}

func (e *examination) compiler(ctx context.Context, temp string, err error, compiled bool) {
	var c compiler
	if err == nil {
		c, err = findCompiler(ctx, temp)
	}
	switch {
	case err == nil:
		e.add("compiler", fmt.Sprintf("%s: %s", c, c.version), StatusOK, "", "")
	case compiled:
		e.add("compiler", "none that serves; not needed, the bridge is compiled", StatusOK, "", "")
	default:
		e.add("compiler", "", StatusError, bare(err), mendOf(err))
	}
}

// pip is examined only if something would have to be downloaded.
func (e *examination) pip(ctx context.Context, temp string, err error, forTorch bool) {
	var found pip
	if err == nil {
		found, err = findPip(ctx, temp)
	}
	status := StatusWarn
	if forTorch {
		status = StatusError
	}
	e.add("pip", found.String(), status, bare(err), mendOf(err))
}

func (e *examination) libtorch(t torchDir, err error) {
	if err == nil {
		found := fmt.Sprintf("%s in %s (%s)", t.version, t.dir, t.origin)
		if err := t.checkABI(); err == nil && t.release > newest {
			e.add("libtorch", found, StatusWarn, "newer than what is tested: "+supported(), mendForce)
		} else {
			e.add("libtorch", found, StatusError, bare(err), mendForce)
		}
		return
	}
	mend := mendGiven
	if errors.Is(err, ErrNotInstalled) {
		mend = mendSetup
	} else if e.given != "" {
		mend = "unset " + strings.TrimPrefix(e.origin, "$")
	}
	e.add("libtorch", "", StatusError, bare(err), mend)
}

func (e *examination) bridge(ctx context.Context, path string) {
	switch {
	case path == "":
		e.add("bridge", path, StatusError, "not compiled for this libtorch", mendSetup)
	case e.prober == "":
		e.add("bridge", path, StatusWarn, "it was not tried: the program for that is missing or does not run", mendSetup)
	default:
		found, err := probe(ctx, e.prober, path)
		if err = cmp.Or(err, found.failure); err == nil && found.abi != bridge.ABI {
			e.add("bridge", path, StatusError, fmt.Sprintf("it speaks version %d of the interface, this program %d", found.abi, bridge.ABI), mendForce)
			return
		}
		e.add("bridge", path, StatusError, bare(err), mendSetup)
	}
}

// distributed reports what several processes need to train one network.
func (e *examination) distributed(ctx context.Context, t torchDir) {
	path, _ := e.findLibrary(t, distBridge)
	if path == "" {
		problem, mend := "not compiled for this libtorch: several processes cannot train one network", mendSetup
		if err := t.checkDist(); err != nil {
			problem, mend = "this libtorch has no c10d, so that several processes cannot train one network: "+bare(err), mendGiven
		}
		e.add("distributed", "", StatusWarn, problem, mend)
		return
	}
	var p probing
	var err error
	if e.prober != "" {
		p, err = probe(ctx, e.prober, path)
	}
	found := path + "; Gloo, NCCL"
	if cuda, _ := e.findLibrary(t, cudaBridge); !usesNCCL(cuda) {
		found = path + "; Gloo, and no NCCL, which needs CUDA and nccl.h"
	}
	e.add("distributed", found, StatusWarn, bare(cmp.Or(err, p.failure)), mendSetup)
}

// usesNCCL reports whether a CUDA bridge was compiled with NCCL's header.
func usesNCCL(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	symbols, _ := f.DynamicSymbols() // where there are none, none is NCCL's
	return slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return strings.Contains(s.Name, "ProcessGroupNCCL") })
}

func (e *examination) onnxRuntime(ctx context.Context, t torchDir) {
	path, problem, mend := e.findONNXRuntime(t), "", mendSetup
	if os.Getenv("ETUDE_ONNXRUNTIME") != "" {
		mend = "unset ETUDE_ONNXRUNTIME"
	}
	if path == "" {
		problem = "not installed: exported networks cannot be checked or run"
	} else if e.prober != "" {
		found, err := probe(ctx, e.prober, path)
		problem = bare(cmp.Or(err, found.failure))
		if n, err := release(found.onnx); problem == "" && (err != nil || n < oldestONNXRuntime) {
			problem = fmt.Sprintf("ONNX Runtime %s is too old: version %d.%d or later is needed", found.onnx, oldestONNXRuntime/100, oldestONNXRuntime%100)
		}
	}
	e.add("ONNX Runtime", path, StatusWarn, problem, mend)
}

func (e *examination) threads() {
	cores, problem := runtime.GOMAXPROCS(0), ""
	found := fmt.Sprintf("%d cores", cores)
	if set, ok := os.LookupEnv("OMP_NUM_THREADS"); ok {
		found += ", OMP_NUM_THREADS=" + set
		first, _, _ := strings.Cut(set, ",")
		switch n, err := strconv.Atoi(strings.TrimSpace(first)); {
		case err != nil || n < 1:
			problem = "OMP_NUM_THREADS is not a number of threads"
		case n > cores:
			problem = "OMP_NUM_THREADS asks for more threads than there are cores: they wait for each other"
		}
	}
	e.add("threads", found, StatusWarn, problem, "unset OMP_NUM_THREADS")
}

// driverPatience is several times the longest that a working driver is seen to take for
// its first answer: many GPUs without nvidia-persistenced.
const driverPatience = time.Minute

// cuda never fails the report, because without CUDA training runs on the CPU. When ctx
// ends it reports nothing.
func (e *examination) cuda(ctx context.Context, t torchDir, torchErr error) {
	f, err := e.gather(ctx, t, torchErr)
	if err != nil {
		return
	}
	c := &e.report.CUDA
	*c = CUDA{Container: f.container, CuDNN: cudnnVersion(f.cudnn), Devices: f.gpus,
		Driver: cmp.Or(dottedVersion.FindString(f.module), f.driverVersion), DriverCUDA: cudaVersion(f.driver)}
	if torchErr == nil && !f.cpuOnly {
		c.Runtime = cudaVersion(f.wanted)
	}
	why := f.explain()
	if why.reason == "" {
		c.Architectures = t.architectures()
		why = f.explainKernels(c.Devices, c.Architectures)
	}
	c.Problem, c.Mend = why.problem, why.mend
	c.Available = slices.ContainsFunc(c.Devices, func(d CUDADevice) bool { return d.Usable })
	if !c.Available {
		c.Reason = why.reason
	}
	found := strings.Join(f.found(c, t), "; ")
	if c.Reason == CUDANoGPU {
		e.add("CUDA", found, StatusOK, "", "")
	} else {
		e.add("CUDA", found, StatusWarn, c.Problem, c.Mend)
	}
}

// gather reads everything that the verdict about CUDA rests on.
func (e *examination) gather(ctx context.Context, t torchDir, torchErr error) (*facts, error) {
	f := &facts{graphics: e.machine.look(), wanted: t.cuda(), users: t.origin != bySetup}
	var libraries []string
	if torchErr != nil {
		f.noTorch = bare(torchErr)
	} else {
		err := t.checkCUDA()
		if f.cpuOnly = errors.Is(err, errNoCUDA); err != nil {
			f.missing = err.Error()
		}
		if part, ok := errors.AsType[*missingPart](err); ok {
			f.missing, f.headers = part.text, part.headers
		}
		bridgePath, _ := e.findLibrary(t, mainBridge)
		path, _ := e.findLibrary(t, cudaBridge)
		if f.bridged = bridgePath != "" && path != ""; f.bridged && (f.present() || !e.brief) {
			libraries = []string{bridgePath, path}
		}
	}
	if e.prober == "" {
		f.untried = "is missing"
	} else if err := e.askDriver(ctx, f, libraries); err != nil {
		return nil, err
	}
	f.wanted = cmp.Or(f.runtime, f.wanted)
	if len(f.gpus) == 0 && !f.silent { // if the driver hangs, opening hangs too, in this process
		e.machine.tryNodes(f.graphics)
	}
	_, err := e.writableHome()
	f.image = f.container != "" && (err != nil || len(compilersHere()) == 0)
	return f, nil
}

// askDriver runs the prober, and if it sees no device, again without
// $CUDA_VISIBLE_DEVICES. It returns an error only when ctx ends.
func (e *examination) askDriver(ctx context.Context, f *facts, libraries []string) (err error) {
	patience := cmp.Or(e.machine.patience, driverPatience)
	if f.probing, err = probeCUDA(ctx, patience, e.prober, false, libraries...); err != nil {
		return err
	}
	if f.unrun != nil {
		f.untried = "does not run: " + f.unrun.Error()
	}
	if value, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set && len(f.gpus) == 0 && f.library != "" && !f.silent {
		all, err := probeCUDA(ctx, patience, e.prober, true)
		f.hidden, f.hiding = len(all.gpus), value
		return err
	}
	return nil
}

// found lists what there is of CUDA, for the line of the report.
func (f *facts) found(c *CUDA, t torchDir) []string {
	var all []string
	switch {
	case c.Reason == CUDANoGPU:
		all = append(all, "none: "+c.Problem)
	case len(f.gpus) > 0:
		all = append(all, count(len(f.gpus), "device"))
	case f.present():
		all = append(all, count(max(len(f.pci), len(f.nodes), 1), "NVIDIA GPU")+", 0 devices")
	default:
		all = append(all, "0 devices")
	}
	switch {
	case c.DriverCUDA != "":
		all = append(all, "driver"+after(c.Driver)+" (CUDA "+c.DriverCUDA+")")
	case c.Driver != "":
		all = append(all, "driver "+c.Driver)
	}
	if c.Runtime != "" {
		all = append(all, "libtorch for CUDA "+c.Runtime)
	} else if t.dir != "" {
		all = append(all, "libtorch for the CPU")
	}
	if c.CuDNN != "" {
		all = append(all, "cuDNN "+c.CuDNN)
	}
	return all
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
