// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package libtorch

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCUDAWorks(t *testing.T) {
	r := newRig(t)
	r.ready()
	c, p := r.examine()
	assert.Equal(t, CUDA{
		Available: true, Driver: "580.95.05", DriverCUDA: "13.0", Runtime: "13.2", CuDNN: "9.26.0",
		Architectures: []string{"sm_75", "sm_80", "sm_90"},
		Devices:       []CUDADevice{{0, "NVIDIA Stub 0", "9.0", 80_000_000_000, 60_000_000_000, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", true}},
	}, c)
	assert.Equal(t, Part{Name: "CUDA", Status: StatusOK, Found: "1 device; driver 580.95.05 (CUDA 13.0); libtorch for CUDA 13.2; cuDNN 9.26.0"}, p)

	// Without a management library nobody knows how much memory is free.
	r.set("STUB_DO", "no-memory")
	c, _ = r.examine()
	assert.True(t, c.Available)
	assert.EqualValues(t, -1, c.Devices[0].MemoryFree)

	// One of several is enough. The second one here is a part of a GPU.
	r.set("STUB_DO", "")
	r.set("STUB_GPUS", "61,86")
	c, p = r.examine()
	assert.True(t, c.Available)
	assert.Empty(t, c.Reason)
	assert.Equal(t, StatusWarn, p.Status)
	assert.Contains(t, p.Problem, "NVIDIA Stub 0 (cuda:0) has compute capability 6.1")
	assert.Equal(t, "export CUDA_VISIBLE_DEVICES=1", p.Mend)
	assert.False(t, c.Devices[0].Usable)
	assert.True(t, c.Devices[1].Usable)
	assert.Equal(t, "MIG-10111213-1415-1617-1819-1a1b1c1d1e1f", c.Devices[1].UUID)

	// The kernel module's version may be unreadable.
	r.write(filepath.Join(r.root, "proc/driver/nvidia/version"), "NVRM version: a driver of our own\n")
	c, _ = r.examine()
	assert.Equal(t, "580.95.05", c.Driver)

	// A container in which CUDA works needs no repair.
	r.mark(".dockerenv")
	r.set("STUB_GPUS", "120")
	r.set("NVIDIA_VISIBLE_DEVICES", "void") // what the container device interface sets
	r.write(filepath.Join(r.site, "torch/lib/libtorch_cuda.so"), "without a text to read")
	c, p = r.examine()
	assert.True(t, c.Available, p)
	assert.Equal(t, "docker", c.Container)

	// An image has no shell to stay in.
	r.inImage()
	r.set("STUB_GPUS", "61,86")
	_, p = r.examine()
	assert.Equal(t, "start the container with CUDA_VISIBLE_DEVICES=1 in its environment", p.Mend)
}

// Each case is a machine on which CUDA cannot be used.
func TestCUDAReasons(t *testing.T) {
	if testing.Short() {
		t.Skip("each case waits for a process, as TestCUDAWorks does")
	}
	all := []string{"nvidiactl", "nvidia-uvm", "nvidia0"}
	for _, c := range []struct {
		name    string
		prepare func(r *rig)
		reason  CUDAReason
		problem string // parts, joined by …
		mend    string
	}{
		{"no GPU", func(r *rig) { r.noDriver() }, CUDANoGPU, "no NVIDIA GPU", ""},
		{"another maker's GPU, and NVIDIA's sound", func(r *rig) {
			r.noDriver()
			r.write(filepath.Join(r.root, "sys/bus/pci/devices/0000:02:00.0/vendor"), "0x1002\n")
			r.write(filepath.Join(r.root, "sys/bus/pci/devices/0000:02:00.0/class"), "0x030000\n")
			r.write(filepath.Join(r.root, "sys/bus/pci/devices/0000:02:00.1/vendor"), "0x10de\n")
			r.write(filepath.Join(r.root, "sys/bus/pci/devices/0000:02:00.1/class"), "0x040300\n")
		}, CUDANoGPU, "no NVIDIA GPU", ""},
		{"no GPU in a container", func(r *rig) { r.noDriver(); r.mark(".dockerenv") }, CUDANoGPU, "no NVIDIA GPU is visible in this container", ""},
		{"a container in Windows", func(r *rig) {
			r.noDriver()
			r.mark(".dockerenv")
			r.write(filepath.Join(r.root, "proc/version"), "Linux version 6.6.87-microsoft-standard-WSL2\n")
		}, CUDANoGPU, "if Windows has one, start the container with --gpus all", ""},
		{"Windows' driver does not load", func(r *rig) {
			r.noDriver()
			r.mark("usr/lib/wsl/lib/libcuda.so.1")
			r.write(filepath.Join(r.root, "proc/version"), "Linux version 6.6.87-microsoft-standard-WSL2\n")
		}, CUDANoDriver, "Windows' NVIDIA driver does not load: …libcuda.so.1", "wsl --shutdown"},

		{"no driver", func(r *rig) { r.gpu(""); r.noDriver() }, CUDANoDriver,
			"there is an NVIDIA GPU, but no driver is loaded", "install the NVIDIA driver 580 or later and reboot: https://docs.nvidia.com/"},
		{"nouveau", func(r *rig) { r.gpu("nouveau"); r.noDriver() }, CUDANoDriver,
			"the NVIDIA GPU at 0000:01:00.0 is driven by nouveau, which has no CUDA", "install the NVIDIA driver 580 or later and reboot"},
		{"kept for virtual machines", func(r *rig) { r.gpu("vfio-pci"); r.noDriver() }, CUDANoDriver,
			"held by vfio-pci for virtual machines", "inside the virtual machine"},
		{"no driver on the container's host", func(r *rig) { r.gpu(""); r.noDriver(); r.mark(".dockerenv") }, CUDANoDriver,
			"no driver is loaded", "install the NVIDIA driver 580 or later on the host"},
		{"module not loaded", func(r *rig) { r.gpu(""); r.driver(); r.set("STUB_CODE", "999") }, CUDANoDriver,
			"no driver is loaded; …/libcuda.so.1 is installed", "sudo modprobe nvidia"},
		{"no library", func(r *rig) { r.passing(); r.nodes(all...) }, CUDANoDriver,
			"the kernel has the NVIDIA driver 580.95.05, but its library does not load: …libcuda.so.1", "libnvidia-compute-580 on Ubuntu"},

		{"docker", func(r *rig) { r.passing(); r.mark(".dockerenv") }, CUDANotPassed,
			"the host has an NVIDIA GPU and the driver 580.95.05, but this container was started without it", "docker run --gpus all …"},
		{"docker, by its layers", func(r *rig) {
			r.passing()
			r.write(filepath.Join(r.root, "proc/self/mountinfo"), "22 27 0:21 / /proc rw - proc proc rw\n611 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a\n")
		}, CUDANotPassed, "without it", "docker run --gpus all …"},
		{"an image that asks for it", func(r *rig) { r.passing(); r.set("NVIDIA_VISIBLE_DEVICES", "all") }, CUDANotPassed,
			"although NVIDIA_VISIBLE_DEVICES=all, which only NVIDIA's container runtime heeds", "docker run --gpus all …"},
		{"a variable that keeps it out", func(r *rig) { r.passing(); r.set("NVIDIA_VISIBLE_DEVICES", "void") }, CUDANotPassed,
			"without it: NVIDIA_VISIBLE_DEVICES=void", "docker run --gpus all …"},
		{"libraries, but no device", func(r *rig) {
			r.passing()
			r.driver()
			r.set("NVIDIA_VISIBLE_DEVICES", "none")
		}, CUDANotPassed, "without it: NVIDIA_VISIBLE_DEVICES=none", "docker run --gpus all …"},
		{"devices, but no libraries", func(r *rig) { r.passing(); r.mark(".dockerenv"); r.nodes(all...) }, CUDANotPassed,
			"NVIDIA_DRIVER_CAPABILITIES must hold \"compute\"", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"},
		{"podman", func(r *rig) { r.passing(); r.mark("run/.containerenv") }, CUDANotPassed, "without it", "podman run --device nvidia.com/gpu=all …"},
		{"kubernetes", func(r *rig) { r.passing(); r.set("KUBERNETES_SERVICE_HOST", "10.0.0.1") }, CUDANotPassed,
			"this container was started without it", `resources: {limits: {"nvidia.com/gpu": 1}}`},
		{"kubernetes, by its control groups", func(r *rig) {
			r.passing()
			r.mark(".dockerenv")
			r.write(filepath.Join(r.root, "proc/1/cgroup"), "0::/kubepods.slice/kubepods-pod1.slice\n")
		}, CUDANotPassed, "without it", `"nvidia.com/gpu": 1`},
		{"apptainer", func(r *rig) { r.passing(); r.nodes(all...); r.set("APPTAINER_CONTAINER", "/image.sif") }, CUDANotPassed,
			"not the driver's libraries", "apptainer run --nv …"},
		{"singularity, and the driver is too old besides", func(r *rig) {
			r.passing()
			r.module("535.129.03")
			r.nodes(all...)
			r.set("SINGULARITY_CONTAINER", "/image.sif")
		}, CUDANotPassed, "that driver is also too old for CUDA 13.2, which needs 580 or later", "apptainer run --nv …"},

		{"driver too old", func(r *rig) { r.ready(); r.module("535.129.03"); r.set("STUB_DRIVER", "12020") }, CUDADriverTooOld,
			"the NVIDIA driver 535.129.03 serves CUDA 12.2, which is too old for libtorch's CUDA 13.2: that needs the driver 580 or later",
			"update the NVIDIA driver to 580 or later: https://docs.nvidia.com/"},
		{"driver too old on the host", func(r *rig) { r.ready(); r.module("570.86.15"); r.mark(".dockerenv"); r.set("STUB_DRIVER", "12080") }, CUDADriverTooOld,
			"serves CUDA 12.8", "update the NVIDIA driver to 580 or later on the host"},
		{"updated and not rebooted", func(r *rig) {
			r.ready()
			r.set("STUB_CODE", "803")
			require.NoError(r.t, os.Rename(filepath.Join(r.lib, "libcuda.so.1"), filepath.Join(r.lib, "libcuda.so.580.105.08")))
			require.NoError(r.t, os.Symlink("libcuda.so.580.105.08", filepath.Join(r.lib, "libcuda.so.1")))
		}, CUDADriverError, "the kernel module 580.95.05 and the driver's library 580.105.08 are of different versions", "reboot"},
		{"updated and not rebooted, in a container", func(r *rig) { r.ready(); r.mark(".dockerenv"); r.set("STUB_CODE", "803") }, CUDADriverError,
			"CUDA error 803", "reboot the host"},
		{"forward compatibility that differs", func(r *rig) {
			r.ready()
			r.set("STUB_CODE", "803")
			compat := filepath.Join(r.lib, "compat")
			r.copy(filepath.Join(r.lib, "libcuda.so.1"), filepath.Join(compat, "libcuda.so.1"))
			r.set("LD_LIBRARY_PATH", compat+":"+r.lib)
		}, CUDADriverError, "/compat/libcuda.so.1 is of CUDA's forward compatibility", "take its folder out of LD_LIBRARY_PATH"},
		{"forward compatibility on a desktop's GPU", func(r *rig) { r.ready(); r.module("535.129.03"); r.set("STUB_CODE", "804") }, CUDADriverTooOld,
			"which this GPU does not support; the driver 535.129.03 is older", "update the NVIDIA driver to 580 or later"},
		{"the toolkit's stub", func(r *rig) { r.ready(); r.set("STUB_CODE", "34") }, CUDADriverError, "/libcuda.so.1 is the CUDA toolkit's stand-in", "LD_LIBRARY_PATH"},
		{"fabric manager", func(r *rig) { r.ready(); r.set("STUB_CODE", "802") }, CUDADriverError, "CUDA error 802", "sudo systemctl enable --now nvidia-fabricmanager"},
		{"taken by others", func(r *rig) { r.ready(); r.set("STUB_CODE", "46") }, CUDADevicesBusy, "taken by other processes", "sudo nvidia-smi -c DEFAULT"},
		{"after a suspend", func(r *rig) { r.ready(); r.set("STUB_CODE", "999") }, CUDADriverError,
			"the NVIDIA driver 580.95.05 fails with CUDA error 999: in CUDA's words", "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm"},
		{"another error", func(r *rig) { r.ready(); r.mark(".dockerenv"); r.set("STUB_CODE", "805") }, CUDADriverError,
			"fails with CUDA error 805: in CUDA's words", "nvidia-smi on the host"},
		{"driver too old in Windows", func(r *rig) {
			r.driver()
			r.mark("usr/lib/wsl/lib/libcuda.so.1")
			r.write(filepath.Join(r.root, "proc/version"), "Linux version 6.6.87-microsoft-standard-WSL2\n")
			r.set("STUB_GPUS", "86")
			r.set("STUB_DRIVER", "12060")
		}, CUDADriverTooOld, "serves CUDA 12.6", "update the NVIDIA driver in Windows to 580 or later"},
		{"without unified memory", func(r *rig) {
			r.ready()
			r.set("STUB_CODE", "999")
			require.NoError(r.t, os.Remove(filepath.Join(r.root, "dev/nvidia-uvm")))
		}, CUDADriverError, "CUDA error 999: …/dev/nvidia-uvm is missing", "sudo nvidia-modprobe -u -c 0"},
		{"no device", func(r *rig) { r.ready(); r.set("STUB_CODE", "100") }, CUDADriverError, "the NVIDIA driver 580.95.05 shows no device", "nvidia-smi -L"},
		{"a cluster's login node", func(r *rig) { r.driver(); r.set("STUB_DRIVER", "12020") }, CUDANoGPU, "no NVIDIA GPU", ""},
		{"an image with a driver's library, without a GPU", func(r *rig) { r.driver(); r.mark(".dockerenv") }, CUDANoGPU,
			"no NVIDIA GPU is visible in this container", ""},
		{"a driver without a GPU", func(r *rig) { r.module("580.95.05"); r.nodes("nvidiactl", "nvidia-uvm"); r.driver() }, CUDANoGPU, "no NVIDIA GPU", ""},

		{"hidden by an empty variable", func(r *rig) { r.ready(); r.set("CUDA_VISIBLE_DEVICES", "") }, CUDAHidden, `CUDA_VISIBLE_DEVICES="" hides 1 device`, "unset CUDA_VISIBLE_DEVICES"},
		{"hidden by -1", func(r *rig) { r.ready(); r.set("CUDA_VISIBLE_DEVICES", "-1") }, CUDAHidden, `CUDA_VISIBLE_DEVICES="-1" hides 1 device`, "unset CUDA_VISIBLE_DEVICES"},
		{"hidden by a number too high", func(r *rig) { r.ready(); r.set("STUB_GPUS", "90,90"); r.set("CUDA_VISIBLE_DEVICES", "2") }, CUDAHidden, `CUDA_VISIBLE_DEVICES="2" hides 2 devices`, "unset"},
		{"hidden by Slurm", func(r *rig) { r.ready(); r.set("CUDA_VISIBLE_DEVICES", ""); r.set("SLURM_JOB_ID", "7") }, CUDAHidden, "hides 1 device", "sbatch --gpus 1"},
		{"hidden, but broken too", func(r *rig) { r.ready(); r.set("CUDA_VISIBLE_DEVICES", ""); r.set("STUB_CODE", "802") }, CUDADriverError, "802", "fabricmanager"},
		{"no permission", func(r *rig) { r.ready(); r.set("STUB_CODE", "100"); r.machine.open = refuse }, CUDANoPermission, "no permission to open /dev/nvidia0", "sudo chmod a+rw /dev/nvidia*|sudo usermod -aG "},
		{"no permission in a container", func(r *rig) { r.ready(); r.mark(".dockerenv"); r.set("STUB_CODE", "100"); r.machine.open = refuse },
			CUDANoPermission, "no permission to open /dev/nvidia0: the container's rules forbid it", "start the container anew: docker run --gpus all …"},
		{"no permission in a job", func(r *rig) {
			r.ready()
			r.set("SLURM_JOB_ID", "7")
			r.set("STUB_CODE", "100")
			r.machine.open = refuse
		},
			CUDANoPermission, "/dev/nvidia0", "sbatch --gpus 1"},
		{"the driver crashes", func(r *rig) { r.ready(); r.set("STUB_DO", "crash") }, CUDADriverError, "/libcuda.so.1 crashes: signal: aborted", "update the NVIDIA driver"},
		{"the driver hangs", func(r *rig) {
			r.ready()
			r.set("STUB_DO", "hang")
			r.machine.patience = 2 * time.Second
			r.machine.open = r.hang
		}, CUDADriverError,
			"the NVIDIA driver does not answer", "reboot"},

		{"GPU too old", func(r *rig) { r.ready(); r.set("STUB_GPUS", "61") }, CUDAGPUUnsupported,
			"NVIDIA Stub 0 (cuda:0) has compute capability 6.1, for which this libtorch has no kernels: it has those for sm_75, sm_80, sm_90", "for CUDA 12.6"},
		{"GPU too old for an image", func(r *rig) { r.ready(); r.inImage(); r.set("STUB_GPUS", "61") }, CUDAGPUUnsupported,
			"compute capability 6.1", "outside of the image: etude setup --libtorch DIR, with a libtorch for CUDA 12.6"},
		{"hidden in an image", func(r *rig) { r.ready(); r.inImage(); r.set("CUDA_VISIBLE_DEVICES", "") }, CUDAHidden,
			"hides 1 device", "start the container without CUDA_VISIBLE_DEVICES in its environment"},
		{"GPU far too old", func(r *rig) { r.ready(); r.set("STUB_GPUS", "35") }, CUDAGPUUnsupported, "compute capability 3.5", ""},
		{"GPU too new", func(r *rig) { r.ready(); r.set("STUB_GPUS", "120") }, CUDAGPUUnsupported, "compute capability 12.0", "a later libtorch"},

		{"no libtorch", func(r *rig) { r.ready(); r.given = "" }, CUDANotInstalled, "libtorch: not installed", "etude setup --cuda"},
		{"libtorch for the CPU", func(r *rig) { r.ready(); r.cpu() }, CUDALibtorchCPU, "this libtorch is for the CPU", "etude setup --cuda"},
		{"libtorch for the CPU, and a driver too old", func(r *rig) { r.ready(); r.module("535.129.03"); r.cpu(); r.set("STUB_DRIVER", "12020") }, CUDALibtorchCPU,
			"this libtorch is for the CPU; besides, the NVIDIA driver 535.129.03 serves CUDA 12.2", "etude setup --cuda"},
		{"an image for the CPU", func(r *rig) {
			r.ready()
			r.cpu()
			r.inImage()
		}, CUDALibtorchCPU, "this libtorch is for the CPU", "use the image with CUDA"},
		{"a library is missing", func(r *rig) {
			r.ready()
			r.unbridged()
			require.NoError(r.t, os.Remove(filepath.Join(r.site, "torch/lib/libc10_cuda.so")))
		}, CUDABridgeMissing, "libc10_cuda.so", "etude setup --cuda"},
		{"a library of the compiled bridge is missing", func(r *rig) {
			r.ready()
			r.copy(filepath.Join(nvidia.dir, "needy.so"), r.sources.libraryPath(r.home, r.torch, cudaBridge))
		}, CUDABridgeMissing, "does not load: libgone.so: cannot open shared object file", "etude setup --cuda --force"},
		{"a library of the compiled bridge is missing, without a GPU", func(r *rig) {
			r.noDriver()
			r.copy(filepath.Join(nvidia.dir, "needy.so"), r.sources.libraryPath(r.home, r.torch, cudaBridge))
		}, CUDABridgeMissing, "libgone.so", "etude setup --cuda --force"},
		{"a header is missing", func(r *rig) {
			r.ready()
			r.unbridged()
			require.NoError(r.t, os.RemoveAll(filepath.Join(r.site, "nvidia/cu13/include/crt")))
		}, CUDABridgeMissing, "CUDA's header crt/host_defines.h is not there", `pip install "nvidia-cuda-crt==13.2.*" beside that libtorch, or set CUDA_HOME to a toolkit of CUDA 13.2; then etude setup --cuda`},
		{"no bridge", func(r *rig) { r.ready(); r.unbridged() }, CUDABridgeMissing, "the CUDA bridge is not compiled", "etude setup"},
		{"the bridge does not load", func(r *rig) {
			r.ready()
			r.write(r.sources.libraryPath(r.home, r.torch, cudaBridge), "this is no library")
		}, CUDABridgeMissing, "does not load", "etude setup --cuda --force"},
		{"the bridge does not load, without a GPU", func(r *rig) {
			r.noDriver()
			r.write(r.sources.libraryPath(r.home, r.torch, cudaBridge), "this is no library")
		}, CUDABridgeMissing, "does not load", "etude setup --cuda --force"},
		{"no prober", func(r *rig) { r.ready(); require.NoError(r.t, os.Remove(probePath(r.home))) }, CUDANotTried, "the program for that is missing", "etude setup"},
		{"no prober, and the module is not to be seen", func(r *rig) {
			r.ready()
			require.NoError(r.t, os.Remove(probePath(r.home)))
			require.NoError(r.t, os.RemoveAll(filepath.Join(r.root, "proc/driver")))
		}, CUDANotTried, "the program for that is missing", "etude setup"},
		{"the prober does not run", func(r *rig) {
			r.ready()
			require.NoError(r.t, os.Chmod(probePath(r.home), 0o644))
		}, CUDANotTried, "the program for that does not run: …permission denied", "etude setup"},
		{"no prober in Windows", func(r *rig) {
			r.mark("usr/lib/wsl/lib/libcuda.so.1")
			r.write(filepath.Join(r.root, "proc/version"), "Linux version 6.6.87-microsoft-standard-WSL2\n")
			require.NoError(r.t, os.Remove(probePath(r.home)))
		}, CUDANotTried, "the program for that is missing", "etude setup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			c.prepare(r)
			got, part := r.examine()
			assert.False(t, got.Available)
			assert.Equal(t, c.reason, got.Reason)
			assert.Equal(t, "CUDA", part.Name)
			assert.NotEmpty(t, part.Found)
			rest := got.Problem
			for _, piece := range strings.Split(c.problem, "…") {
				at := strings.Index(rest, piece)
				require.NotEqual(t, -1, at, "%q in %q", piece, got.Problem)
				rest = rest[at+len(piece):]
			}
			if c.mend == "" {
				assert.Empty(t, got.Mend)
			} else {
				one := strings.Split(c.mend, "|") // the group of the file decides
				assert.True(t, slices.ContainsFunc(one, func(m string) bool { return strings.Contains(got.Mend, m) }), "%q in %q", c.mend, got.Mend)
			}
			if c.reason == CUDANoGPU {
				assert.Equal(t, StatusOK, part.Status)
				assert.Empty(t, part.Problem+part.Mend)
				return
			}
			assert.Equal(t, StatusWarn, part.Status, "training runs on the CPU")
			assert.Equal(t, got.Problem, part.Problem)
			assert.Equal(t, got.Mend, part.Mend)
		})
	}
}

// TestCUDADoctor is the whole report, and its JSON.
func TestCUDADoctor(t *testing.T) {
	r := newRig(t)
	r.ready()
	report := r.search.examine(context.Background())
	text, err := json.Marshal(report)
	require.NoError(t, err)
	var back struct {
		CUDA struct {
			Available bool
			Reason    *string
			Driver    string
			Runtime   string
			Devices   []struct {
				Name              string
				ComputeCapability string `json:"compute_capability"`
				MemoryTotal       int64  `json:"memory_total"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &back))
	assert.True(t, back.CUDA.Available)
	assert.Nil(t, back.CUDA.Reason)
	assert.Equal(t, "580.95.05", back.CUDA.Driver)
	assert.Equal(t, "13.2", back.CUDA.Runtime)
	require.Len(t, back.CUDA.Devices, 1)
	assert.Equal(t, "9.0", back.CUDA.Devices[0].ComputeCapability)
	assert.EqualValues(t, 80_000_000_000, back.CUDA.Devices[0].MemoryTotal)

	r.noDriver()
	require.NoError(t, os.RemoveAll(r.root))
	text, err = json.Marshal(r.search.examine(context.Background()))
	require.NoError(t, err)
	assert.Contains(t, string(text), `"cuda":{"available":false,"reason":"no-gpu","problem":"no NVIDIA GPU","runtime":"13.2","cudnn":"9.26.0","devices":[]}`)

	// Whether there is NCCL says what the CUDA bridge was compiled with.
	assert.Regexp(t, "libetude_dist.*; Gloo, NCCL$", partOf(t, report, "distributed").Found)
	r.copy(filepath.Join(nvidia.dir, "plain.so"), r.sources.libraryPath(r.home, r.torch, cudaBridge))
	assert.Contains(t, partOf(t, r.search.examine(context.Background()), "distributed").Found, "; Gloo, and no NCCL")
	// A bridge that does not load, and a libtorch without c10d.
	bridge := r.sources.libraryPath(r.home, r.torch, distBridge)
	r.copy(filepath.Join(nvidia.dir, "needy.so"), bridge)
	assert.Contains(t, partOf(t, r.search.examine(context.Background()), "distributed").Problem, bridge+" does not load: libgone.so")
	require.NoError(t, os.Remove(bridge))
	assert.Equal(t, "etude setup", partOf(t, r.search.examine(context.Background()), "distributed").Mend)
	require.NoError(t, os.RemoveAll(filepath.Join(r.site, "torch/include/torch/csrc/distributed")))
	part := partOf(t, r.search.examine(context.Background()), "distributed")
	assert.Equal(t, StatusWarn, part.Status)
	assert.Equal(t, "etude setup --libtorch DIR", part.Mend, part.Problem)
}

func TestExamineCUDA(t *testing.T) {
	w := newWorld(t)
	c := ExamineCUDA(context.Background())
	assert.False(t, c.Available)
	assert.NotEmpty(t, c.Reason)
	assert.NotEmpty(t, c.Problem)
	assert.Empty(t, w.tree(w.home))
}

// A brief examination without a GPU does not load the CUDA libraries.
func TestExamineCUDAIsBrief(t *testing.T) {
	r := newRig(t)
	r.noDriver()
	r.write(r.sources.libraryPath(r.home, r.torch, cudaBridge), "this is no library")
	e := &examination{search: r.search, prober: r.findProbe(), brief: true}
	e.cuda(context.Background(), r.torch, nil)
	assert.Equal(t, CUDANoGPU, e.report.CUDA.Reason)

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.ready()
	e = &examination{search: r.search, prober: r.findProbe()}
	e.cuda(ctx, r.torch, nil)
	assert.Empty(t, e.report.Parts, "what was not looked at is not reported")
}

// TestRealCUDA examines the libtorch of $ETUDE_TEST_CUDA_HOME, a home that
// `etude setup --cuda` filled, first on this machine and then with drivers that
// fail, so that the answers are those of CUDA's real runtime.
func TestRealCUDA(t *testing.T) {
	home := os.Getenv("ETUDE_TEST_CUDA_HOME")
	if home == "" {
		t.Skip("ETUDE_TEST_CUDA_HOME names no home with CUDA")
	}
	made := compileNVIDIA(t)
	t.Setenv("ETUDE_LIBTORCH", "")
	t.Setenv("LIBTORCH", "")
	s, err := newSearch(home)
	require.NoError(t, err)
	found, err := s.findTorch()
	require.NoError(t, err)
	if path, _ := s.findLibrary(found, cudaBridge); path == "" {
		t.Skip("it has no CUDA bridge of this version: run `etude setup --cuda` with it")
	}
	examine := func() CUDA {
		e := &examination{search: s, prober: probePath(made)}
		e.cuda(context.Background(), found, nil)
		assert.True(t, e.report.OK())
		return e.report.CUDA
	}
	c := examine()
	assert.Equal(t, cudaVersion(found.cuda()), c.Runtime)
	assert.NotEmpty(t, c.CuDNN)
	if c.Available {
		assert.Empty(t, c.Reason)
		assert.NotEmpty(t, c.Devices)
	} else {
		t.Logf("%s: %s", c.Reason, c.Problem)
		assert.NotEmpty(t, c.Reason)
		assert.NotEmpty(t, c.Problem)
	}
	// https://github.com/pytorch/pytorch/issues/172352: Turing is in all builds.
	assert.Contains(t, found.architectures(), "sm_75")

	r := newRig(t)
	r.ready()
	s.machine = r.machine
	for code, want := range map[string]CUDAReason{"34": CUDADriverError, "46": CUDADevicesBusy, "100": CUDADriverError, "802": CUDADriverError,
		"803": CUDADriverError, "804": CUDADriverTooOld, "999": CUDADriverError} {
		r.set("STUB_CODE", code)
		assert.Equal(t, want, examine().Reason, code)
	}
	r.set("STUB_CODE", "")
	r.set("STUB_DRIVER", "11080")
	assert.Equal(t, CUDADriverTooOld, examine().Reason)
	r.set("STUB_DO", "crash")
	r.set("STUB_DRIVER", "")
	assert.Equal(t, CUDADriverError, examine().Reason)
}
