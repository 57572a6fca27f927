// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// Handle is libtorch's address of a tensor: one strong reference to it. It is an
// integer so that the garbage collector never takes it for Go memory.
type Handle uintptr

// live counts references that Go owns.
var live atomic.Int64

// Live returns how many tensor references Go owns.
func Live() int64 { return live.Load() }

// Ref owns a handle and lets any number of goroutines use and close it at once.
//
// Its state is one word: a closed bit and the number of calls in flight. A call
// enters by compare-and-swap, so it either sees the closed bit or is counted
// before the bit is set; the call that brings a closed Ref's count to zero frees the
// handle. So libtorch never sees a freed tensor, whatever the order of events.
type Ref struct {
	state atomic.Uint32
	h     Handle
}

const closed = 1 << 31

// Own makes r the owner of h. r must be zero and not yet shared.
func (r *Ref) Own(h Handle) {
	r.h = h
	live.Add(1)
}

// Enter begins a use of the handle; false when r is closed or owns none.
func (r *Ref) Enter() bool {
	if r.h == 0 {
		return false
	}
	for {
		s := r.state.Load()
		if s&closed != 0 {
			return false
		}
		if r.state.CompareAndSwap(s, s+1) {
			return true
		}
	}
}

// Leave ends a use that Enter began. That r is still reached here is also what
// keeps the garbage collector from freeing the handle while C++ works on it.
func (r *Ref) Leave() {
	if r.state.Add(^uint32(0)) == closed {
		Free(r.h)
	}
}

// Close frees the handle now or when the last call in flight leaves. It reports
// whether it was this call that closed r.
func (r *Ref) Close() bool {
	now, was := r.shut()
	if now {
		Free(r.h)
	}
	return was
}

// shut closes r; free reports whether the caller has to free the handle.
func (r *Ref) shut() (free, first bool) {
	if r.h == 0 {
		return false, false
	}
	for {
		s := r.state.Load()
		if s&closed != 0 {
			return false, false
		}
		if r.state.CompareAndSwap(s, s|closed) {
			return s == 0, true
		}
	}
}

// Closed reports whether Close was called.
func (r *Ref) Closed() bool { return r.state.Load()&closed != 0 }

// Empty reports whether r never owned a handle.
func (r *Ref) Empty() bool { return r.h == 0 }

// Handle returns the handle for use between Enter and Leave.
func (r *Ref) Handle() Handle { return r.h }

// CloseAll closes many refs with one call into C++.
type CloseAll struct{ handles []Handle }

var closers = sync.Pool{New: func() any { return new(CloseAll) }}

// NewCloseAll returns an empty batch.
func NewCloseAll() *CloseAll { return closers.Get().(*CloseAll) }

// Add closes r; its handle is freed by Do at the latest.
func (c *CloseAll) Add(r *Ref) {
	if now, _ := r.shut(); now {
		c.handles = append(c.handles, r.h)
	}
}

// Do frees what Add collected. c must not be used afterwards.
func (c *CloseAll) Do() {
	freeAll(c.handles)
	c.handles = c.handles[:0]
	closers.Put(c)
}

// Free frees a handle that no call can be using, as that of an unreachable Ref.
func Free(h Handle) {
	hs := [1]Handle{h}
	freeAll(hs[:])
}

func freeAll(hs []Handle) {
	if len(hs) == 0 {
		return
	}
	C.go_tensors_free((*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(hs))), C.int32_t(len(hs)))
	live.Add(-int64(len(hs)))
}

// Retain returns a further reference to an entered handle.
func Retain(h Handle) Handle {
	C.go_tensor_retain(C.ct_tensor(h))
	return h
}
