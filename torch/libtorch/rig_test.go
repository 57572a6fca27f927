// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nvidia holds the real prober and libraries that stand in for NVIDIA's.
var nvidia struct {
	once sync.Once
	dir  string
	skip string
	err  error
}

// compileNVIDIA compiles them once, with this machine's compiler.
func compileNVIDIA(t *testing.T) string {
	if err := checkPlatform(); err != nil {
		t.Skip(err)
	}
	nvidia.once.Do(func() {
		nvidia.dir, nvidia.err = os.MkdirTemp("", "etude-nvidia-")
		if nvidia.err != nil {
			return
		}
		ctx := context.Background()
		c, err := findCompiler(ctx, nvidia.dir)
		if err != nil {
			nvidia.skip = err.Error()
			return
		}
		source, err := filepath.Abs("testdata/driver.cpp")
		if err != nil {
			nvidia.err = err
			return
		}
		for name, flag := range map[string]string{"libcuda.so.1": "-DDRIVER", "libnvidia-ml.so.1": "-DMANAGEMENT", "runtime.so": "-DRUNTIME", "plain.so": "-DPLAIN"} {
			if out, err := c.run(ctx, nvidia.dir, "-std=c++20", "-shared", "-fPIC", flag, source, "-o", filepath.Join(nvidia.dir, name), "-ldl"); err != nil {
				nvidia.err = errors.Join(err, errors.New(string(out)))
				return
			}
		}
		// One that needs another, which is then not there.
		gone := filepath.Join(nvidia.dir, "libgone.so")
		if nvidia.err = os.Rename(filepath.Join(nvidia.dir, "plain.so"), gone); nvidia.err == nil {
			_, nvidia.err = c.run(ctx, nvidia.dir, "-shared", "-fPIC", "-Wl,--no-as-needed", "-o", filepath.Join(nvidia.dir, "needy.so"), "-L"+nvidia.dir, "-lgone")
			nvidia.err = errors.Join(nvidia.err, os.Rename(gone, filepath.Join(nvidia.dir, "plain.so")))
		}
		if nvidia.err != nil {
			return
		}
		_, nvidia.err = compileProbe(ctx, c, nvidia.dir, nvidia.dir)
	})
	require.NoError(t, nvidia.err)
	if nvidia.skip != "" {
		t.Skip(nvidia.skip)
	}
	return nvidia.dir
}

func TestMain(m *testing.M) {
	code := m.Run()
	if nvidia.dir != "" {
		os.RemoveAll(nvidia.dir)
	}
	os.Exit(code)
}

// rig is a machine that a test makes up: a root folder, a libtorch with CUDA parts
// and its bridges, and the libraries of NVIDIA's driver.
type rig struct {
	t     *testing.T
	root  string
	lib   string // where the driver's libraries are
	site  string // site-packages
	home  string
	torch torchDir
	*search
}

func newRig(t *testing.T) *rig {
	made := compileNVIDIA(t)
	dir := t.TempDir()
	r := &rig{t: t, root: filepath.Join(dir, "root"), lib: filepath.Join(dir, "lib"), site: filepath.Join(dir, "site"), home: filepath.Join(dir, "home")}
	for _, name := range []string{"STUB_DRIVER", "STUB_GPUS", "STUB_CODE", "STUB_DO", "CUDA_HOME", "CXX", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER",
		"KUBERNETES_SERVICE_HOST", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "SLURM_JOB_ID"} {
		t.Setenv(name, "")
	}
	t.Setenv("CUDA_VISIBLE_DEVICES", "") // only to have it put back
	require.NoError(t, os.Unsetenv("CUDA_VISIBLE_DEVICES"))
	t.Setenv("LD_LIBRARY_PATH", r.lib)

	sources, err := embedded()
	require.NoError(t, err)
	r.search = &search{homes: []string{r.home}, given: r.site, origin: "$ETUDE_LIBTORCH", sources: sources,
		machine: machine{root: r.root, patience: time.Minute}}
	for name, text := range torchFiles("2.15.0+cu132") {
		r.write(filepath.Join(r.site, "torch", name), text)
	}
	for _, name := range []string{"torch/lib/libtorch_cuda.so", "torch/lib/libc10_cuda.so"} {
		r.copy(filepath.Join(made, "plain.so"), filepath.Join(r.site, name))
	}
	for _, name := range []string{"cuda_runtime_api.h", "crt/host_defines.h", "nv/target"} {
		r.write(filepath.Join(r.site, "nvidia/cu13/include", name), "header")
	}
	r.torch, err = r.findTorch()
	require.NoError(t, err)
	r.copy(filepath.Join(made, "plain.so"), sources.libraryPath(r.home, r.torch, mainBridge))
	r.copy(filepath.Join(made, "runtime.so"), sources.libraryPath(r.home, r.torch, cudaBridge))
	r.copy(filepath.Join(made, "plain.so"), sources.libraryPath(r.home, r.torch, distBridge))
	r.copy(probePath(made), probePath(r.home))
	return r
}

