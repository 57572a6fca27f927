// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"runtime"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// NoGrad calls f with gradients switched off on its goroutine.
func NoGrad(f func()) { withGrad(false, f) }

// EnableGrad calls f with gradients switched on, for use inside NoGrad.
func EnableGrad(f func()) { withGrad(true, f) }

func withGrad(on bool, f func()) {
	mustInit("NoGrad")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := ctorch.SwapGradMode(on)
	defer ctorch.SwapGradMode(old)
	f()
}

// Threads calls f with n threads for the operators that its goroutine calls, so
// that several workers can share the cores. n must be positive.
func Threads(n int, f func()) {
	mustInit("Threads")
	if n < 1 {
		throw("Threads", "%d threads; at least 1 is needed", n)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := ctorch.SwapThreads(n)
	defer ctorch.SwapThreads(old)
	f()
}

// SetNumThreads sets the number of threads that one operator may use, for every
// goroutine outside Threads. n must be positive.
func SetNumThreads(n int) {
	mustInit("SetNumThreads")
	if n < 1 {
		throw("SetNumThreads", "%d threads; at least 1 is needed", n)
	}
	ctorch.SetThreads(n)
}

// NumThreads returns the number of threads that one operator may use here.
func NumThreads() int {
	mustInit("NumThreads")
	return ctorch.Threads()
}

// ManualSeed seeds the default random number generator of every device, as
// torch.manual_seed does: the same seed gives PyTorch's numbers.
func ManualSeed(seed uint64) {
	mustInit("ManualSeed")
	check("manual_seed", ctorch.Seed(seed))
}

// RNGState returns the state of a device's default generator, a uint8 tensor as
// torch.get_rng_state returns it.
func RNGState(d Device) *Tensor {
	mustInit("get_rng_state")
	h, scope, err := ctorch.RNGState(int(d.Type), d.index())
	check("get_rng_state", err)
	return wrap(h, scope)
}

// SetRNGState restores what RNGState returned.
func SetRNGState(d Device, state *Tensor) {
	h := state.enter("set_rng_state")
	defer state.ref.Leave()
	check("set_rng_state", ctorch.SetRNGState(int(d.Type), d.index(), h), state)
}
