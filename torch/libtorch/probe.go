// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A probing is what the prober said.
type probing struct {
	failure error  // the first library that does not load
	abi     int    // of the bridge, if that was loaded
	onnx    string // ONNX Runtime's version, if that was loaded: "1.32.0"

	// These need probeCUDA.
	unrun         error        // the prober itself did not run
	library       string       // the driver's libcuda.so.1; "" if it does not load
	libraryError  string       // why it does not
	driver        int          // CUDA version that the driver serves, 13020 for 13.2; 0 without one
	driverVersion string       // its own version, where the driver's management library is there
	runtime       int          // CUDA version of the runtime that came with the libraries
	cudnn         int          // 92600 for 9.26.0
	devicesCode   int          // CUDA's error instead of a number of devices
	message       string       // that error in CUDA's words
	gpus          []CUDADevice // as many as CUDA counts
	crashed       error        // the driver took the prober down
	silent        bool         // it did not answer in time
	hidden        int          // devices that there are without $CUDA_VISIBLE_DEVICES
	hiding        string
}

// probePath is where a home keeps the prober.
func probePath(home string) string {
	text, _ := probeFiles.ReadFile("probe/probe.cpp") // embedded, always there
	sum := sha256.Sum256(text)
	return filepath.Join(home, "bridge", "etude_probe-"+hex.EncodeToString(sum[:])[:16])
}

// findProbe finds the prober; "" if there is none.
func (s *search) findProbe() string {
	for _, home := range s.homes {
		if path := probePath(home); isSafeFile(path) {
			return path
		}
	}
	return ""
}

// probe opens libraries in another process. A library that crashes there is a
// failure like one that does not load.
func probe(ctx context.Context, prober string, libraries ...string) (probing, error) {
	out, err := runCommand(ctx, nil, "", prober, libraries...)
	if ctx.Err() != nil {
		return probing{}, err
	}
	p, loaded := readProbing(string(out))
	if errors.Is(err, fs.ErrPermission) {
		p.failure = cannotRun(prober, err)
	}
	if p.failure == nil && loaded < len(libraries) {
		p.failure = fmt.Errorf("%s does not load: %w", libraries[loaded], errors.Join(err, errors.New(tail(out, 3))))
	}
	return p, nil
}

// cannotRun tells why a program that was compiled here does not start. A file that
// may be run, in a file system that forbids it, is no matter of the user's rights,
// so the error is no [fs.ErrPermission].
func cannotRun(program string, err error) error {
	if info, e := os.Stat(program); e == nil && info.Mode()&0o111 != 0 && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be run, as its file system is mounted with noexec: set ETUDE_HOME to a folder on another file system", program)
	}
	return err
}

// probeCUDA opens libraries, none or those of CUDA, and asks the driver. With
// all, $CUDA_VISIBLE_DEVICES is not heeded. A broken GPU can hold a process in
// the kernel, where no signal reaches it, so this waits for patience and no
// longer, even for the process to end.
func probeCUDA(ctx context.Context, patience time.Duration, prober string, all bool, libraries ...string) (probing, error) {
	args := []string{"-cuda"}
	if all {
		args = append(args, "-all")
	}
	type answer struct {
		out []byte
		err error
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		out, err := runCommand(limited, nil, "", prober, slices.Concat(args, libraries)...)
		answers <- answer{out, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-limited.Done():
		select {
		case a = <-answers: // killed, with what it had said
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() != nil {
		return probing{}, context.Cause(ctx)
	}
	p, loaded := readProbing(string(a.out))
	var ended *exec.ExitError
	switch {
	case limited.Err() != nil && loaded < len(libraries):
		p.failure = fmt.Errorf("%s does not load within %v", libraries[loaded], patience)
	case limited.Err() != nil:
		p.silent = true
	case a.err != nil && !errors.As(a.err, &ended):
		p.unrun = cannotRun(prober, a.err)
	case p.failure == nil && loaded < len(libraries):
		p.failure = fmt.Errorf("%s does not load: %w", libraries[loaded], errors.Join(a.err, errors.New(tail(a.out, 3))))
	case ended != nil && !ended.Exited():
		p.crashed = a.err
	}
	return p, nil
}

// readProbing reads the prober's lines; see probe/probe.cpp. loaded counts the
// libraries that were opened.
func readProbing(out string) (p probing, loaded int) {
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.Atoi(value)
		switch key {
		case "ok":
			loaded++
		case "error":
			path, message, _ := strings.Cut(value, "\t")
			if p.failure == nil {
				p.failure = fmt.Errorf("%s does not load: %s", path, message)
			}
		case "abi":
			p.abi = n
		case "onnxruntime":
			p.onnx = value
		case "library":
			p.library = value
		case "no-library":
			p.libraryError = value
		case "driver":
			p.driver = n
		case "driver-version":
			p.driverVersion = value
		case "runtime":
			p.runtime = n
		case "cudnn":
			p.cudnn = n
		case "devices-error":
			code, message, _ := strings.Cut(value, "\t")
			p.devicesCode, _ = strconv.Atoi(code)
			p.message = message
		case "device":
			if d, err := readDevice(value); err == nil {
				d.Index = len(p.gpus)
				p.gpus = append(p.gpus, d)
			}
		}
	}
	return p, loaded
}

// readDevice reads "MAJOR MINOR TOTAL FREE UUID NAME".
func readDevice(line string) (CUDADevice, error) {
	var d CUDADevice
	var major, minor int
	if _, err := fmt.Sscanf(line, "%d %d %d %d %s", &major, &minor, &d.MemoryTotal, &d.MemoryFree, &d.UUID); err != nil {
		return d, err
	}
	if fields := strings.SplitN(line, " ", 6); len(fields) == 6 {
		d.Name = fields[5]
	}
	d.ComputeCapability = fmt.Sprintf("%d.%d", major, minor)
	return d, nil
}
