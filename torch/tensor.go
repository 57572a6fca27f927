// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Tensor is a libtorch tensor. It must not be copied; methods are safe for any
// number of goroutines, as far as the elements themselves are not written at the
// same time. Methods whose name ends in InPlace change the receiver and return
// it; all others return new tensors, which may share elements (views).
type Tensor struct {
	ref   ctorch.Ref
	owner atomic.Pointer[scope] // the scope that frees it, nil for none

	mu      sync.Mutex // orders Close and track
	cleanup runtime.Cleanup
	tracked bool
	bytes   int64 // counted in unowned
}

// wrap makes a tensor of a new handle, which belongs to the scope with that id. Without
// a scope the tensor answers for that many bytes of memory.
func wrap(h ctorch.Handle, scopeID uint32, bytes int64) *Tensor {
	t := new(Tensor)
	t.ref.Own(h)
	if s := scopeByID(scopeID); s != nil {
		s.add(t)
	} else {
		t.track(bytes)
	}
	return t
}

// track lets the garbage collector free t, which answers for that many bytes.
func (t *Tensor) track(bytes int64) {
	if t.register(bytes) {
		own(bytes)
	}
}

func (t *Tensor) register(bytes int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ref.Closed() || t.tracked {
		return false
	}
	t.cleanup = runtime.AddCleanup(t, collected, unreachable{t.ref.Handle(), bytes})
	t.tracked, t.bytes = true, bytes
	return true
}

// Close frees the tensor, once the calls that use it have returned. Any later
// use panics; closing again does nothing.
func (t *Tensor) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ref.Close() && t.tracked {
		t.cleanup.Stop()
		disown(t.bytes)
	}
}

// Closed reports whether the tensor was closed, by Close or by the end of its scope.
func (t *Tensor) Closed() bool { return t.ref.Closed() }

const usedClosed = "a tensor is used after it was closed. It was freed by Close, or by the end of the Scope that it was made in; Keep moves a tensor out of its scope"

// unusable says why a tensor cannot be used.
func unusable(r *ctorch.Ref) string {
	if r.Empty() {
		return "the tensor is torch.Tensor's zero value, which holds nothing; FromSlice, Zeros and the operators make tensors"
	}
	return usedClosed
}

// enter begins a use of t outside a frame; defer t.ref.Leave().
func (t *Tensor) enter(op string) ctorch.Handle {
	if t == nil {
		throw(op, "the tensor is nil")
	}
	if !t.ref.Enter() {
		throw(op, "%s", unusable(&t.ref))
	}
	return t.ref.Handle()
}

// check panics with err as an *Error of op on ts.
func check(op string, err *ctorch.Error, ts ...*Tensor) {
	if err == nil {
		return
	}
	e := &Error{Op: op, Message: err.Text}
	for _, t := range ts {
		e.Shapes = append(e.Shapes, t.shapeOrNil())
	}
	panic(e)
}

func (t *Tensor) shapeOrNil() []int {
	if t == nil || !t.ref.Enter() {
		return nil
	}
	defer t.ref.Leave()
	info, err := ctorch.Describe(t.ref.Handle())
	if err != nil {
		return nil
	}
	return info.Sizes
}

func (t *Tensor) describe(op string) ctorch.Info {
	h := t.enter(op)
	defer t.ref.Leave()
	info, err := ctorch.Describe(h)
	if err != nil {
		panic(&Error{Op: op, Message: err.Text})
	}
	return info
}

// Shape returns the sizes of the dimensions; empty for a single value.
func (t *Tensor) Shape() []int { return t.describe("shape").Sizes }

// Strides returns the distance in elements between neighbours along each dimension.
func (t *Tensor) Strides() []int { return t.describe("stride").Strides }

// Size returns the size of one dimension; a negative dim counts from the end.
func (t *Tensor) Size(dim int) int {
	s := t.Shape()
	if dim < -len(s) || dim >= len(s) {
		panic(&Error{Op: "size", Shapes: [][]int{s}, Message: fmt.Sprint("there is no dimension ", dim)})
	}
	if dim < 0 {
		dim += len(s)
	}
	return s[dim]
}

// Dim returns the number of dimensions.
func (t *Tensor) Dim() int { return len(t.Shape()) }

// Numel returns the number of elements.
func (t *Tensor) Numel() int { return t.describe("numel").Numel }

// DType returns the type of the elements.
func (t *Tensor) DType() DType { return dtypeOf(t.describe("dtype").DType) }

// Device returns where the elements are.
func (t *Tensor) Device() Device {
	i := t.describe("device")
	return deviceOf(i.DeviceType, i.DeviceIndex)
}

// IsContiguous reports whether the elements lie in row-major order without gaps.
func (t *Tensor) IsContiguous() bool { return t.describe("is_contiguous").IsContiguous }

// StorageInfo tells how a tensor lies in its storage.
type StorageInfo struct {
	ID     uint64 // the same for tensors that share storage, while one of them lives
	Bytes  int    // size of the whole storage
	Offset int    // of the first element, in elements
}

// Storage returns how t lies in its storage.
func (t *Tensor) Storage() StorageInfo {
	i := t.describe("storage")
	return StorageInfo{i.Storage, i.StorageBytes, i.StorageOffset}
}
