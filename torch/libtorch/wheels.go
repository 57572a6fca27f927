// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// wheel is a pinned package. The dependencies that wheels name are not installed:
// most serve only Python, and every byte is pinned here.
type wheel struct {
	name, version string
	sha256        string
	size          int64 // to download, in bytes
}

func (w wheel) String() string { return w.name + " " + w.version }

// requirement returns the wheel's line in a requirements file.
func (w wheel) requirement() string {
	return w.name + "==" + w.version + " --hash=sha256:" + w.sha256
}

const (
	torchVersion       = "2.15.0"
	onnxRuntimeVersion = "1.32.0"
	onnxRuntimeFolder  = "onnxruntime-" + onnxRuntimeVersion
	onnxRuntimeFile    = "libonnxruntime.so." + onnxRuntimeVersion
)

// cpuWheels hold what libtorch_cpu.so needs: even for the CPU it is linked with
// CUDA's runtime and profiler.
var cpuWheels = []wheel{
	{"torch", "2.15.0", "48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e", 539136850},
	{"nvidia-cuda-runtime", "13.2.86", "3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0", 2323576},
	{"nvidia-cuda-cupti", "13.2.86", "8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586", 11988600},
}

// cudaWheels hold what libtorch_cuda.so needs besides. nvidia-cuda-crt and
// nvidia-cuda-cccl are headers that those of the runtime include.
var cudaWheels = []wheel{
	{"nvidia-cublas", "13.4.1.3", "a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7", 404870805},
	{"nvidia-cuda-cccl", "13.2.86", "35da671cf0cecd3539da214a11bb8e7634366c9e950da9c5feecf6c490a65b20", 3600135},
	{"nvidia-cuda-crt", "13.2.86", "e3ab08801bf9b1e6dc979275d25e816bb5000521b648e19c324d5eef0c79f1da", 133300},
	{"nvidia-cuda-nvrtc", "13.2.86", "8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5", 47018468},
	{"nvidia-cudnn-cu13", "9.26.0.51", "9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a", 519150073},
	{"nvidia-cufft", "12.2.0.57", "34da27fadf3979b0b042c43823f0530be8408b86df31ee0108e1ca0b621d4ef6", 218258101},
	{"nvidia-cufile", "1.17.1.22", "87feaf8c3ad20d3d03a01933181801ff6892bace5c8f0b1e4b48f319d3e62d36", 1387670},
	{"nvidia-cusolver", "12.2.0.11", "fab5778f6769947389a1a6abc07e635576825a08c0ffc68c3ae7f1392c794b42", 227913465},
	{"nvidia-cusparse", "12.7.10.12", "25907c75e4db1581685f06f61cc6cdecc04611765516a52373e0a18ebd69fa00", 150999307},
	{"nvidia-cusparselt-cu13", "0.8.1", "786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0", 170148586},
	{"nvidia-nccl-cu13", "2.30.7", "cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50", 215965170},
	{"nvidia-nvjitlink", "13.2.86", "285a9cead9924391588d794400bdd7e8f9d1a277a7d78ed79acfa0ea702a14dd", 41370546},
	{"nvidia-nvshmem-cu13", "3.7.2", "b9a4f843c62b5dded8ad33fd6d220e007dcd39f06cee549292f5ba14ce4c235c", 135397797},
	{"nvidia-nvtx", "13.2.86", "968ce72baee2a01791c7d3254000eac81f24677b0b91c62d21b449a1f309c245", 153463},
}

var onnxRuntimeWheel = wheel{
	"onnxruntime", onnxRuntimeVersion,
	"5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d", 27773237,
}

// The bytes that an installation needs at its peak, wheels included.
const (
	cpuSpace         = 2_000_000_000
	cudaSpace        = 6_000_000_000
	onnxRuntimeSpace = 100_000_000
)

// torchWheels returns the wheels of an installation.
func torchWheels(cuda bool) []wheel {
	if cuda {
		return slices.Concat(cpuWheels, cudaWheels)
	}
	return cpuWheels
}

// wheelFolder returns the folder of an installation in a home.
func wheelFolder(cuda bool) string {
	if cuda {
		return "libtorch-" + torchVersion + "-cuda"
	}
	return "libtorch-" + torchVersion + "-cpu"
}

