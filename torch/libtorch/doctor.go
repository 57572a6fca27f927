// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch/bridge"
)

// A Status is how a part is.
type Status string

// With StatusWarn training runs, but not all of it as it could; with
// StatusError it does not run.
const (
	StatusOK    Status = "ok"
	StatusWarn  Status = "warn"
	StatusError Status = "error"
)

// A Part is one thing that training, or what comes after it, stands on.
type Part struct {
	Name    string `json:"name"`
	Status  Status `json:"status"`
	Found   string `json:"found"`             // what is there
	Problem string `json:"problem,omitempty"` // what is wrong
	Mend    string `json:"mend,omitempty"`    // the one command that mends it
}

// A Report is what [Doctor] found. Its JSON is {"ok": …, "parts": […], "cuda": {…}}.
type Report struct {
	Parts []Part
	CUDA  CUDA
}

// OK tells whether training can run.
func (r *Report) OK() bool {
	for _, p := range r.Parts {
		if p.Status == StatusError {
			return false
		}
	}
	return true
}

// MarshalJSON implements [json.Marshaler].
func (r *Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		OK    bool   `json:"ok"`
		Parts []Part `json:"parts"`
		CUDA  CUDA   `json:"cuda"`
	}{r.OK(), r.Parts, r.CUDA})
}

// The mends that are our own commands.
const (
	mendSetup   = "etude setup"
	mendForce   = "etude setup --force"
	mendCUDA    = "etude setup --cuda"
	mendGiven   = "etude setup --libtorch DIR"
	mendUpgrade = "etude setup --cuda --force"
)

// Doctor examines each part. It loads the libraries in a process of its own, and
// changes nothing; it takes a few seconds.
func Doctor(ctx context.Context) *Report {
	s, why := begin()
	if s == nil {
		return &Report{
			Parts: []Part{{Name: "system", Status: StatusError, Found: runtime.GOOS + "/" + runtime.GOARCH, Problem: why.problem, Mend: why.mend}},
			CUDA:  CUDA{Reason: why.reason, Problem: why.problem, Mend: why.mend},
		}
	}
	return s.examine(ctx)
}

// begin returns what to examine, or nil and why nothing can be.
func begin() (*search, verdict) {
	if err := checkPlatform(); err != nil {
		return nil, verdict{CUDANoPlatform, bare(err), ""}
	}
	s, err := newSearch("")
	if err != nil {
		return nil, verdict{CUDANotInstalled, bare(err), "export ETUDE_HOME=DIR"}
	}
	return s, verdict{}
}

