// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// installTorch installs libtorch from wheels. All that may be missing is told at
// once; the compiler is needed later.
func (w *setup) installTorch(ctx context.Context, cuda bool) error {
	_, missing := w.findCompiler(ctx)
	return w.downloadTorch(ctx, cuda, missing)
}

// downloadTorch is installTorch where what else is missing is known.
func (w *setup) downloadTorch(ctx context.Context, cuda bool, missing error) error {
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

// installWheels downloads and unpacks wheels one after the other, so that no
// more than one lies on the disk, and puts the folder in its place.
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
	if err := syncFiles(made); err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	place := filepath.Join(w.home, folder)
	if err := os.Rename(place, filepath.Join(w.temp, "old-"+folder)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("libtorch: %w", err)
	}
	if err := os.Rename(made, place); err != nil {
		return fmt.Errorf("libtorch: %w", err)
	}
	return nil
}

// checkSpace wants free space where the home will be.
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

// oldestGlibc is what the wheels are built for: 2.28.
const oldestGlibc = 228

// checkGlibc refuses a system on which the wheels' libraries do not load. A
// system that does not tell its version passes.
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
	out, err := runCommand(ctx, nil, "", "getconf", "GNU_LIBC_VERSION")
	if v, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "glibc "); err == nil && ok {
		return v, false
	}
	return "", isFile("/lib/ld-musl-x86_64.so.1")
}
