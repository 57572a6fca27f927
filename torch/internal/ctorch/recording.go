// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package ctorch

/*
#include "table.h"
*/
import "C"

import (
	"sync/atomic"
	"unsafe"
)

// Recording is the bridge's address of a step that is recorded. It is not safe for concurrent use.
type Recording uintptr

func (r Recording) c() C.ct_recording { return C.ct_recording(r) }

// NewRecording returns an empty recording, for Free to free.
func NewRecording() (Recording, *Error) {
	var r C.ct_recording
	err := fail(C.go_record_new(&r))
	return Recording(r), err
}

// Begin records what the calling thread does until End or Abandon.
func (r Recording) Begin() *Error { return fail(C.go_record_begin(r.c())) }

// End ends a step, whose results are wanted after each replay. The second one makes the plan.
// device is the number of the CUDA device that it computes on, -1 for the CPU. refused says why
// the step cannot be recorded; "" if it can.
func (r Recording) End(results []Handle) (device int, refused string, err *Error) {
	var why *C.char
	var d C.int32_t
	err = fail(C.go_record_end(r.c(), (*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(results))), C.int32_t(len(results)), &d, &why))
	return int(d), taken(why), err
}

// Launch lets replays launch g, which captured the step and which is the recording's from now on.
func (r Recording) Launch(g CUDAGraph) { C.go_record_graph(r.c(), C.ct_cuda_graph(g)) }

// Abandon ends a step that failed.
func (r Recording) Abandon() { C.go_record_abandon(r.c()) }

// Free frees the recording.
func (r Recording) Free() { C.go_record_free(r.c()) }

// Results returns new references to the n results.
func (r Recording) Results(n int) ([]Handle, *Error) {
	hs := make([]Handle, n)
	err := fail(C.go_record_results(r.c(), (*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(hs)))))
	return hs, err
}

// RecordingPlan has the numbers of ct_plan.
type RecordingPlan struct {
	Recorded, Views, Dead, Hoisted, Copies, Cats, Lowered, Out, Called int
	Bytes                                                              int64
}

// Plan returns how many operators were recorded, and what became of them.
func (r Recording) Plan() RecordingPlan {
	var p C.ct_plan
	C.go_record_plan(r.c(), &p)
	return RecordingPlan{
		int(p.recorded), int(p.views), int(p.dead), int(p.hoisted), int(p.copies), int(p.cats),
		int(p.lowered), int(p.out), int(p.called), int64(p.bytes),
	}
}

// Replay replays n steps, fewer if stop becomes other than 0, and returns how many.
func (r Recording) Replay(n int, stop *atomic.Int32) (int, *Error) {
	var done C.int64_t
	err := fail(C.go_replay(r.c(), C.int64_t(n), (*C.int32_t)(unsafe.Pointer(stop)), &done))
	return int(done), err
}
