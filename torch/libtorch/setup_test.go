// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSetupInstallsOnceThenWritesNothing(t *testing.T) {
	w := newWorld(t)
	_, err := Locate()
	require.ErrorIs(t, err, ErrNotInstalled)
	assert.ErrorContains(t, err, "etude setup")
	assert.Empty(t, w.tree(w.home), "Locate must not make the home")

	var events []Event
	inst, err := Setup(context.Background(), Options{Progress: func(e Event) { events = append(events, e) }})
	require.NoError(t, err)
	assert.Equal(t, "2.15.0+cu132", inst.Version)
	assert.Equal(t, w.home, inst.Home)
	assert.FileExists(t, inst.Bridge)
	assert.FileExists(t, inst.ONNXRuntime)
	assert.FileExists(t, filepath.Join(inst.Libtorch, "../nvidia/cu13/lib/libnvidia-cuda-cupti.so.13"))
	assert.FileExists(t, filepath.Join(inst.Libtorch, "../torch-2.15.0.dist-info/LICENSE"))
	for _, not := range []string{"nn/modules.py", "lib/libtorch_python.so", "lib/libtorch_cuda.so", "../nvidia/cu13/lib/libnvidia-cuda-cupti.a",
		"lib/libgfortran.so.5", "../nvidia/cu13/lib/libnvperf_host.so", "../nvidia/cu13/lib/libnvperf_target.so", "../nvidia/cu13/include/nvidia-cuda-cupti.h"} {
		assert.NoFileExists(t, filepath.Join(inst.Libtorch, not))
	}
	assert.NoDirExists(t, filepath.Join(w.home, "tmp"))
	require.Len(t, w.log("wheel"), 4)
	for i, one := range append(torchWheels(false), onnxRuntimeWheel) {
		assert.Equal(t, "wheel "+one.requirement(), w.log("wheel")[i])
	}

	var stages []Stage
	for _, e := range events {
		stages = append(stages, e.Stage)
	}
	var want []Stage
	for range cpuWheels {
		want = append(want, StageDownload, StageUnpack)
	}
	want = append(want, StageCompile, StageDownload, StageUnpack, StageDone)
	assert.Equal(t, want, slices.Compact(stages))
	for _, e := range events {
		assert.LessOrEqual(t, e.Done, e.Total, e)
	}
}

func TestSetupReadOnlyHome(t *testing.T) {
	w := newWorld(t)
	first, err := Setup(context.Background(), Options{})
	require.NoError(t, err)

	// Complete: found, nothing written, neither there nor in the user's cache.
	calls := len(w.log("g++")) + len(w.log("pip"))
	before := w.tree(w.home)
	again, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Equal(t, first, again)
	assert.Equal(t, before, w.tree(w.home))
	assert.NoDirExists(t, w.cache)
	assert.Len(t, append(w.log("g++"), w.log("pip")...), calls)

	// Incomplete: what is missing goes to the user's cache.
	if os.Geteuid() == 0 {
		t.Skip("root may write to every folder")
	}
	require.NoError(t, os.Remove(first.Bridge))
	for _, dir := range []string{w.home, filepath.Join(w.home, "bridge")} {
		require.NoError(t, os.Chmod(dir, 0o555))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
	}
	before = w.tree(w.home)
	mixed, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Equal(t, before, w.tree(w.home))
	assert.Equal(t, first.Libtorch, mixed.Libtorch)
	assert.True(t, strings.HasPrefix(mixed.Bridge, w.cache), mixed.Bridge)
}

func TestSetupSkipsHomeThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.write(w.home, "a file", 0o644)
	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(w.cache, "etude"), inst.Home)

	_, err = Setup(context.Background(), Options{Home: w.home})
	assert.ErrorContains(t, err, "set ETUDE_HOME to a folder that you may write")
}

func TestSetupTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	// The first holds the lock until the second waits for it.
	w.tell("pip", "while [ ! -e $STATE/waiting ]; do /bin/sleep 0.05; done")
	progress := func(e Event) {
		if e.Stage == StageWait {
			w.tell("waiting", "")
		}
	}
	var group sync.WaitGroup
	found := make([]*Installation, 2)
	errs := make([]error, 2)
	for i := range found {
		group.Go(func() { found[i], errs[i] = Setup(context.Background(), Options{Progress: progress}) })
	}
	group.Wait()
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	assert.Equal(t, found[0], found[1])
	assert.Len(t, w.log("wheel"), 4, "each wheel is downloaded once")
}

func TestSetupCUDA(t *testing.T) {
	w := newWorld(t)
	_, err := Setup(context.Background(), Options{CUDA: true})
	// The stand-in for libtorch_cuda.so is no library, so the check of what it needs
	// fails after everything was installed.
	assert.ErrorContains(t, err, "libtorch_cuda.so")
	assert.Len(t, w.log("wheel"), len(cpuWheels)+len(cudaWheels))
	assert.FileExists(t, filepath.Join(w.home, wheelFolder(true), "torch/lib/libtorch_cuda.so"))
	assert.FileExists(t, filepath.Join(w.home, wheelFolder(true), "nvidia/cu13/include/nvidia-cuda-crt.h"))
	libraries := filepath.Join(w.home, wheelFolder(true), "nvidia/cu13/lib")
	assert.FileExists(t, filepath.Join(libraries, "libnvperf_host.so"))
	assert.FileExists(t, filepath.Join(libraries, "libnvidia-cusolver.so.13"))
	for _, not := range []string{"libcusolverMg.so.12", "libnvperf_target.so", "libnvidia-cusolver.a"} {
		assert.NoFileExists(t, filepath.Join(libraries, not))
	}
}