func (s *search) examine(ctx context.Context) *Report {
	e := &examination{search: s, prober: s.findProbe()}
	if e.prober != "" {
		if _, err := runCommand(ctx, nil, "", e.prober); err != nil {
			e.prober = "" // one that does not run tells nothing of what it would try
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
	e.onnxRuntime(ctx, t)
	e.threads()
	return &e.report
}

// An examination is one run of Doctor.
type examination struct {
	*search
	prober string
	brief  bool // without a GPU, how the CUDA libraries are is no matter
	report Report
}

func (e *examination) add(p Part) { e.report.Parts = append(e.report.Parts, p) }

// bare is an error's text for a report, which needs neither the package's name
// nor the command that the part names by itself.
func bare(err error) string {
	if errors.Is(err, ErrNotInstalled) {
		return "not installed"
	}
	var l *lacking
	if errors.As(err, &l) && l.command != "" {
		return l.what
	}
	return strings.TrimPrefix(err.Error(), "libtorch: ")
}

// mendOf is the command that mends an error, "" where there is none.
func mendOf(err error) string {
	var l *lacking
	if errors.As(err, &l) {
		return l.command
	}
	return ""
}

func (e *examination) system(ctx context.Context) {
	p := Part{Name: "system", Status: StatusOK, Found: runtime.GOOS + "/" + runtime.GOARCH}
	if version, _ := glibc(ctx); version != "" {
		p.Found += ", glibc " + version
	}
	if err := checkGlibc(ctx); err != nil {
		p.Status, p.Problem = StatusError, bare(err)
	}
	e.add(p)
}

// folder tells where things are kept and what room there is.
func (e *examination) folder() {
	p := Part{Name: "home", Status: StatusOK, Found: strings.Join(e.homes, ", then ")}
	if e.passed != nil {
		p.Found += fmt.Sprintf(" (and no cache folder: %v)", e.passed)
	}
	complete := (&setup{search: e.search}).present() != nil
	home, err := e.writableHome()
	switch {
	case err != nil && complete:
		p.Found += " (read-only and complete)"
	case err != nil:
		p.Status, p.Problem = StatusError, bare(err)
		p.Mend = "ETUDE_HOME=DIR etude setup"
	default:
		at := home
		for !isDir(at) && at != filepath.Dir(at) {
			at = filepath.Dir(at)
		}
		free, err := freeSpace(at)
		if err != nil {
			break
		}
		p.Found += fmt.Sprintf("; %.1f GB free", float64(free)/1e9)
		if _, err := e.findTorch(); errors.Is(err, ErrNotInstalled) && free < cpuSpace {
			p.Status = StatusError
			p.Problem = fmt.Sprintf("installing libtorch needs %.1f GB", cpuSpace/1e9)
			p.Mend = "ETUDE_HOME=DIR etude setup"
		}
	}
	e.add(p)
}

func (e *examination) compiler(ctx context.Context, temp string, err error, compiled bool) {
	p := Part{Name: "compiler", Status: StatusOK}
	if err == nil {
		var c compiler
		if c, err = findCompiler(ctx, temp); err == nil {
			p.Found = fmt.Sprintf("%s: %s", c, c.version)
		}
	}
	switch {
	case err != nil && compiled:
		p.Found = "none that serves; not needed, the bridge is compiled"
	case err != nil:
		p.Status, p.Problem, p.Mend = StatusError, bare(err), mendOf(err)
	}
	e.add(p)
}

// pip is examined only where it is needed.
func (e *examination) pip(ctx context.Context, temp string, err error, forTorch bool) {
	p := Part{Name: "pip", Status: StatusOK}
	var found pip
	if err == nil {
		found, err = findPip(ctx, temp)
	}
	switch {
	case err == nil:
		p.Found = found.String()
	case forTorch:
		p.Status, p.Problem, p.Mend = StatusError, bare(err), mendOf(err)
	default:
		p.Status, p.Problem, p.Mend = StatusWarn, bare(err), mendOf(err)
	}
	e.add(p)
}

func (e *examination) libtorch(t torchDir, err error) {
	p := Part{Name: "libtorch", Status: StatusOK}
	switch {
	case errors.Is(err, ErrNotInstalled):
		p.Status, p.Problem, p.Mend = StatusError, bare(err), mendSetup
	case err != nil && e.given != "":
		p.Status, p.Problem, p.Mend = StatusError, bare(err), "unset "+strings.TrimPrefix(e.origin, "$")
	case err != nil:
		p.Status, p.Problem, p.Mend = StatusError, bare(err), mendGiven
	default:
		p.Found = fmt.Sprintf("%s in %s (%s)", t.version, t.dir, t.origin)
		if err := t.checkABI(); err != nil {
			p.Status, p.Problem, p.Mend = StatusError, bare(err), mendForce
		} else if t.release > newest {
			p.Status, p.Problem, p.Mend = StatusWarn, "newer than what is tested: "+supported(), mendForce
		}
	}
	e.add(p)
}

func (e *examination) bridge(ctx context.Context, path string) {
	p := Part{Name: "bridge", Status: StatusOK, Found: path}
	switch {
	case path == "":
		p.Status, p.Problem, p.Mend = StatusError, "not compiled for this libtorch", mendSetup
	case e.prober == "":
		p.Status, p.Problem, p.Mend = StatusWarn, "it was not tried: the program for that is missing or does not run", mendSetup
	default:
		found, err := probe(ctx, e.prober, path)
		if err == nil {
			err = found.failure
		}
		switch {
		case err != nil:
			p.Status, p.Problem, p.Mend = StatusError, bare(err), mendSetup
		case found.abi != bridge.ABI:
			p.Status, p.Mend = StatusError, mendForce
			p.Problem = fmt.Sprintf("it speaks version %d of the interface, this program %d", found.abi, bridge.ABI)
		}
	}
	e.add(p)
}

func (e *examination) onnxRuntime(ctx context.Context, t torchDir) {
	p := Part{Name: "ONNX Runtime", Status: StatusOK, Found: e.findONNXRuntime(t)}
	if p.Found == "" {
		p.Status, p.Problem, p.Mend = StatusWarn, "not installed: exported networks cannot be checked or run", mendSetup
	} else if e.prober != "" {
		found, err := probe(ctx, e.prober, p.Found)
		if err == nil {
			err = found.failure
		}
		if n, e := release(found.onnx); err == nil && (e != nil || n < oldestONNXRuntime) {
			err = fmt.Errorf("ONNX Runtime %s is too old: version %d.%d or later is needed", found.onnx, oldestONNXRuntime/100, oldestONNXRuntime%100)
		}
		if err != nil {
			p.Status, p.Problem, p.Mend = StatusWarn, bare(err), mendSetup
			if os.Getenv("ETUDE_ONNXRUNTIME") != "" {
				p.Mend = "unset ETUDE_ONNXRUNTIME"
			}
		}
	}
	e.add(p)
}

func (e *examination) threads() {
	cores := runtime.GOMAXPROCS(0)
	p := Part{Name: "threads", Status: StatusOK, Found: fmt.Sprintf("%d cores", cores)}
	if set, ok := os.LookupEnv("OMP_NUM_THREADS"); ok {
		p.Found += ", OMP_NUM_THREADS=" + set
		first, _, _ := strings.Cut(set, ",")
		switch n, err := strconv.Atoi(strings.TrimSpace(first)); {
		case err != nil || n < 1:
			p.Status, p.Problem, p.Mend = StatusWarn, "OMP_NUM_THREADS is not a number of threads", "unset OMP_NUM_THREADS"
		case n > cores:
			p.Status, p.Problem, p.Mend = StatusWarn, "OMP_NUM_THREADS asks for more threads than there are cores: they wait for each other", "unset OMP_NUM_THREADS"
		}
	}
	e.add(p)
}