// unused are the libraries of the wheels that no other library is linked with or
// names, so that libtorch cannot open them: those for several GPUs and for other
// interfaces in front of cuSOLVER, cuFFT and cuBLAS, and those of profilers. For the
// CPU, CUPTI has no use for its GPU counters either. The names end before ".so".
var (
	unused = []string{
		"libcusolverMg", "libcufftw", "libnvblas", "libcheckpoint", "libpcsamplingutil",
		"libnvperf_target", "libnvtx3interop", "libgfortran",
	}
	unusedByCPU = append([]string{"libnvperf_host"}, unused...)
)

// keepTorch chooses the files of the torch wheel and of NVIDIA's that are unpacked:
// libraries, headers, licences. The rest, half of the size, is for Python;
// libtorch_python.so is never loaded. For the CPU the CUDA parts, a further half, are
// not unpacked either: without NVIDIA's libraries they do not load.
func keepTorch(cuda bool) func(name string) (string, bool) {
	out := unused
	if !cuda {
		out = unusedByCPU
	}
	return func(name string) (string, bool) {
		base := path.Base(name)
		library, _, _ := strings.Cut(base, ".so")
		switch {
		case slices.Contains(out, library):
			return "", false
		case strings.Contains(name, ".dist-info/"), name == "torch/version.py":
			return name, true
		case strings.HasPrefix(name, "torch/include/"):
			return name, true
		case strings.HasPrefix(name, "torch/lib/"):
			if path.Dir(name) != "torch/lib" || base == "libtorch_python.so" || strings.HasPrefix(base, "libshm") {
				return "", false
			}
			forCUDA := strings.Contains(base, "_cuda") || base == "libtorch_nvshmem.so" || base == "libcaffe2_nvrtc.so"
			return name, cuda || !forCUDA
		case strings.HasPrefix(name, "nvidia/"):
			return name, cuda && strings.Contains(name, "/include/") || strings.Contains(base, ".so")
		}
		return "", false
	}
}

// keepONNXRuntime chooses the library and the licences, and drops their folders.
func keepONNXRuntime(name string) (string, bool) {
	switch base := path.Base(name); base {
	case onnxRuntimeFile, "LICENSE", "ThirdPartyNotices.txt":
		return base, true
	}
	return "", false
}

// unpack writes those files of a wheel into a folder that keep chooses, under the
// names that it returns. progress gets the bytes written and their total.
func unpack(ctx context.Context, wheelPath, folder string, keep func(string) (string, bool), progress func(done, total int64)) error {
	z, err := zip.OpenReader(wheelPath)
	if err != nil {
		return fmt.Errorf("libtorch: %s: %w", filepath.Base(wheelPath), err)
	}
	defer z.Close()
	var total, done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxJobs))
	var files []func() error
	for _, f := range z.File {
		name, ok := keep(f.Name)
		if !ok || f.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(name) || !f.Mode().IsRegular() {
			return fmt.Errorf("libtorch: %s: refused: %q is not a plain file inside the folder", filepath.Base(wheelPath), f.Name)
		}
		total.Add(int64(f.UncompressedSize64))
		place := filepath.Join(folder, filepath.FromSlash(name))
		files = append(files, func() error {
			count := func(n int) error {
				progress(done.Add(int64(n)), total.Load())
				return ctx.Err()
			}
			if err := unpackFile(f, place, count); err != nil {
				return fmt.Errorf("libtorch: %s: %w", filepath.Base(wheelPath), err)
			}
			return nil
		})
	}
	for _, f := range files {
		group.Go(f)
	}
	return group.Wait()
}

// unpackFile writes one file; count gets the size of each piece and may stop it.
func unpackFile(f *zip.File, path string, count func(n int) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	// A MultiWriter hides the file's ReadFrom, which would write all of it at once.
	_, err = io.CopyBuffer(io.MultiWriter(out, counter(count)), in, make([]byte, 1<<20))
	return err
}

// counter is a writer that gets the size of every piece.
type counter func(n int) error

func (c counter) Write(p []byte) (int, error) { return len(p), c(len(p)) }
