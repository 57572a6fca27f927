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
	text    string
	headers string // how those are had that it takes to compile; "" if it is no header
}

func (m *missingPart) Error() string {
	if m.headers != "" {
		return m.text + "; " + m.headers
	}
	return m.text
}

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
	var dirs []string
	wheels, _ := filesIn(filepath.Join(filepath.Dir(t.dir), "nvidia"), "")
	for _, wheel := range wheels {
		if dir := filepath.Join(wheel, "include"); isDir(dir) {
			dirs = append(dirs, dir)
		}
	}
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
			return &missingPart{text: fmt.Sprintf("%s needs %s, which is not there", name, strings.Join(missing, " and "))}
		}
	}
	return t.checkCUDAHeaders()
}

// checkCUDAHeaders looks for a header of each part of CUDA's that it takes to compile.
// The wheel of libtorch brings the first of them alone.
func (t torchDir) checkCUDAHeaders() error {
	var missing, packages []string
	for _, h := range [][2]string{
		{"cuda_runtime_api.h", "nvidia-cuda-runtime"}, {"crt/host_defines.h", "nvidia-cuda-crt"}, {"nv/target", "nvidia-cuda-cccl"},
	} {
		if !inOneOf(t.cudaHeaders(), h[0]) {
			missing = append(missing, "CUDA's header "+h[0]+" is not there")
			packages = append(packages, fmt.Sprintf(`"%s==%s.*"`, h[1], cudaVersion(t.cuda())))
		}
	}
	if missing == nil {
		return nil
	}
	mend := "set CUDA_HOME to a toolkit of CUDA " + cudaVersion(t.cuda())
	if t.cuda() >= 13000 { // packages of older ones are called otherwise
		mend = "pip install " + strings.Join(packages, " ") + " beside that libtorch, or " + mend
	}
	return &missingPart{strings.Join(missing, ", "), mend}
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
