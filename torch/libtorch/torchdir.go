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
	"slices"
	"strconv"
	"strings"
)

// torchDir is a libtorch on disk.
type torchDir struct {
	dir     string // holds lib/ and include/
	version string // "2.15.0+cu132"
	release int    // 215
	origin  string
}

// openTorch reads a folder that the user or the cache names: libtorch itself, or a
// folder that holds it as torch/ (site-packages, or what `pip install --target`
// filled).
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

// checkHeaders looks for what compiling needs. Once the bridge is compiled, libtorch
// works without.
func (t torchDir) checkHeaders() error {
	return t.check("include/ATen/ATen.h", "include/torch/csrc/api/include/torch/version.h")
}

// check returns an error if one of the files is missing.
func (t torchDir) check(names ...string) error {
	for _, name := range names {
		if !isFile(filepath.Join(t.dir, name)) {
			return fmt.Errorf("%s: incomplete, %s is missing", t.dir, name)
		}
	}
	return nil
}

// supported returns the range of versions in words.
func supported() string {
	return fmt.Sprintf("versions %d.%d to %d.%d are supported", oldest/100, oldest%100, newest/100, newest%100)
}

var (
	pythonVersion = regexp.MustCompile(`(?m)^__version__ = ['"]([^'"]+)['"]`)
	headerVersion = regexp.MustCompile(`(?m)^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) (\d+)`)
)

// readVersion finds the version in the three places where packages of libtorch keep
// it: the wheel's version.py, the zip archive's build-version, the headers.
func readVersion(dir string) (string, error) {
	read := func(name string) []byte {
		text, _ := os.ReadFile(filepath.Join(dir, name)) // the next place may have it
		return text
	}
	if m := pythonVersion.FindSubmatch(read("version.py")); m != nil {
		return string(m[1]), nil
	}
	if v := strings.TrimSpace(string(read("build-version"))); v != "" {
		return v, nil
	}
	for _, header := range []string{"include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"} {
		parts := map[string]string{}
		for _, m := range headerVersion.FindAllSubmatch(read(header), -1) {
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

// checkABI refuses a libtorch whose std::string is the one before C++11, because
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
// headers, because opening one that is cut short ends the process with SIGBUS. The
// loader itself refuses a file that is not an ELF file at all.
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

var cudaTag = regexp.MustCompile(`\+cu(\d+)(\d)$`)

// cuda returns the CUDA version in libtorch's build tag: 13020 of "2.15.0+cu132".
func (t torchDir) cuda() int {
	m := cudaTag.FindStringSubmatch(t.version)
	if m == nil {
		return 0
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major*1000 + minor*10
}

// cudaVersion writes 13020 as "13.2", and 0 as "".
func cudaVersion(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", n/1000, n%1000/10)
}

// errNoCUDA means that a libtorch is built, or installed, for the CPU alone.
var errNoCUDA = errors.New("this libtorch has no CUDA parts")

// missingPart is an error about a file that the CUDA parts need.
type missingPart struct {
	text    string
	headers string // how to get the headers that compiling needs; "" if none is missing
}

func (m *missingPart) Error() string {
	if m.headers != "" {
		return m.text + "; " + m.headers
	}
	return m.text
}

// cudaHeaders returns the folders that may hold CUDA's headers: those of the wheels
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

// checkCUDA looks, without loading anything, whether the CUDA bridge can be compiled
// and can find what it needs. nil means that it is worth a try.
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

// checkCUDAHeaders looks for one header of each part of CUDA that compiling needs. The
// wheel of libtorch brings only the first of them.
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
	if t.cuda() >= 13000 { // packages of older ones have other names
		mend = "pip install " + strings.Join(packages, " ") + " beside that libtorch, or " + mend
	}
	return &missingPart{strings.Join(missing, ", "), mend}
}

// unresolved lists the libraries that a library needs and that are neither on its own
// search path nor in one of the usual folders.
func unresolved(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	old, err2 := f.DynString(elf.DT_RPATH)
	paths, err3 := f.DynString(elf.DT_RUNPATH)
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var dirs []string
	for _, list := range slices.Concat(old, paths) {
		dirs = append(dirs, filepath.SplitList(strings.ReplaceAll(list, "$ORIGIN", filepath.Dir(path)))...)
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

// checkDist looks for the headers of c10d. A libtorch may have been built without it.
func (t torchDir) checkDist() error {
	return t.check("include/torch/csrc/distributed/c10d/reducer.hpp", "include/torch/csrc/distributed/c10d/ProcessGroupGloo.hpp")
}

var compiledFor = regexp.MustCompile(`code=(sm|compute)_(\d+)(\w?)`)

// architectures lists what libtorch's kernels are compiled for, "sm_75" or
// "compute_120"; nil if it cannot be read. libtorch holds the compiler's options as a
// text, to show them.
func (t torchDir) architectures() []string {
	f, err := elf.Open(filepath.Join(t.dir, "lib", "libtorch_cuda.so"))
	if err != nil {
		return nil
	}
	defer f.Close()
	var found []string
	for _, name := range []string{".rodata", ".lrodata"} {
		section := f.Section(name)
		if section == nil {
			continue
		}
		text, err := section.Data()
		if err != nil {
			return nil
		}
		for _, m := range compiledFor.FindAllSubmatch(text, -1) {
			// sm_90a and sm_100f are for single GPUs, beside kernels for all.
			if len(m[3]) == 0 {
				found = append(found, string(m[1])+"_"+string(m[2]))
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int { return number(a) - number(b) })
	return slices.Compact(found)
}

// number returns the 75 of "sm_75".
func number(architecture string) int {
	_, digits, _ := strings.Cut(architecture, "_")
	n, _ := strconv.Atoi(digits)
	return n
}
