// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A torchDir is a libtorch on disk.
type torchDir struct {
	dir     string // holds lib/ and include/
	version string // "2.15.0+cu132"
	release int    // 215
	origin  string
}

// openTorch looks at a folder that the user or the cache names: libtorch
// itself, or a folder that holds it as torch/ (site-packages, or what
// `pip install --target` filled).
func openTorch(dir string) (torchDir, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return torchDir{}, err
	}
	if !isDir(abs) {
		return torchDir{}, fmt.Errorf("%s: there is no such folder", abs)
	}
	for _, at := range []string{abs, filepath.Join(abs, "torch")} {
		if isFile(filepath.Join(at, "lib", "libtorch_cpu.so")) {
			return readTorch(at)
		}
	}
	return torchDir{}, fmt.Errorf("%s: no lib/libtorch_cpu.so and no torch/lib/libtorch_cpu.so in it", abs)
}

func readTorch(dir string) (torchDir, error) {
	t := torchDir{dir: dir}
	err := t.check("lib/libc10.so")
	if err != nil {
		return t, err
	}
	if t.version, err = readVersion(dir); err != nil {
		return t, err
	}
	if t.release, err = release(t.version); err != nil {
		return t, fmt.Errorf("%s: %w", dir, err)
	}
	if t.release < oldest {
		return t, fmt.Errorf("%s: libtorch %s is too old: %s", dir, t.version, supported())
	}
	return t, nil
}

// checkHeaders looks for what compiling needs. A libtorch whose bridge is compiled
// serves without.
func (t torchDir) checkHeaders() error {
	return t.check("include/ATen/ATen.h", "include/torch/csrc/api/include/torch/version.h")
}

// check looks for files.
func (t torchDir) check(names ...string) error {
	for _, name := range names {
		if !isFile(filepath.Join(t.dir, name)) {
			return fmt.Errorf("%s: incomplete, %s is missing", t.dir, name)
		}
	}
	return nil
}

// supported is the range in words.
func supported() string {
	return fmt.Sprintf("versions %d.%d to %d.%d are supported", oldest/100, oldest%100, newest/100, newest%100)
}

var (
	pythonVersion = regexp.MustCompile(`(?m)^__version__ = ['"]([^'"]+)['"]`)
	headerVersion = regexp.MustCompile(`(?m)^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) (\d+)`)
)

// readVersion finds the version where the three ways of packing libtorch keep
// it: the wheel's version.py, the zip archive's build-version, the headers.
func readVersion(dir string) (string, error) {
	if text, err := os.ReadFile(filepath.Join(dir, "version.py")); err == nil {
		if m := pythonVersion.FindSubmatch(text); m != nil {
			return string(m[1]), nil
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "build-version")); err == nil {
		if v := strings.TrimSpace(string(text)); v != "" {
			return v, nil
		}
	}
	for _, header := range []string{"torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"} {
		text, err := os.ReadFile(filepath.Join(dir, "include", header))
		if err != nil {
			continue
		}
		parts := map[string]string{}
		for _, m := range headerVersion.FindAllSubmatch(text, -1) {
			parts[string(m[1])] = string(m[2])
		}
		if len(parts) == 3 {
			return parts["MAJOR"] + "." + parts["MINOR"] + "." + parts["PATCH"], nil
		}
	}
	return "", fmt.Errorf("%s: its version is nowhere to be read (version.py, build-version, include/torch/headeronly/version.h)", dir)
}

// release turns "2.15.0+cu132" into 215.
func release(version string) (int, error) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) >= 2 {
		major, err1 := strconv.Atoi(parts[0])
		minor, err2 := strconv.Atoi(parts[1])
		if err1 == nil && err2 == nil && major >= 0 && minor >= 0 && minor < 100 {
			return major*100 + minor, nil
		}
	}
	return 0, fmt.Errorf("%q is not a version", version)
}

// checkABI refuses a libtorch whose std::string is the one of before C++11:
// what is compiled against it here would not link.
func (t torchDir) checkABI() error {
	path := filepath.Join(t.dir, "lib", "libc10.so")
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("libtorch: %s: %w", path, err)
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("libtorch: %s is built for %s, not for x86-64", path, f.Machine)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		return fmt.Errorf("libtorch: %s: %w", path, err)
	}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && strings.Contains(s.Name, "cxx11") {
			return nil
		}
	}
	return fmt.Errorf("libtorch: %s is built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0): take a build of version 2.11 or later from the torch wheel, or %s", t.dir, setupHint)
}

// whole returns an error for a library whose file is cut short or damaged in its
// headers: opening one that is cut short ends the process with SIGBUS. Whatever is
// no ELF file at all, the loader refuses by itself.
func whole(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var magic [4]byte
	if _, err := file.ReadAt(magic[:], 0); err != nil || string(magic[:]) != elf.ELFMAG {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	f, err := elf.NewFile(file)
	if err == nil {
		for _, p := range f.Progs {
			if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(info.Size()) {
				err = io.ErrUnexpectedEOF
			}
		}
	}
	if err != nil {
		return fmt.Errorf("libtorch: %s is cut short or damaged: %s", path, setupHint)
	}
	return nil
}
