// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import "unsafe"

// From copies bytes of memory at data into a new CPU tensor.
func From(data unsafe.Pointer, bytes int, sizes []int64, dtype int) (Handle, uint32, *Error) {
	var out C.ct_tensor
	var result C.ct_result
	err := fail(C.go_tensor_from(data, C.int64_t(bytes),
		(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(sizes))), C.int32_t(len(sizes)),
		C.int32_t(dtype), &out, &result))
	return Handle(out), uint32(result.scope), err
}

// Read copies the elements of a contiguous CPU tensor to dst.
func Read(h Handle, dst unsafe.Pointer, bytes int) *Error {
	return fail(C.go_tensor_read(C.ct_tensor(h), dst, C.int64_t(bytes)))
}

// Info describes a tensor. DType, DeviceType are libtorch's codes.
type Info struct {
	DType, DeviceType, DeviceIndex, ItemSize, Numel       int
	StorageOffset                                         int // elements
	StorageBytes                                          int
	Storage                                               uint64 // identity
	IsLeaf, RequiresGrad, IsContiguous, IsStrided, IsLazy bool
	Sizes, Strides                                        []int
}

// Dims is how many dimensions Describe fetches without a second call.
const dims = 8

// Describe returns shape, strides, type and place of a tensor.
func Describe(h Handle) (Info, *Error) {
	var info C.ct_info
	var buf [2 * dims]int64
	sizes, strides, capacity := buf[:dims], buf[dims:], dims
	for {
		err := fail(C.go_tensor_info(C.ct_tensor(h), &info,
			(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(sizes))),
			(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(strides))), C.int32_t(capacity)))
		if err != nil {
			return Info{}, err
		}
		if int(info.ndim) <= capacity {
			break
		}
		capacity = int(info.ndim)
		sizes, strides = make([]int64, capacity), make([]int64, capacity)
	}
	n := int(info.ndim)
	both := make([]int, 2*n)
	for i := range n {
		both[i], both[n+i] = int(sizes[i]), int(strides[i])
	}
	return Info{
		DType: int(info.dtype), DeviceType: int(info.device_type), DeviceIndex: int(info.device_index),
		ItemSize: int(info.itemsize), Numel: int(info.numel),
		StorageOffset: int(info.storage_offset), StorageBytes: int(info.storage_bytes), Storage: uint64(info.storage),
		IsLeaf:       info.flags&C.CT_IS_LEAF != 0,
		RequiresGrad: info.flags&C.CT_REQUIRES_GRAD != 0,
		IsContiguous: info.flags&C.CT_IS_CONTIGUOUS != 0,
		IsStrided:    info.flags&C.CT_IS_STRIDED != 0,
		IsLazy:       info.flags&C.CT_IS_LAZY != 0,
		Sizes:        both[:n:n], Strides: both[n:],
	}, nil
}

// GradFn returns the name of the operation that made a tensor; "" for a leaf.
func GradFn(h Handle) (string, *Error) {
	var name *C.char
	err := fail(C.go_grad_fn(C.ct_tensor(h), &name))
	return taken(name), err
}

// SetRequiresGrad switches gradients of a leaf on or off.
func SetRequiresGrad(h Handle, on bool) *Error {
	return fail(C.go_set_requires_grad(C.ct_tensor(h), cbool(on)))
}

// Grad returns a new reference to the gradient, or 0.
func Grad(h Handle) (Handle, uint32, *Error) {
	var out C.ct_tensor
	var result C.ct_result
	err := fail(C.go_grad(C.ct_tensor(h), &out, &result))
	return Handle(out), uint32(result.scope), err
}

// SetGrad replaces the gradient; 0 clears it.
func SetGrad(h, grad Handle) *Error {
	return fail(C.go_set_grad(C.ct_tensor(h), C.ct_tensor(grad)))
}

// ClearGrads drops the gradients of all the frame's tensors.
func (f *Frame) ClearGrads() *Error {
	hs := make([]Handle, len(f.refs))
	for i, r := range f.refs {
		hs[i] = r.h
	}
	return fail(C.go_clear_grads((*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(hs))), C.int32_t(len(hs))))
}

// Backward accumulates gradients into the leaves of t's graph; gradient 0 for a scalar.
func Backward(t, gradient Handle, retainGraph, createGraph bool) *Error {
	return fail(C.go_backward(C.ct_tensor(t), C.ct_tensor(gradient), cbool(retainGraph), cbool(createGraph)))
}

// SwapScope sets the calling thread's scope and returns the old one. The caller
// must have locked its thread, as for every Swap.
func SwapScope(id uint32) uint32 { return uint32(C.go_scope_swap(C.uint32_t(id))) }

// Scope returns the calling thread's scope.
func Scope() uint32 { return uint32(C.go_scope()) }

