// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"runtime"
	"slices"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// NoGrad calls f with gradients switched off on its goroutine.
func NoGrad(f func()) { withGrad(false, f) }

// EnableGrad calls f with gradients switched on, for use inside NoGrad.
func EnableGrad(f func()) { withGrad(true, f) }

func withGrad(on bool, f func()) {
	begin("NoGrad", f)
	during(ctorch.SwapGradMode, on, f)
}

// MaxThreads is the largest number of threads that can be asked for. libtorch does not
// check the number, and the process ends when it cannot start them.
const MaxThreads = 1024

func checkThreads(op string, n int) {
	if n < 1 || n > MaxThreads {
		throw(op, "%d threads; at least 1 is needed, and at most %d are possible", n, MaxThreads)
	}
}

// Threads calls f with n threads, from 1 to MaxThreads, for the operators that its
// goroutine calls, so that several workers can share the cores.
func Threads(n int, f func()) {
	begin("Threads", f)
	checkThreads("Threads", n)
	during(ctorch.SwapThreads, n, f)
}

// SetNumThreads sets the number of threads that one operator may use, from 1 to
// MaxThreads, for every goroutine outside Threads. Every OS thread that computes with n
// of them has n-1 helpers of its own. At most 64 helpers (or twice the number of cores,
// if that is more) stay in the whole process when the operators have returned; the
// others are started and stopped with each operator.
func SetNumThreads(n int) {
	mustInit("SetNumThreads")
	checkThreads("SetNumThreads", n)
	ctorch.SetThreads(n)
}

// NumThreads returns the number of threads that one operator may use here.
func NumThreads() int {
	mustInit("NumThreads")
	return ctorch.Threads()
}

// SetFlushDenormal says whether operators on the CPU take denormal numbers, which in float32
// are those below 1.2e-38, for zero, as torch.set_flush_denormal does: for every goroutine
// outside FlushDenormal, on all threads that compute for it. Go's own arithmetic stays as it
// is. They do not by default, and become many times slower where such numbers are common.
func SetFlushDenormal(on bool) {
	setOption("set_flush_denormal", ctorch.OptionFlushDenormal, toInt(on))
}

// FlushDenormal calls f with SetFlushDenormal's choice made for its goroutine alone.
func FlushDenormal(on bool, f func()) {
	begin("FlushDenormal", f)
	during(ctorch.SwapFlushDenormal, toInt(on), f)
}

// ManualSeed seeds the default random number generator of every device, as
// torch.manual_seed does: the same seed gives PyTorch's numbers.
func ManualSeed(seed uint64) {
	mustInit("ManualSeed")
	check("manual_seed", ctorch.Seed(seed))
}

// ForkRNG calls f with copies of the random generators, as
// torch.random.fork_rng does. What f draws and seeds on its goroutine does not affect
// others, and they do not affect f, so f draws the numbers that it would draw alone.
// The copies start in the state of the generators when ForkRNG is called, those of
// devices other than the CPU at their first use. Goroutines that f starts draw from
// the process's generators.
//
// On CUDA, cuDNN keeps a generator of its own for the dropout inside an LSTM.
func ForkRNG(f func()) {
	mustInit("ForkRNG")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := ctorch.NewGenerators()
	check("ForkRNG", err)
	defer own.Free()
	during(ctorch.SwapGenerators, own, f)
}

// CPUCapability names the instruction set that libtorch's kernels for the CPU use,
// such as AVX2, as torch.backends.cpu.get_cpu_capability does. Results of different
// ones differ in their last bits.
func CPUCapability() string {
	mustInit("CPUCapability")
	return ctorch.CPUCapability()
}

// RNGState returns the state of a device's default generator, a uint8 tensor as
// torch.get_rng_state returns it; inside ForkRNG that of the copy.
func RNGState(d Device) *Tensor {
	mustInit("get_rng_state")
	mustHave("get_rng_state", d)
	h, scope, err := ctorch.RNGState(int(d.Type), d.index())
	check("get_rng_state", err)
	return wrap(h, scope, 0)
}

// SetRNGState restores what RNGState returned.
func SetRNGState(d Device, state *Tensor) {
	mustHave("set_rng_state", d)
	h := state.enter("set_rng_state")
	defer state.ref.Leave()
	check("set_rng_state", ctorch.SetRNGState(int(d.Type), d.index(), h), state)
}

// mustHave panics if a device is not there. libtorch's own error would be about its
// generator.
func mustHave(op string, d Device) {
	if d.Type == DeviceCPU {
		return
	}
	if err := CheckDevice(d); err != nil {
		throw(op, "%s", strings.TrimPrefix(err.Error(), "torch: "))
	}
}

// UseDeterministicAlgorithms makes every operator whose result may differ from run
// to run use another algorithm, or fail if there is none, as
// torch.use_deterministic_algorithms does. It is a setting of the process. Training
// on one CPU thread does not need it; nor do this module's networks on CUDA, because
// none of their operators is on PyTorch's list of nondeterministic ones.
func UseDeterministicAlgorithms(on bool) {
	setOption("use_deterministic_algorithms", ctorch.OptionDeterministic, toInt(on))
}

// AreDeterministicAlgorithmsEnabled reports what UseDeterministicAlgorithms set.
func AreDeterministicAlgorithmsEnabled() bool {
	return option("are_deterministic_algorithms_enabled", ctorch.OptionDeterministic) != 0
}

// Float32MatmulPrecision says how exactly float32 matrices are multiplied.
type Float32MatmulPrecision string

// PrecisionHighest computes in float32, the default. On GPUs that have it,
// PrecisionHigh allows TF32, whose factors have 10 bits after the point, and
// PrecisionMedium bfloat16, whose factors have 7.
const (
	PrecisionHighest Float32MatmulPrecision = "highest"
	PrecisionHigh    Float32MatmulPrecision = "high"
	PrecisionMedium  Float32MatmulPrecision = "medium"
)

var precisions = []Float32MatmulPrecision{PrecisionHighest, PrecisionHigh, PrecisionMedium}

// SetFloat32MatmulPrecision chooses for the whole process, as
// torch.set_float32_matmul_precision does.
func SetFloat32MatmulPrecision(p Float32MatmulPrecision) {
	i := slices.Index(precisions, p)
	if i < 0 {
		throw("set_float32_matmul_precision", "%q is not one of highest, high, medium", string(p))
	}
	setOption("set_float32_matmul_precision", ctorch.OptionMatmulPrecision, i)
}

// GetFloat32MatmulPrecision returns the precision that is in force.
func GetFloat32MatmulPrecision() Float32MatmulPrecision {
	return precisions[option("get_float32_matmul_precision", ctorch.OptionMatmulPrecision)]
}

// SetCuDNNAllowTF32 says whether cuDNN, which computes LSTMs of several steps on
// CUDA, may use TF32, as torch.backends.cudnn.allow_tf32 does. It may by default.
func SetCuDNNAllowTF32(on bool) {
	setOption("cudnn.allow_tf32", ctorch.OptionCuDNNTF32, toInt(on))
}

// CuDNNAllowTF32 reports what SetCuDNNAllowTF32 set.
func CuDNNAllowTF32() bool {
	return option("cudnn.allow_tf32", ctorch.OptionCuDNNTF32) != 0
}

func setOption(op string, o, value int) {
	mustInit(op)
	check(op, ctorch.SetOption(o, value))
}

func option(op string, o int) int {
	mustInit(op)
	v, err := ctorch.Option(o)
	check(op, err)
	return v
}