func TestDownload(t *testing.T) {
	w := newWorld(t)
	require.ErrorContains(t, Download(context.Background(), Options{Libtorch: w.libtorch("2.15.0")}), "here already")
	require.NoError(t, os.Rename(filepath.Join(w.bin, "g++"), filepath.Join(w.bin, "away")), "no compiler is needed")
	var last Event
	options := Options{Progress: func(e Event) { last = e }}
	require.NoError(t, Download(context.Background(), options))
	assert.Equal(t, StageDone, last.Stage)
	assert.Len(t, w.log("wheel"), 4)
	_, err := Locate()
	require.ErrorIs(t, err, ErrNotInstalled, "the bridge is missing")
	assert.ErrorContains(t, err, "the bridge")
	require.NoError(t, Download(context.Background(), options))
	assert.Len(t, w.log("wheel"), 4, "what is there is not downloaded again")

	// Setup needs no pip then, and what it made needs no headers.
	require.NoError(t, os.Rename(filepath.Join(w.bin, "away"), filepath.Join(w.bin, "g++")))
	require.NoError(t, os.Remove(filepath.Join(w.bin, "python3")))
	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(inst.Libtorch, "include")))
	found, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, inst, found)
	report := Doctor(context.Background())
	assert.True(t, report.OK(), report)

	w = newWorld(t)
	require.NoError(t, Download(context.Background(), Options{CUDA: true}))
	assert.Len(t, w.log("wheel"), len(cpuWheels)+len(cudaWheels)+1)
	w = newWorld(t)
	w.tell("pip", `echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."; exit 1`)
	require.ErrorContains(t, Download(context.Background(), Options{}), "hash")
	assert.Empty(t, w.halfMade())
}

func TestSetupForce(t *testing.T) {
	w := newWorld(t)
	first, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	w.write(first.Bridge, "broken", 0o755)
	w.write(filepath.Join(first.Libtorch, "lib/libtorch_cpu.so"), "broken", 0o644)
	again, err := Setup(context.Background(), Options{Force: true})
	require.NoError(t, err)
	assert.Equal(t, first, again)
	for _, path := range []string{first.Bridge, filepath.Join(first.Libtorch, "lib/libtorch_cpu.so")} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.NotEqual(t, "broken", string(text), path)
	}
	assert.Len(t, w.log("wheel"), 8)
}

func TestGivenLibtorch(t *testing.T) {
	w := newWorld(t)
	site := w.libtorch("2.11.0")
	w.write(filepath.Join(site, "onnxruntime/capi", onnxRuntimeFile), "library", 0o644)

	// By the variable: used, not remembered, nothing downloaded.
	t.Setenv("LIBTORCH", site)
	inst, err := Setup(context.Background(), Options{})
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(site, "torch"), inst.Libtorch)
	assert.Equal(t, "$LIBTORCH", inst.Origin)
	assert.Equal(t, filepath.Join(site, "onnxruntime/capi", onnxRuntimeFile), inst.ONNXRuntime)
	assert.Empty(t, w.log("wheel"))
	assert.NoFileExists(t, filepath.Join(w.home, recordFile))

	_, err = Setup(context.Background(), Options{Libtorch: w.libtorch("2.12.0")})
	assert.ErrorContains(t, err, "$LIBTORCH names another one")

	// ETUDE_LIBTORCH comes before LIBTORCH, and a bad one is never passed over.
	t.Setenv("ETUDE_LIBTORCH", filepath.Join(site, "nowhere"))
	_, err = Locate()
	assert.ErrorContains(t, err, "$ETUDE_LIBTORCH")
	assert.NotErrorIs(t, err, ErrNotInstalled)
	t.Setenv("ETUDE_LIBTORCH", "")
	t.Setenv("LIBTORCH", "")
	_, err = Locate()
	require.ErrorIs(t, err, ErrNotInstalled)

	// By the option: remembered; nothing to compile, as the bridge is there.
	compiled := len(w.log("g++"))
	inst, err = Setup(context.Background(), Options{Libtorch: filepath.Join(site, "torch")})
	require.NoError(t, err)
	assert.Equal(t, byOption, inst.Origin)
	assert.Len(t, w.log("g++"), compiled)
	found, err := Locate()
	require.NoError(t, err)
	assert.Equal(t, inst, found)

	// It vanishes.
	require.NoError(t, os.Rename(site, site+"-moved"))
	_, err = Locate()
	assert.ErrorContains(t, err, "there is no such folder")
	assert.ErrorContains(t, err, "etude setup --libtorch DIR")
	part := partOf(t, Doctor(context.Background()), "libtorch")
	assert.Equal(t, StatusError, part.Status)
	assert.Contains(t, part.Problem, "there is no such folder")
	_, err = Setup(context.Background(), Options{})
	require.Error(t, err, "what was named is not replaced in silence")
	inst, err = Setup(context.Background(), Options{Force: true})
	require.NoError(t, err)
	assert.Equal(t, bySetup, inst.Origin)
	assert.NoFileExists(t, filepath.Join(w.home, recordFile))
}

func TestGivenLibtorchIsRememberedOnlyIfItServes(t *testing.T) {
	w := newWorld(t)
	w.tell("fail", "tensor.cpp")
	_, err := Setup(context.Background(), Options{Libtorch: w.libtorch("2.14.1")})
	require.ErrorContains(t, err, "tensor.cpp")
	assert.Empty(t, w.halfMade())
}