// SwapGradMode sets the calling thread's grad mode.
func SwapGradMode(on bool) bool { return C.go_grad_mode_swap(cbool(on)) != 0 }

// SwapThreads sets the calling thread's number of threads; 0 takes the process's.
func SwapThreads(n int) int { return int(C.go_threads_swap(C.int32_t(n))) }

// SwapFlushDenormal sets whether the calling thread takes denormal numbers for zero: 0, 1, or
// -1 for what the process does.
func SwapFlushDenormal(on int) int { return int(C.go_flush_swap(C.int32_t(on))) }

// Autocast is a mode of a thread; its device and its type are libtorch's codes.
type Autocast struct{ mode C.ct_autocast }

// EnterAutocast sets the mode of the calling thread for a kind of device, and returns what
// Leave restores.
func EnterAutocast(kind, dtype int, on bool) (Autocast, *Error) {
	mode := C.ct_autocast{device_type: C.int32_t(kind), dtype: C.int32_t(dtype), enabled: cbool(on)}
	var old Autocast
	err := fail(C.go_autocast_enter(&mode, &old.mode))
	return old, err
}

// Leave restores the mode that EnterAutocast returned, on the same thread.
func (a Autocast) Leave() { C.go_autocast_leave(&a.mode) }

// SetThreads sets the number of threads of every thread without its own.
func SetThreads(n int) { C.go_threads_set(C.int32_t(n)) }

// Threads returns the number in force on the calling thread.
func Threads() int { return int(C.go_threads_get()) }

// Seed seeds the default generator of every device.
func Seed(seed uint64) *Error { return fail(C.go_seed(C.uint64_t(seed))) }

// RNGState returns the state of a device's default generator as a new uint8 tensor.
func RNGState(kind, index int) (Handle, uint32, *Error) {
	var out C.ct_tensor
	var result C.ct_result
	err := fail(C.go_rng_state(C.int32_t(kind), C.int32_t(index), &out, &result))
	return Handle(out), uint32(result.scope), err
}

// SetRNGState restores what RNGState returned.
func SetRNGState(kind, index int, state Handle) *Error {
	return fail(C.go_set_rng_state(C.int32_t(kind), C.int32_t(index), C.ct_tensor(state)))
}

// Generators are copies of the random generators; 0 stands for the process's own.
type Generators uintptr

// NewGenerators copies the generators that the calling thread draws from.
func NewGenerators() (Generators, *Error) {
	var out C.ct_generators
	err := fail(C.go_generators_new(&out))
	return Generators(out), err
}

// Free frees them. No thread may draw from them then.
func (g Generators) Free() { C.go_generators_free(C.ct_generators(g)) }

// SwapGenerators sets what the calling thread draws from.
func SwapGenerators(g Generators) Generators {
	return Generators(C.go_generators_swap(C.ct_generators(g)))
}

// CPUCapability names the instruction set that libtorch's kernels use.
func CPUCapability() string { return C.GoString(C.go_cpu_capability()) }

// DeviceCount returns how many devices of a kind are usable.
func DeviceCount(kind int) (int, *Error) {
	var n C.int32_t
	err := fail(C.go_device_count(C.int32_t(kind), &n))
	return int(n), err
}

// DeviceType returns libtorch's code of a device kind such as "cuda".
func DeviceType(name string) (int, *Error) {
	var kind C.int32_t
	err := fail(C.go_device_type(text(name), &kind))
	return int(kind), err
}

// DeviceName is the reverse of DeviceType.
func DeviceName(kind int) (string, *Error) {
	var name [64]C.char
	err := fail(C.go_device_name(C.int32_t(kind), &name[0], C.int32_t(len(name))))
	return C.GoString(&name[0]), err
}

// Memory counts the bytes that CPU tensors hold now and held at most, and how many
// allocations there were.
type Memory struct{ Live, Peak, Allocations int64 }

// ReadMemory returns the counters of the bridge's allocator.
func ReadMemory() Memory {
	var m C.ct_memory
	C.go_memory(&m)
	return Memory{int64(m.live_bytes), int64(m.peak_bytes), int64(m.allocations)}
}

// Options of the process; see CT_DETERMINISTIC and the others.
const (
	OptionDeterministic   = int(C.CT_DETERMINISTIC)
	OptionMatmulPrecision = int(C.CT_MATMUL_PRECISION)
	OptionCuDNNTF32       = int(C.CT_CUDNN_TF32)
	OptionFlushDenormal   = int(C.CT_FLUSH_DENORMAL)
)

// SetOption changes an option.
func SetOption(option, value int) *Error {
	return fail(C.go_option_set(C.int32_t(option), C.int32_t(value)))
}

// Option returns an option's value.
func Option(option int) (int, *Error) {
	var v C.int32_t
	err := fail(C.go_option_get(C.int32_t(option), &v))
	return int(v), err
}
