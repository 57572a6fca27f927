// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func partOf(t *testing.T, r *Report, name string) Part {
	for _, p := range r.Parts {
		if p.Name == name {
			return p
		}
	}
	require.Fail(t, "the report has no part "+name)
	return Part{}
}

func TestReadVersion(t *testing.T) {
	const header = "#define TORCH_VERSION_MAJOR 2\n\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 1\n"
	for _, c := range []struct{ file, text, want string }{
		{"version.py", "from typing import Optional\n__version__ = '2.15.0+cu132'\ndebug = False\n", "2.15.0+cu132"},
		{"version.py", "__version__ = \"2.12.1\"\n", "2.12.1"},
		{"build-version", "2.11.0+cpu\n", "2.11.0+cpu"},
		{"include/torch/headeronly/version.h", header, "2.13.1"},
		{"include/torch/csrc/api/include/torch/version.h", header, "2.13.1"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, c.file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
		got, err := readVersion(dir)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
	}
	_, err := readVersion(t.TempDir())
	assert.ErrorContains(t, err, "version.py")
}

func TestOpenTorch(t *testing.T) {
	w := newWorld(t)
	site := w.libtorch("2.15.0")
	for _, dir := range []string{site, filepath.Join(site, "torch")} {
		found, err := openTorch(dir)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(site, "torch"), found.dir)
		assert.Equal(t, 215, found.release)
	}
	for _, version := range []string{"2.10.2", "1.13.1"} {
		_, err := openTorch(w.libtorch(version))
		assert.ErrorContains(t, err, "too old: versions 2.11 to 2.15 are supported")
	}
	_, err := openTorch(w.libtorch("nightly"))
	assert.ErrorContains(t, err, `"nightly" is not a version`)
	_, err = openTorch(t.TempDir())
	assert.ErrorContains(t, err, "libtorch_cpu.so")
	require.NoError(t, os.Remove(filepath.Join(site, "torch/include/ATen/ATen.h")))
	_, err = openTorch(site)
	require.NoError(t, err, "only compiling needs headers")
	_, err = Setup(context.Background(), Options{Libtorch: site})
	assert.ErrorContains(t, err, "incomplete, include/ATen/ATen.h is missing")
	require.NoError(t, os.Remove(filepath.Join(site, "torch/lib/libc10.so")))
	_, err = openTorch(site)
	assert.ErrorContains(t, err, "incomplete, lib/libc10.so is missing")

	// A version newer than the tested ones is used, and doctor warns.
	t.Setenv("ETUDE_LIBTORCH", w.libtorch("2.16.0"))
	_, err = Setup(context.Background(), Options{})
	require.NoError(t, err)
	part := partOf(t, Doctor(context.Background()), "libtorch")
	assert.Equal(t, StatusWarn, part.Status)
	assert.Contains(t, part.Problem, "versions 2.11 to 2.15")
}

func TestOldABIIsRefused(t *testing.T) {
	w := newWorld(t)
	site := w.libtorch("2.12.0")
	libm := "/lib/x86_64-linux-gnu/libm.so.6" // a library without C++
	if !isFile(libm) {
		t.Skip("no " + libm)
	}
	text, err := os.ReadFile(libm)
	require.NoError(t, err)
	w.write(filepath.Join(site, "torch/lib/libc10.so"), string(text), 0o644)
	_, err = Setup(context.Background(), Options{Libtorch: site})
	assert.ErrorContains(t, err, "_GLIBCXX_USE_CXX11_ABI=0")
}

// TestLibraryPath changes, one at a time, what must and what must not change a
// library's name.
func TestLibraryPath(t *testing.T) {
	read := func(change map[string]string) *sources {
		files := fstest.MapFS{}
		for name, text := range map[string]string{"a.cpp": "a", "b.h": "b", "cuda/c.cpp": "c", "cuda/c.h": "c", "cuda/in/c.h": "c", "pretend/p.cpp": "p", "notes.txt": "n"} {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		for name, text := range change {
			files[name] = &fstest.MapFile{Data: []byte(text)}
		}
		s, err := readSources(files)
		require.NoError(t, err)
		return s
	}
	torch := torchDir{dir: "/home/libtorch/torch", version: "2.15.0"}
	base := read(nil).libraryPath("/home", torch, mainBridge)
	assert.Equal(t, "/home/bridge", filepath.Dir(base))
	cuda := read(nil).libraryPath("/home", torch, cudaBridge)
	for name, same := range map[string][2]bool{ // for the bridge, and for CUDA's
		"a.cpp": {false, true}, "b.h": {false, false}, "new.cpp": {false, true},
		"cuda/c.cpp": {true, false}, "cuda/c.h": {true, false}, "cuda/in/c.h": {true, false},
		"pretend/p.cpp": {true, true}, "notes.txt": {true, true},
	} {
		changed := read(map[string]string{name: "changed"})
		assert.Equal(t, same[0], base == changed.libraryPath("/home", torch, mainBridge), name)
		assert.Equal(t, same[1], cuda == changed.libraryPath("/home", torch, cudaBridge), name)
	}
	other := torch
	other.version = "2.14.0"
	assert.NotEqual(t, base, read(nil).libraryPath("/home", other, mainBridge))
	assert.NotEqual(t, base, read(nil).libraryPath("/home", torch, pretendBridge))

	// A home that moves with its libtorch keeps its libraries' names; one that
	// does not hold the libtorch depends on where that is.
	moved := torchDir{dir: "/opt/libtorch/torch", version: "2.15.0"}
	assert.Equal(t, filepath.Base(base), filepath.Base(read(nil).libraryPath("/opt", moved, mainBridge)))
	assert.NotEqual(t, filepath.Base(base), filepath.Base(read(nil).libraryPath("/home", moved, mainBridge)))
	assert.Equal(t, "$ORIGIN/../libtorch/torch/lib", searchPath("/opt", moved))
	assert.Equal(t, "/opt/libtorch/torch/lib", searchPath("/home", moved))
}

func TestManagerOf(t *testing.T) {
	for text, want := range map[string]string{
		"ID=debian\n": "apt-get",
		"NAME=x\nID=linuxmint\nID_LIKE=\"ubuntu debian\"": "apt-get",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"":    "dnf",
		"ID=arch":               "pacman",
		"ID=alpine":             "apk",
		"ID=\"opensuse-leap\"":  "zypper",
		"ID=sled\nID_LIKE=suse": "zypper",
		"ID=nixos":              "",
		"":                      "",
	} {
		command, _, _ := strings.Cut(managerOf(text).install, " ")
		assert.Equal(t, want, command, text)
	}
	for _, m := range managers {
		assert.NotContains(t, []string{m.distributions, m.install, m.compiler, m.pip}, "")
	}
}

func TestDoctorHasNoFolder(t *testing.T) {
	if err := checkPlatform(); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"ETUDE_HOME", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, "")
	}
	report := Doctor(context.Background())
	p := partOf(t, report, "system")
	assert.Equal(t, StatusError, p.Status)
	assert.Contains(t, p.Problem, "neither XDG_CACHE_HOME nor HOME is set")
	assert.Equal(t, "export ETUDE_HOME=DIR", p.Mend)
	assert.Equal(t, CUDANotInstalled, report.CUDA.Reason, "the platform serves")
	assert.Equal(t, &report.CUDA, ExamineCUDA(context.Background()))
}

