// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/cuda"
	"github.com/etude-ml/etude/torch/internal/ctorch/pretend"
)

// Accelerator returns the device that tests of devices use: the one that
// ETUDE_TEST_DEVICE names (cuda, cuda:1, cpu), or [Pretend]. Where it cannot be
// used, the test is skipped with the reason; with ETUDE_TEST_REQUIRE_DEVICE=1 it
// fails.
//
//	ETUDE_TEST_DEVICE=cuda:0 go test ./torch/... ./trainer ./models ./scripts/e2e ./models/runs
func Accelerator(tb testing.TB) torch.Device {
	tb.Helper()
	name := named()
	if name == "" {
		return Pretend(tb)
	}
	Need(tb)
	device, err := torch.ParseDevice(name)
	if err == nil {
		err = torch.CheckDevice(device)
	}
	if err != nil {
		skip(tb, "ETUDE_TEST_REQUIRE_DEVICE", fmt.Sprintf("%s=%s: %v", deviceVariable, name, err))
	}
	return device
}

// SecondDevice returns the same device as [Accelerator], for tests of what happens
// between two devices. They are skipped if it is the CPU.
func SecondDevice(tb testing.TB) torch.Device {
	tb.Helper()
	device := Accelerator(tb)
	if device == torch.CPU {
		tb.Skipf("the test needs a device beside the CPU; %s is %s", deviceVariable, named())
	}
	return device
}

// tolerance is the largest difference of a real device's kernels from the CPU's,
// relative to the larger of the value and 1: they add in another order, which costs
// float32 (6e-8) a few bits in sums of some hundred terms, and the steps of a short
// training some more.
const tolerance = 1e-4

// Tolerance returns how far numbers of device d may be from given ones: exact on the
// CPU and the pretend accelerator, and 1e-4 elsewhere.
func Tolerance(d torch.Device, exact float64) float64 {
	if isExact(d) {
		return exact
	}
	return max(exact, tolerance)
}

func isExact(d torch.Device) bool { return d == torch.CPU || IsPretend(d) }

// SameNumbers fails the test unless the numbers that device d computed equal those of
// the CPU: bit for bit on the pretend accelerator and on the CPU itself, within
// 1e-4 elsewhere. what names them in the message.
func SameNumbers[T float32 | float64](tb testing.TB, d torch.Device, want, got []T, what string) {
	tb.Helper()
	if len(want) != len(got) {
		tb.Errorf("%s: %d numbers of the CPU, %d of %s", what, len(want), len(got), d)
		return
	}
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		same := math.Float64bits(w) == math.Float64bits(g)
		if !same && !isExact(d) {
			same = math.Abs(w-g) <= tolerance*max(1, math.Abs(w))
		}
		if !same {
			tb.Errorf("%s: number %d is %v on the CPU, %v on %s", what, i, w, g, d)
			return
		}
	}
}

// Forbidden returns the words in the error of something that is forbidden on d.
func Forbidden(d torch.Device) string {
	if IsPretend(d) {
		return "inside a step"
	}
	return "synchronizing"
}

// ForbidTransfers calls f; meanwhile, on any goroutine, it is an error to read a
// value of the accelerator, to copy a tensor from it or to it, or to call an
// operator that makes the host wait. Only one call may be active at a time. On a GPU
// libtorch itself finds them, as with torch.cuda.set_sync_debug_mode.
func ForbidTransfers(f func()) {
	if onCUDA() {
		if err := cuda.SetSyncDebugMode(cuda.SyncError); err != nil {
			panic(err)
		}
		defer func() { _ = cuda.SetSyncDebugMode(cuda.SyncDefault) }() // it could be set before
	}
	old := pretend.Forbid(true)
	defer pretend.Forbid(old)
	f()
}

// onCUDA reports whether the accelerator is a GPU that can be used.
var onCUDA = sync.OnceValue(func() bool {
	if named() == "" {
		return false
	}
	d, err := torch.ParseDevice(named())
	return err == nil && d.Type == torch.DeviceCUDA && torch.CheckDevice(d) == nil
})
