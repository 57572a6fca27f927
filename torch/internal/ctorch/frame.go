// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import (
	"math"
	"sync"
	"unsafe"
)

// Value is one argument or result. It must have the layout of ct_value.
type Value struct {
	Tag  int32
	N    int32
	Bits int64
}

// words returns how many words a list, or a string, has.
func (v Value) words() int64 {
	if v.Tag == String {
		return int64(v.N)/8 + 1
	}
	return int64(v.N)
}

// Tags of [Value]; see ct.h.
const (
	Default         = int32(C.CT_DEFAULT)
	None            = int32(C.CT_NONE)
	Tensor          = int32(C.CT_TENSOR)
	Int             = int32(C.CT_INT)
	Double          = int32(C.CT_DOUBLE)
	Bool            = int32(C.CT_BOOL)
	String          = int32(C.CT_STRING)
	Device          = int32(C.CT_DEVICE)
	Ints            = int32(C.CT_INTS)
	Doubles         = int32(C.CT_DOUBLES)
	Bools           = int32(C.CT_BOOLS)
	Tensors         = int32(C.CT_TENSORS)
	OptionalTensors = int32(C.CT_OPTIONAL_TENSORS)
	IntScalars      = int32(C.CT_INT_SCALARS)
	DoubleScalars   = int32(C.CT_DOUBLE_SCALARS)
	Uint            = int32(C.CT_UINT)
	Complex         = int32(C.CT_COMPLEX)
)

// MaxResults is how many results an operator may have; the most in ATen is seven.
const MaxResults = 16

// Frame carries one call: its arguments, the words of their lists, the tensors
// that are in use, the results. Frames are pooled, so a call allocates nothing.
type Frame struct {
	Args    []Value
	Results [MaxResults]Value
	N       int    // results
	Scope   uint32 // the calling thread's scope when the call returned
	Fresh   int64  // without a scope: bytes of the results that no argument has
	Refused *Ref   // an argument that could not be entered; the call must not be made
	pool    []int64
	refs    []*Ref
}

var frames = sync.Pool{New: func() any {
	return &Frame{Args: make([]Value, 0, 24), pool: make([]int64, 0, 64), refs: make([]*Ref, 0, 32)}
}}

// NewFrame takes a frame from the pool; Done gives it back.
func NewFrame() *Frame { return frames.Get().(*Frame) }

// Done ends the use of the call's tensors and gives the frame back.
func (f *Frame) Done() {
	for i, r := range f.refs {
		r.Leave()
		f.refs[i] = nil
	}
	f.Args, f.pool, f.refs, f.N, f.Refused = f.Args[:0], f.pool[:0], f.refs[:0], 0, nil
	frames.Put(f)
}

// use enters r for the time of the call.
func (f *Frame) use(r *Ref) int64 {
	if !r.Enter() {
		f.Refused = r
		return 0
	}
	f.refs = append(f.refs, r)
	return int64(r.h)
}

// Put adds an argument that is one word.
func (f *Frame) Put(tag int32, bits int64) { f.Args = append(f.Args, Value{tag, 0, bits}) }

// PutTensor adds a tensor; nil is None.
func (f *Frame) PutTensor(r *Ref) {
	if r == nil {
		f.Put(None, 0)
		return
	}
	f.Put(Tensor, f.use(r))
}

// PutDouble adds a float.
func (f *Frame) PutDouble(x float64) { f.Put(Double, int64(math.Float64bits(x))) }

// PutComplex adds a complex number.
func (f *Frame) PutComplex(z complex128) {
	f.PutDoubles(Complex, real(z), imag(z))
}

// PutBool adds a bool.
func (f *Frame) PutBool(b bool) { f.Put(Bool, int64(cbool(b))) }

// PutDevice adds a device.
func (f *Frame) PutDevice(kind, index int) {
	f.Args = append(f.Args, Value{Device, int32(kind), int64(index)})
}

// PutString adds a string.
func (f *Frame) PutString(s string) {
	at := len(f.pool)
	for i := 0; i <= len(s); i += 8 {
		var word [8]byte
		copy(word[:], s[i:])
		f.pool = append(f.pool, *(*int64)(unsafe.Pointer(&word)))
	}
	f.list(String, at, len(s))
}

func (f *Frame) list(tag int32, at, n int) {
	f.Args = append(f.Args, Value{tag, int32(n), int64(at)})
}

// PutInts adds a list of ints, or under the tag IntScalars of scalars.
func (f *Frame) PutInts(tag int32, xs ...int) {
	at := len(f.pool)
	for _, x := range xs {
		f.pool = append(f.pool, int64(x))
	}
	f.list(tag, at, len(xs))
}

// PutDoubles adds a list of floats, or under the tag DoubleScalars of scalars.
func (f *Frame) PutDoubles(tag int32, xs ...float64) {
	at := len(f.pool)
	for _, x := range xs {
		f.pool = append(f.pool, int64(math.Float64bits(x)))
	}
	f.list(tag, at, len(xs))
}

// PutBools adds a list of bools.
func (f *Frame) PutBools(xs ...bool) {
	at := len(f.pool)
	for _, x := range xs {
		f.pool = append(f.pool, int64(cbool(x)))
	}
	f.list(Bools, at, len(xs))
}

// PutTensors adds n tensors; under the tag OptionalTensors nil stands for None.
func (f *Frame) PutTensors(tag int32, n int, at func(int) *Ref) {
	start := len(f.pool)
	for i := range n {
		r := at(i)
		if r == nil {
			f.pool = append(f.pool, 0)
			continue
		}
		f.pool = append(f.pool, f.use(r))
	}
	f.list(tag, start, n)
}

// Call runs the operator; results are in Results[:N] unless they are discarded.
func (f *Frame) Call(op Op, discard bool) *Error {
	var result C.ct_result
	err := fail(C.go_call(C.ct_op(op),
		(*C.ct_value)(unsafe.Pointer(unsafe.SliceData(f.Args))), C.int32_t(len(f.Args)),
		(*C.int64_t)(unsafe.Pointer(unsafe.SliceData(f.pool))),
		(*C.ct_value)(unsafe.Pointer(&f.Results)), MaxResults, cbool(discard), &result))
	f.N, f.Scope, f.Fresh = int(result.n), uint32(result.scope), int64(result.fresh)
	return err
}

// List fetches the words of a list result.
func (f *Frame) List(v Value) []int64 {
	words := make([]int64, v.words())
	C.go_list_take(C.int64_t(v.Bits), (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(words))), C.int32_t(len(words)))
	return words
}

// Handles returns the tensors of an argument: one, several or none. They may be
// used until Done.
func (f *Frame) Handles(v Value) []Handle {
	switch v.Tag {
	case Tensor:
		return []Handle{Handle(v.Bits)}
	case Tensors, OptionalTensors:
		hs := make([]Handle, 0, v.N)
		for _, w := range f.pool[v.Bits : v.Bits+int64(v.N)] {
			if w != 0 {
				hs = append(hs, Handle(w))
			}
		}
		return hs
	}
	return nil
}

// Words returns the words of a list argument.
func (f *Frame) Words(v Value) []int64 {
	return f.pool[v.Bits : v.Bits+v.words()]
}