func TestDoctor(t *testing.T) {
	w := newWorld(t)
	report := Doctor(context.Background())
	assert.False(t, report.OK())
	assert.Equal(t, Part{"libtorch", StatusError, "", "not installed", "etude setup"}, partOf(t, report, "libtorch"))
	assert.Equal(t, "etude setup", partOf(t, report, "ONNX Runtime").Mend)
	assert.Empty(t, w.tree(w.home), "Doctor must not write")

	_, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	before := w.tree(w.home)
	report = Doctor(context.Background())
	assert.True(t, report.OK())
	for _, p := range report.Parts {
		if p.Name != "CUDA" || report.CUDA.Reason == CUDANoGPU { // a GPU here has no use for this libtorch
			assert.Equal(t, StatusOK, p.Status, p)
		}
		assert.NotEmpty(t, p.Found, p)
	}
	assert.Equal(t, before, w.tree(w.home))

	// A finished home needs no compiler.
	require.NoError(t, os.Remove(filepath.Join(w.bin, "g++")))
	assert.True(t, Doctor(context.Background()).OK())

	// An older program's bridge, and one that crashes.
	inst, err := Locate()
	require.NoError(t, err)
	s, err := newSearch("")
	require.NoError(t, err)
	w.write(s.findProbe(), "#!/bin/sh\necho ok $1\necho abi 1\n", 0o755)
	part := partOf(t, Doctor(context.Background()), "bridge")
	assert.Equal(t, StatusError, part.Status)
	assert.Contains(t, part.Problem, "version 1")
	w.write(s.findProbe(), "#!/bin/sh\n[ $# = 0 ] || kill -SEGV $$\n", 0o755)
	part = partOf(t, Doctor(context.Background()), "bridge")
	assert.Contains(t, part.Problem, inst.Bridge+" does not load")
	assert.Contains(t, part.Problem, "segmentation fault")
	assert.Equal(t, "etude setup", part.Mend)

	// A prober that does not run proves nothing about the bridge.
	w.write(s.findProbe(), "#!/bin/sh\nkill -SEGV $$\n", 0o755)
	report = Doctor(context.Background())
	assert.True(t, report.OK(), "training runs without it")
	assert.Contains(t, partOf(t, report, "bridge").Problem, "does not run")

	// Without a bridge the report names the command.
	require.NoError(t, os.Remove(inst.DistBridge))
	report = Doctor(context.Background())
	assert.True(t, report.OK(), "one process trains")
	assert.Equal(t, "etude setup", partOf(t, report, "distributed").Mend)
	require.NoError(t, os.Remove(inst.Bridge))
	report = Doctor(context.Background())
	assert.False(t, report.OK())
	assert.Equal(t, "etude setup", partOf(t, report, "bridge").Mend)
	assert.Contains(t, partOf(t, report, "compiler").Mend, "apt-get install -y g++")

	text, err := json.Marshal(report)
	require.NoError(t, err)
	var back struct {
		OK    *bool
		Parts []Part
	}
	require.NoError(t, json.Unmarshal(text, &back))
	assert.False(t, *back.OK)
	assert.Equal(t, report.Parts, back.Parts)
}

func TestDoctorThreads(t *testing.T) {
	newWorld(t)
	for set, want := range map[string]Status{"1": StatusOK, "1,1": StatusOK, "100000": StatusWarn, "many": StatusWarn, "0": StatusWarn} {
		t.Setenv("OMP_NUM_THREADS", set)
		assert.Equal(t, want, partOf(t, Doctor(context.Background()), "threads").Status, set)
	}
}