func (r *rig) write(path, text string) {
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.t, os.WriteFile(path, []byte(text), 0o644))
}

func (r *rig) copy(from, to string) {
	text, err := os.ReadFile(from)
	require.NoError(r.t, err)
	r.write(to, string(text))
	require.NoError(r.t, os.Chmod(to, 0o755))
}

// gpu puts one on the bus, held by a kernel driver or by none.
func (r *rig) gpu(driver string) {
	dir := filepath.Join(r.root, "sys/bus/pci/devices/0000:01:00.0")
	r.write(filepath.Join(dir, "vendor"), "0x10de\n")
	r.write(filepath.Join(dir, "class"), "0x030200\n")
	if driver != "" {
		require.NoError(r.t, os.Symlink("../../../bus/pci/drivers/"+driver, filepath.Join(dir, "driver")))
	}
}

// module loads the kernel module.
func (r *rig) module(version string) {
	r.write(filepath.Join(r.root, "proc/driver/nvidia/version"),
		"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  "+version+"  Release Build  (builder@host)\nGCC version:  gcc version 12.2.0\n")
}

// nodes makes the device files.
func (r *rig) nodes(names ...string) {
	for _, name := range names {
		r.write(filepath.Join(r.root, "dev", name), "")
	}
}

// mark makes an empty file.
func (r *rig) mark(name string) { r.write(filepath.Join(r.root, name), "") }

// inImage is a container without a compiler.
func (r *rig) inImage() {
	r.mark(".dockerenv")
	r.set("CXX", "no-compiler")
}

// driver puts the libraries of NVIDIA's driver where the loader looks first.
func (r *rig) driver() {
	for _, name := range []string{"libcuda.so.1", "libnvidia-ml.so.1"} {
		r.copy(filepath.Join(nvidia.dir, name), filepath.Join(r.lib, name))
	}
}

// noDriver hides this machine's own, if it has one.
func (r *rig) noDriver() { r.write(filepath.Join(r.lib, "libcuda.so.1"), "this is no library") }

// ready is a machine in order, with an H100.
func (r *rig) ready() {
	r.gpu("nvidia")
	r.module("580.95.05")
	r.nodes("nvidiactl", "nvidia-uvm", "nvidia0")
	r.driver()
	r.t.Setenv("STUB_GPUS", "90")
}

// passing is the host's part of a machine in order, seen from a container that
// was started without the GPU.
func (r *rig) passing() {
	r.gpu("nvidia")
	r.module("580.95.05")
	r.noDriver()
}

func (r *rig) set(name, value string) { r.t.Setenv(name, value) }

// examine runs the part of doctor that is about CUDA.
func (r *rig) examine() (CUDA, Part) {
	t, err := r.findTorch()
	e := &examination{search: r.search, prober: r.findProbe()}
	e.cuda(context.Background(), t, err)
	return e.report.CUDA, partOf(r.t, &e.report, "CUDA")
}

// refuse is a rule that forbids the first GPU's device file.
func refuse(path string) error {
	if filepath.Base(path) != "nvidia0" {
		return nil
	}
	return &os.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
}

// hang stands for a device file that would block this process for ever.
func (r *rig) hang(path string) error {
	r.t.Error(path, "is opened")
	return nil
}

// cpu takes libtorch's CUDA parts away.
func (r *rig) cpu() {
	r.unbridged()
	require.NoError(r.t, os.Remove(filepath.Join(r.site, "torch/lib/libtorch_cuda.so")))
}

// unbridged takes the CUDA bridge away.
func (r *rig) unbridged() {
	require.NoError(r.t, os.Remove(r.sources.libraryPath(r.home, r.torch, cudaBridge)))
}
