// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed standin
var standIn embed.FS

const (
	standInHome = "ETUDE_TEST_CUDA_HOME" // an ETUDE_HOME that was set up with --cuda
	standInLib  = "ETUDE_TEST_LIBTORCH"  // the libtorch that it was set up for
	standInLog  = "ETUDE_TEST_STANDIN"
)

// StandIn runs a test again in a process that has a stand-in for CUDA: two devices in
// host memory that refuse what CUDA forbids. Copies are made there, kernels do nothing.
// The test looks at the calls of the real libtorch: in which streams, in which order, on
// which device. It needs the bridge for CUDA, which can be compiled without a GPU;
// without ETUDE_TEST_CUDA_HOME and ETUDE_TEST_LIBTORCH the test is skipped.
//
//	log := torchtest.StandIn(t)
//	if log == nil {
//		return // it has run in the other process
//	}
//
// log returns the calls since it was called last. "1 kernel 1.2" is a kernel on device 1
// in its stream 2, "1 context" means that device 1 was given its context.
func StandIn(tb testing.TB) (log func() []string) {
	tb.Helper()
	if path := os.Getenv(standInLog); path != "" {
		read := 0
		return func() []string {
			text, err := os.ReadFile(path)
			if err != nil {
				tb.Fatal(err)
			}
			lines := strings.Split(string(text), "\n")
			lines = lines[:len(lines)-1] // each ends in a newline
			fresh := lines[read:]
			read = len(lines)
			return fresh
		}
	}
	home, libtorch := os.Getenv(standInHome), os.Getenv(standInLib)
	if home == "" || libtorch == "" {
		tb.Skipf("%s and %s do not both name a libtorch for CUDA", standInHome, standInLib)
	}
	folder := tb.TempDir()
	library, err := compileStandIn(folder, filepath.Dir(libtorch))
	if err != nil {
		tb.Fatal("the stand-in for CUDA: ", err)
	}
	events := filepath.Join(folder, "log")
	if err := os.WriteFile(events, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+tb.Name()+"$", "-test.v", "-test.count=1", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "ETUDE_HOME="+home, "LD_PRELOAD="+library, standInLog+"="+events, deviceVariable+"=cuda:1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+tb.Name()) {
		tb.Errorf("with a stand-in for CUDA: %v\n%s", err, out)
	}
	return nil
}

// compileStandIn makes the library, with NVIDIA's headers from beside libtorch.
func compileStandIn(folder, packages string) (string, error) {
	if err := os.CopyFS(folder, standIn); err != nil {
		return "", err
	}
	library := filepath.Join(folder, "libcuda.so.1") // libtorch looks for a driver of that name
	sources, err := filepath.Glob(filepath.Join(folder, "standin", "*.cpp"))
	if err != nil {
		return "", err
	}
	headers, err := filepath.Glob(filepath.Join(packages, "nvidia", "*", "include"))
	if err != nil {
		return "", err
	}
	args := []string{"-std=c++20", "-O1", "-shared", "-fPIC", "-Wl,-soname," + filepath.Base(library), "-o", library}
	for _, h := range headers {
		args = append(args, "-I"+h)
	}
	if out, err := exec.Command("g++", append(args, sources...)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return library, nil
}
