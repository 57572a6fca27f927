// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include <stdlib.h>
#include "table.h"
*/
import "C"

import (
	"time"
	"unsafe"
)

// LoadDist opens the bridge to c10d; nothing else of this file may be called before. Not
// safe for concurrent use.
func LoadDist(path string) error {
	return open(path, func(p *C.char) *C.char { return C.ct_open_dist(p) })
}

// Store is a store of keys and texts that several processes share.
type Store uintptr

// NewStore connects to a store, or serves one. join counts this process among those whom
// PyTorch's server waits for.
func NewStore(host string, port int, server, join bool, timeout time.Duration) (Store, *Error) {
	var s C.ct_store
	err := fail(C.go_store_new(text(host), C.int32_t(port), cbool(server), cbool(join), C.int64_t(timeout.Milliseconds()), &s))
	return Store(s), err
}

// Free closes the connection, and the server if it is this process's.
func (s Store) Free() { C.go_store_free(C.ct_store(s)) }

// Set sets a key.
func (s Store) Set(key, value string) *Error {
	return fail(C.go_store_set(C.ct_store(s), text(key), text(value)))
}

// Get returns the text of a key; "" if nobody has set it yet.
func (s Store) Get(key string) (string, *Error) {
	var v *C.char
	err := fail(C.go_store_get(C.ct_store(s), text(key), &v))
	return taken(v), err
}

// Add adds to a number and returns the sum.
func (s Store) Add(key string, n int) (int, *Error) {
	var sum C.int64_t
	err := fail(C.go_store_add(C.ct_store(s), text(key), C.int64_t(n), &sum))
	return int(sum), err
}

// Group is a process group of c10d.
type Group uintptr

// GroupOptions are those of NewGroup.
type GroupOptions struct {
	Store      Store
	Prefix     string // of the group's keys
	Address    string // on which this process listens for the others
	Rank, Size int
	Timeout    time.Duration
	NCCL       bool // needs CUDA
}

// NewGroup makes a group, and blocks until all of its processes have done so.
func NewGroup(o GroupOptions) (Group, *Error) {
	prefix, address := C.CString(o.Prefix), C.CString(o.Address)
	defer C.free(unsafe.Pointer(prefix))
	defer C.free(unsafe.Pointer(address))
	options := C.ct_group_options{
		store: C.ct_store(o.Store), prefix: prefix, address: address,
		rank: C.int32_t(o.Rank), size: C.int32_t(o.Size), timeout: C.int64_t(o.Timeout.Milliseconds()),
	}
	if o.NCCL {
		if err := fail(C.go_cuda_nccl_new(C.uintptr_t(o.Store), prefix, options.rank, options.size, options.timeout, &options.nccl)); err != nil {
			return 0, err
		}
	}
	var g C.ct_group
	err := fail(C.go_group_new(&options, &g))
	return Group(g), err
}

// Free closes the connections. Nobody may be inside a call.
func (g Group) Free() { C.go_group_free(C.ct_group(g)) }

// Abort closes the connections, so that calls in all processes, and all later ones here, fail.
func (g Group) Abort() *Error { return fail(C.go_group_abort(C.ct_group(g))) }

// AllReduce combines t with those of the other processes. It takes t, made by Give, as
// all that follow do.
func (g Group) AllReduce(t unsafe.Pointer, op int) *Error {
	return fail(C.go_all_reduce(C.ct_group(g), t, C.int32_t(op)))
}

// Broadcast copies t of the process root to the others.
func (g Group) Broadcast(t unsafe.Pointer, root int) *Error {
	return fail(C.go_broadcast(C.ct_group(g), t, C.int32_t(root)))
}

// AllGather copies t of each process to its place in out, [processes, …], with gradients.
func (g Group) AllGather(t, out unsafe.Pointer) *Error {
	return fail(C.go_all_gather(C.ct_group(g), t, out))
}

// Barrier waits until all processes have called it.
func (g Group) Barrier() *Error { return fail(C.go_barrier(C.ct_group(g))) }

// MonitoredBarrier is Barrier, and on rank 0 the error names the processes that are late.
func (g Group) MonitoredBarrier(timeout time.Duration) *Error {
	return fail(C.go_monitored_barrier(C.ct_group(g), C.int64_t(timeout.Milliseconds())))
}

// Reducer averages gradients over processes.
type Reducer uintptr

// ReducerOptions are those of NewReducer.
type ReducerOptions struct {
	Params, State        []unsafe.Pointer
	Names                []string
	Buffers              int // the last ones of State
	BucketBytesCap       int
	FindUnusedParameters bool
	GradientAsBucketView bool
}

// NewReducer begins to average the gradients of parameters, and copies the state of rank 0.
func NewReducer(g Group, o ReducerOptions) (Reducer, *Error) {
	names := make([]*C.char, len(o.Names))
	for i, name := range o.Names {
		names[i] = C.CString(name)
		defer C.free(unsafe.Pointer(names[i]))
	}
	options := C.ct_reducer_options{
		bucket_bytes_cap:        C.int64_t(o.BucketBytesCap),
		find_unused_parameters:  cbool(o.FindUnusedParameters),
		gradient_as_bucket_view: cbool(o.GradientAsBucketView),
	}
	var r C.ct_reducer
	err := fail(C.go_reducer_new(C.ct_group(g), unsafe.SliceData(o.Params), unsafe.SliceData(names), C.int32_t(len(names)),
		unsafe.SliceData(o.State), C.int32_t(len(o.State)), C.int32_t(o.Buffers), &options, &r))
	return Reducer(r), err
}

// Free ends the averaging.
func (r Reducer) Free() { C.go_reducer_free(C.ct_reducer(r)) }

// Forward prepares a forward pass.
func (r Reducer) Forward() *Error { return fail(C.go_reducer_forward(C.ct_reducer(r))) }

// Backward prepares the backward pass of loss, made by Give. It says which of the n
// parameters are not in its graph; if that is not allowed, nothing is prepared then.
func (r Reducer) Backward(loss unsafe.Pointer, n int) (unused []bool, _ *Error) {
	flags := make([]C.int32_t, n)
	err := fail(C.go_reducer_backward(C.ct_reducer(r), loss, unsafe.SliceData(flags)))
	unused = make([]bool, n)
	for i, f := range flags {
		unused[i] = f != 0
	}
	return unused, err
}
