// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// setup is one run of Setup.
type setup struct {
	*search
	options  Options
	home     string          // the one that is written to
	temp     string          // a folder for this run, on the same file system
	compiler compiler        // found when first needed
	broken   map[string]bool // libraries that are there and do not load
	mu       sync.Mutex
	last     time.Time // of the last event
}

// report passes an event on, one at a time.
func (w *setup) report(e Event) {
	if w.options.Progress == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	w.options.Progress(e)
}

// often passes an event on if it is the last of its kind or some time after the one
// before.
func (w *setup) often(e Event) {
	w.mu.Lock()
	soon := time.Since(w.last) < 100*time.Millisecond
	w.mu.Unlock()
	if e.Done == e.Total || !soon {
		w.report(e)
	}
}

// lock chooses the home that is written to, waits until this is the only setup in
// it, and makes an empty folder for temporary files. Whatever is in tmp by then was
// left by a setup that was killed.
func (w *setup) lock(ctx context.Context) (unlock func(), err error) {
	if w.home, err = w.writableHome(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(w.home, 0o755); err != nil {
		return nil, fmt.Errorf("libtorch: %w", err)
	}
	path := filepath.Join(w.home, "lock")
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("libtorch: %s is not a regular file: remove it", path)
	}
	lock := flock.New(path, flock.SetPermissions(0o644)) // other users of a shared home open it too
	held, err := lock.TryLock()
	if err == nil && !held {
		w.report(Event{Stage: StageWait, Item: path})
		held, err = lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil || !held {
		return nil, fmt.Errorf("libtorch: %s: %w", path, err)
	}
	all := filepath.Join(w.home, "tmp")
	unlock = func() { _ = os.RemoveAll(all); _ = lock.Unlock() }
	err = os.RemoveAll(all)
	if err == nil {
		err = os.MkdirAll(all, 0o755)
	}
	if err == nil {
		w.temp, err = os.MkdirTemp(all, "setup-")
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("libtorch: %w", err)
	}
	return unlock, nil
}

// compileMissing compiles a library unless a home has it, and returns its path.
func (w *setup) compileMissing(ctx context.Context, t torchDir, l library) (string, error) {
	if !w.options.Force {
		if path, _ := w.findLibrary(t, l); path != "" && !w.broken[path] {
			return path, nil
		}
	}
	if err := checkPath(searchPath(w.home, t)); err != nil {
		return "", fmt.Errorf("libtorch: %s: %w", t.dir, err)
	}
	if err := t.checkHeaders(); err != nil {
		return "", fmt.Errorf("libtorch: %w: what is compiled against it, %s, cannot be made", err, l.name)
	}
	c, err := w.findCompiler(ctx)
	if err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(w.temp, l.name+"-")
	if err != nil {
		return "", fmt.Errorf("libtorch: %w", err)
	}
	return w.sources.compileLibrary(ctx, c, w.home, temp, t, l, w.report)
}

// findCompiler looks for one until it has found one.
func (w *setup) findCompiler(ctx context.Context) (c compiler, err error) {
	if w.compiler.args == nil {
		w.compiler, err = findCompiler(ctx, w.temp)
	}
	return w.compiler, err
}

// prober finds or compiles the prober. One that does not run is compiled anew.
func (w *setup) prober(ctx context.Context) (string, error) {
	if path := w.findProbe(); path != "" && !w.options.Force {
		if _, err := runCommand(ctx, path); err == nil || ctx.Err() != nil {
			return path, err
		}
	}
	c, err := w.findCompiler(ctx)
	if err != nil {
		return "", err
	}
	return compileProbe(ctx, c, w.home, w.temp)
}

// installTorch installs libtorch from wheels. Its error names everything that is
// missing, so also what the caller misses.
func (w *setup) installTorch(ctx context.Context, cuda bool, missing error) error {
	space := int64(cpuSpace)
	if cuda {
		space = cudaSpace
	}
	p, err := w.readyToInstall(ctx, space)
	if err := errors.Join(err, missing); err != nil {
		return err
	}
	return w.installWheels(ctx, p, torchWheels(cuda), keepTorch(cuda), wheelFolder(cuda))
}

// installONNXRuntime installs the library of the onnxruntime wheel.
func (w *setup) installONNXRuntime(ctx context.Context) error {
	p, err := w.readyToInstall(ctx, onnxRuntimeSpace)
	if err != nil {
		return err
	}
	return w.installWheels(ctx, p, []wheel{onnxRuntimeWheel}, keepONNXRuntime, onnxRuntimeFolder)
}

// readyToInstall checks the system for wheels and finds pip.
func (w *setup) readyToInstall(ctx context.Context, space int64) (pip, error) {
	p, err := findPip(ctx, w.temp)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p, errors.Join(checkGlibc(ctx), checkSpace(w.home, space), err)
}

// installWheels downloads and unpacks wheels one after the other, so that only one is
// on the disk at a time, and puts the folder in its place.
func (w *setup) installWheels(ctx context.Context, p pip, wheels []wheel, keep func(string) (string, bool), folder string) error {
	made := filepath.Join(w.temp, folder)
	for _, one := range wheels {
		temp, err := os.MkdirTemp(w.temp, "wheel-")
		if err != nil {
			return fmt.Errorf("libtorch: %w", err)
		}
		downloading := func(done int64) { w.report(Event{StageDownload, one.String(), done, one.size}) }
		downloading(0)
		path, err := p.download(ctx, one, filepath.Join(temp, "wheel"), temp, downloading)
		if err != nil {
			return err
		}
		unpacking := func(done, total int64) { w.often(Event{StageUnpack, one.String(), done, total}) }
		if err := unpack(ctx, path, made, keep, unpacking); err != nil {
			return err
		}
		if err := os.RemoveAll(temp); err != nil {
			return fmt.Errorf("libtorch: %w", err)
		}
	}
	place := filepath.Join(w.home, folder)
	err := syncFiles(made)
	if err == nil {
		if err = os.Rename(place, filepath.Join(w.temp, "old-"+folder)); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(made, place)
		}
	}
	if err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	return nil
}

// checkSpace returns an error if the disk of the home has too little space.
func checkSpace(home string, need int64) error {
	free, err := freeSpace(home)
	if err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	if free < need {
		return fmt.Errorf("libtorch: %s has %.1f GB free, %.1f GB are needed: make room, or set ETUDE_HOME to a folder on another disk", home, float64(free)/1e9, float64(need)/1e9)
	}
	return nil
}

// oldestGlibc is the version that the wheels are built for: 2.28.
const oldestGlibc = 228

// checkGlibc refuses a system on which the wheels' libraries do not load. A system
// whose version cannot be found out passes.
func checkGlibc(ctx context.Context) error {
	version, musl := glibc(ctx)
	switch n, err := release(version); {
	case musl:
		return errors.New("libtorch: this system has musl instead of glibc, for which there is no libtorch: use a distribution with glibc (Debian, Ubuntu, Fedora), in a container perhaps")
	case err == nil && n < oldestGlibc:
		return fmt.Errorf("libtorch: glibc %s is too old, 2.28 or later is needed: use a distribution of 2019 or later (Debian 10, Ubuntu 20.04, RHEL 8), in a container perhaps", version)
	}
	return nil
}

// glibc returns glibc's version, "" if it cannot be found out, and whether this
// is a system with musl instead.
func glibc(ctx context.Context) (version string, musl bool) {
	out, err := runCommand(ctx, "getconf", "GNU_LIBC_VERSION")
	if v, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "glibc "); err == nil && ok {
		return v, false
	}
	return "", isFile("/lib/ld-musl-x86_64.so.1")
}
