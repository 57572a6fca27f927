// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// probing holds the answers of the prober.
type probing struct {
	loaded  int    // libraries that were opened
	failure error  // the first library that does not load
	abi     int    // of the bridge, if that was loaded
	onnx    string // ONNX Runtime's version, if that was loaded: "1.32.0"

	// Only probeCUDA fills these.
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

// probe opens libraries in another process. A library that crashes there is a
// failure like one that does not load.
func probe(ctx context.Context, prober string, libraries ...string) (probing, error) {
	out, err := runCommand(ctx, prober, libraries...)
	if ctx.Err() != nil {
		return probing{}, err
	}
	p := readProbing(out, err, libraries)
	if errors.Is(err, fs.ErrPermission) {
		p.failure = cannotRun(prober, err)
	}
	return p, nil
}

// cannotRun says why a program that was compiled here does not start. If the file may
// be run and its file system forbids it, the user's rights are not the cause, so the
// error is not [fs.ErrPermission].
func cannotRun(program string, err error) error {
	if info, e := os.Stat(program); e == nil && info.Mode()&0o111 != 0 && errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s cannot be run, as its file system is mounted with noexec: set ETUDE_HOME to a folder on another file system", program)
	}
	return err
}

// probeCUDA opens libraries, none or those of CUDA, and asks the driver. With
// all, $CUDA_VISIBLE_DEVICES is ignored. A broken GPU can hold a process in
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
		out, err := runCommand(limited, prober, slices.Concat(args, libraries)...)
		answers <- answer{out, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-limited.Done():
		select {
		case a = <-answers: // it was killed, and this is its output until then
		case <-time.After(time.Second):
		}
	}
	if ctx.Err() != nil {
		return probing{}, context.Cause(ctx)
	}
	late := limited.Err() != nil
	p := readProbing(a.out, a.err, libraries)
	var ended *exec.ExitError
	switch {
	case late && p.loaded < len(libraries):
		p.failure = fmt.Errorf("%s does not load within %v", libraries[p.loaded], patience)
	case late:
		p.silent = true
	case a.err != nil && !errors.As(a.err, &ended):
		p.unrun, p.failure = cannotRun(prober, a.err), nil
	case p.loaded == len(libraries) && ended != nil && !ended.Exited():
		p.crashed = a.err
	}
	return p, nil
}

// readProbing reads the prober's lines; see probe/probe.cpp. If it ended with err
// before it had loaded all libraries, that is a failure of the next one.
func readProbing(out []byte, err error, libraries []string) (p probing) {
	numbers := map[string]*int{"abi": &p.abi, "driver": &p.driver, "runtime": &p.runtime, "cudnn": &p.cudnn}
	texts := map[string]*string{"onnxruntime": &p.onnx, "library": &p.library, "no-library": &p.libraryError, "driver-version": &p.driverVersion}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		first, message, _ := strings.Cut(value, "\t")
		switch {
		case numbers[key] != nil:
			*numbers[key], _ = strconv.Atoi(value)
		case texts[key] != nil:
			*texts[key] = value
		case key == "ok":
			p.loaded++
		case key == "error" && p.failure == nil:
			p.failure = fmt.Errorf("%s does not load: %s", first, message)
		case key == "devices-error":
			p.devicesCode, _ = strconv.Atoi(first)
			p.message = message
		case key == "device":
			if d, err := readDevice(value); err == nil {
				d.Index = len(p.gpus)
				p.gpus = append(p.gpus, d)
			}
		}
	}
	if p.failure == nil && p.loaded < len(libraries) {
		p.failure = fmt.Errorf("%s does not load: %w", libraries[p.loaded], errors.Join(err, errors.New(tail(out, 3))))
	}
	return p
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
