// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import "unsafe"

// What [Observe] does.
const (
	DropObserved  = int32(C.CT_OBSERVE_DROP)
	BeginObserved = int32(C.CT_OBSERVE_BEGIN)
	EndObserved   = int32(C.CT_OBSERVE_END)
)

// maxObserved is how many arguments an observed call may have; the most in ATen is 30.
const maxObserved = 64

// Observe keeps the calls that any code makes on the calling thread, to which the caller
// has locked its goroutine, or ends that.
func Observe(mode int32) *Error { return fail(C.go_observe(C.int32_t(mode))) }

// Observed takes the oldest call that was kept, in a frame whose lists, those of its
// results too, are Words; the frame is nil if there is none left.
func Observed() (name string, f *Frame, err *Error) {
	var p *C.char
	var args [maxObserved]Value
	var nargs, nresults C.int32_t
	f = NewFrame()
	err = fail(C.go_observed(&p, (*C.ct_value)(unsafe.Pointer(&args)), maxObserved, &nargs,
		(*C.ct_value)(unsafe.Pointer(&f.Results)), MaxResults, &nresults))
	if err != nil || p == nil {
		f.Done()
		return "", nil, err
	}
	for _, v := range args[:nargs] {
		f.Args = append(f.Args, f.keep(v))
	}
	f.N = int(nresults)
	for i, v := range f.Results[:f.N] {
		f.Results[i] = f.keep(v)
	}
	return taken(p), f, nil
}

// keep leaves what belongs to v to the frame.
func (f *Frame) keep(v Value) Value {
	switch v.Tag {
	case Tensor:
		f.own(Handle(v.Bits))
	case OptionalTensors, String, Ints, Doubles, Bools, Complex:
		words := f.List(v)
		if v.Tag == OptionalTensors {
			for _, w := range words {
				f.own(Handle(w))
			}
		}
		v.Bits = int64(len(f.pool))
		f.pool = append(f.pool, words...)
	}
	return v
}

// own frees h, which may be 0, when the frame is done.
func (f *Frame) own(h Handle) {
	if h != 0 {
		r := new(Ref)
		r.Own(h)
		f.use(r)
		r.Close()
	}
}

// Take returns a reference to the tensor in the at::Tensor at p, 0 if it is undefined.
func Take(p unsafe.Pointer) Handle { return Handle(C.go_tensor_take(p)) }

// Give returns a new at::Tensor of an entered handle, which C++ deletes.
func Give(h Handle) unsafe.Pointer { return C.go_tensor_give(C.ct_tensor(h)) }
