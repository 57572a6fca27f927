// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errNoCUDA tells that a libtorch is built, or installed, for CPUs alone.
var errNoCUDA = errors.New("this libtorch has no CUDA parts")

// A missingPart is a file that the CUDA parts need.
type missingPart struct {
	text   string
	header bool // needed to compile, not to run
}

func (m *missingPart) Error() string { return m.text + " is not there" }

// includes are the -I flags for a library.
func (t torchDir) includes(l library) []string {
	flags := []string{
		"-I" + filepath.Join(t.dir, "include"),
		"-I" + filepath.Join(t.dir, "include/torch/csrc/api/include"),
	}
	if l.name == cudaBridge.name {
		for _, dir := range t.cudaHeaders() {
			flags = append(flags, "-isystem", dir)
		}
	}
	return flags
}

// cudaHeaders are the folders that may hold CUDA's headers: those of the wheels
// beside libtorch, then those of a CUDA toolkit.
func (t torchDir) cudaHeaders() []string {
	dirs, _ := filepath.Glob(filepath.Join(filepath.Dir(t.dir), "nvidia/*/include"))
	for _, root := range []string{os.Getenv("CUDA_HOME"), "/usr/local/cuda"} {
		if root != "" && isDir(filepath.Join(root, "include")) {
			dirs = append(dirs, filepath.Join(root, "include"))
		}
	}
	return dirs
}

// checkCUDA looks, without loading anything, whether the CUDA bridge can be
// compiled and can find what it needs. nil means worth a try.
func (t torchDir) checkCUDA() error {
	if !isFile(filepath.Join(t.dir, "lib", "libtorch_cuda.so")) {
		return errNoCUDA
	}
	for _, name := range []string{"libtorch_cuda.so", "libc10_cuda.so"} {
		missing, err := unresolved(filepath.Join(t.dir, "lib", name))
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return &missingPart{text: fmt.Sprintf("%s needs %s, which", name, strings.Join(missing, " and "))}
		}
	}
	for _, header := range []string{"cuda_runtime_api.h", "crt/host_defines.h", "nv/target"} {
		if !inOneOf(t.cudaHeaders(), header) {
			return &missingPart{text: "CUDA's header " + header, header: true}
		}
	}
	return nil
}

// unresolved lists what a library needs and its own search path does not hold.
// Libraries of the system's loader path are left to the loader.
func unresolved(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, list := range paths {
			dirs = append(dirs, filepath.SplitList(strings.ReplaceAll(list, "$ORIGIN", filepath.Dir(path)))...)
		}
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
	dirs = append(dirs, "/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib",
		"/usr/local/cuda/lib64", "/usr/local/lib")
	var missing []string
	for _, name := range needed {
		if !inOneOf(dirs, name) {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

func inOneOf(dirs []string, name string) bool {
	for _, dir := range dirs {
		if isFile(filepath.Join(dir, name)) {
			return true
		}
	}
	return false
}
