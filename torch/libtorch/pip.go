// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pip is a command that runs pip.
type pip []string

// pips are tried in this order.
var pips = []pip{
	{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"},
}

var pipVersion = regexp.MustCompile(`^pip (\d+)\.(\d+)`)

// findPip returns the first pip of version 20.3 or later, which accepts several
// --platform flags. temp must be a folder that no other user may write to, because
// pip starts in it and `python -m` looks for modules there first.
func findPip(ctx context.Context, temp string) (pip, error) {
	var old *lacking
	var broken string
	for _, p := range pips {
		if _, err := exec.LookPath(p[0]); err != nil {
			continue
		}
		out, err := p.run(ctx, temp, "--version")
		if ctx.Err() != nil {
			return nil, err
		}
		m := pipVersion.FindSubmatch(out)
		if err != nil || m == nil {
			if !strings.Contains(string(out), "No module named") && broken == "" {
				broken = fmt.Sprintf(" (%s --version says: %s)", p, tail(out, 1))
			}
			continue
		}
		major, _ := strconv.Atoi(string(m[1]))
		minor, _ := strconv.Atoi(string(m[2]))
		if major > 20 || major == 20 && minor >= 3 {
			return p, nil
		}
		if old == nil {
			old = &lacking{what: fmt.Sprintf("`%s` is version %d.%d, and 20.3 or later is needed", p, major, minor), command: p.String() + " install --upgrade pip"}
		}
	}
	if old != nil {
		return nil, old
	}
	return nil, lacks("pip, which downloads libtorch, is not there (ETUDE_LIBTORCH can name a libtorch that is already here)"+broken, pipPackage)
}

func (p pip) String() string { return strings.Join(p, " ") }

// run runs pip with the user's configuration (an index of their own, a proxy,
// certificates), except for what would contradict our arguments.
func (p pip) run(ctx context.Context, temp string, args ...string) ([]byte, error) {
	env := []string{
		"TMPDIR=" + temp, "LC_ALL=C", "PYTHONWARNINGS=ignore",
		"PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_ROOT_USER_ACTION=ignore",
		"PIP_USER=0", "PIP_REQUIRE_VIRTUALENV=0", "PIP_TARGET=", "PIP_PREFIX=", "PIP_ROOT=", "PIP_CONSTRAINT=",
	}
	return runGuarded(ctx, env, temp, p[0], slices.Concat(p[1:], args)...)
}

// platforms lists the tags of the pinned wheels, for every Python. pip does not derive
// one from another.
var platforms = []string{
	"manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_25_x86_64",
	"manylinux_2_18_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
}

// attempts bounds how often a download that broke off is started.
const attempts = 3

// download fetches a wheel into a folder and returns its path. pip checks its hash.
// temp takes pip's temporary files.
func (p pip) download(ctx context.Context, w wheel, folder, temp string, progress func(done int64)) (string, error) {
	requirements := filepath.Join(folder, "requirements.txt")
	if err := write(requirements, []byte(w.requirement()+"\n")); err != nil {
		return "", err
	}
	// No cache: older versions of pip read the whole wheel into memory for it, and
	// half a gigabyte would stay on the disk for nothing.
	args := []string{
		"download", "--require-hashes", "--requirement", requirements, "--no-deps", "--dest", folder,
		"--no-cache-dir", "--progress-bar", "off", "--only-binary", ":all:",
		"--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--abi", "none",
	}
	for _, name := range platforms {
		args = append(args, "--platform", name)
	}
	for attempt := 1; ; attempt++ {
		stop := watch(temp, progress)
		out, err := p.run(ctx, temp, args...)
		stop()
		if ctx.Err() != nil {
			return "", err
		}
		if err != nil {
			if brokeOff(out) && attempt < attempts {
				continue
			}
			return "", downloadError(w, out, err)
		}
		found, err := filesIn(folder, ".whl")
		if err != nil || len(found) != 1 {
			return "", fmt.Errorf("libtorch: pip left %d wheels for %s in %s: %w", len(found), w, folder, errors.Join(err, errors.New(tail(out, 5))))
		}
		progress(w.size)
		return found[0], nil
	}
}

// watch reports the size of the largest wheel below a folder until it is stopped. pip's
// own progress is made for terminals and changes between versions.
func watch(folder string, progress func(done int64)) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			var largest int64
			_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
				if err == nil && filepath.Ext(path) == ".whl" {
					if info, err := d.Info(); err == nil {
						largest = max(largest, info.Size())
					}
				}
				return nil // files come and go
			})
			if largest > 0 {
				progress(largest)
			}
		}
	}()
	return func() { close(quit); <-ended }
}

// brokeOff reports whether a download broke off. One that could not begin is not tried
// again, because pip has done so several times.
func brokeOff(out []byte) bool {
	return says(out, "IncompleteRead", "Connection broken", "Read timed out", "incomplete-download", "ProtocolError") && !says(out, "No space left")
}

// downloadError turns pip's output into an error that says what is wrong and what to do.
func downloadError(w wheel, out []byte, err error) error {
	elsewhere := "; or set ETUDE_LIBTORCH to a libtorch that is already here"
	if w == onnxRuntimeWheel {
		elsewhere = ""
	}
	switch {
	case says(out, "DO NOT MATCH THE HASHES"):
		return fmt.Errorf("libtorch: %s: the file that pip was given is not the published one (its hash differs): look at `pip config list` for an index of your own, then run setup again", w)
	case says(out, "No space left on device"):
		return fmt.Errorf("libtorch: %s: the disk is full: make room, or set ETUDE_HOME to a folder on another disk", w)
	case brokeOff(out):
		return fmt.Errorf("libtorch: %s: the download broke off %d times: run setup again%s: %s", w, attempts, elsewhere, tail(out, 1))
	case says(out, "NewConnectionError", "NameResolutionError", "Temporary failure in name resolution", "Network is unreachable", "ProxyError", "SSLError"):
		return fmt.Errorf("libtorch: %s: pip cannot reach its package index: check the network, and `pip config list` for a proxy%s: %s", w, elsewhere, tail(out, 1))
	case says(out, "No matching distribution"):
		return fmt.Errorf("libtorch: %s: pip's package index does not have it: look at `pip config list` for an index of your own%s", w, elsewhere)
	}
	return fmt.Errorf("libtorch: %s: pip failed: %w: %s", w, err, tail(out, 8))
}
