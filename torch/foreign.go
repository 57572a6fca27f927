// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"unsafe"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// FromATen returns the tensor in the at::Tensor at p, which other code of the process made
// with the same libtorch. It is the same tensor, not a copy: elements, gradient and graph are
// one, and libtorch counts the references, so p may be deleted afterwards. It is nil for an
// undefined at::Tensor, and in a [Scope] it belongs to the scope.
func FromATen(p unsafe.Pointer) *Tensor {
	mustInit("FromATen")
	if p == nil {
		throw("FromATen", "the pointer is nil")
	}
	h := ctorch.Take(p)
	if h == 0 {
		return nil
	}
	return wrap(h, ctorch.Scope(), 0)
}

// ATen returns a new at::Tensor that is t, for other code of the process. That code has to
// delete it, with C++'s delete; closing t does not.
func (t *Tensor) ATen() unsafe.Pointer {
	h := t.enter("ATen")
	defer t.ref.Leave()
	return ctorch.Give(h)
}

// Foreign calls f, in which other code computes with libtorch on the calling goroutine, such
// as another Go package or C++ behind cgo. [Trace] and [Watch] see only through it what that
// code calls. They are told when f has returned, so that Watch shows a tensor that was changed
// in place as it is then. Host memory that f leaves allocated counts where it is decided
// whether to run the garbage collector, on which the tensors of such packages depend.
func Foreign(f func()) {
	begin("Foreign", f)
	before := ctorch.ReadMemory().Live
	if tr := tracerIn(ctorch.Scope()); tr == nil || tr == (unseeing{}) {
		f()
	} else {
		observe(f, tr)
	}
	ownForeign(ctorch.ReadMemory().Live - before)
}

// unseeing takes the place of a tracer that is told of all calls afterwards.
type unseeing struct{}

func (unseeing) record(*op, *ctorch.Frame, bool) {}
func (unseeing) recordList([]int64)              {}

// observe calls f, and tells tr of all operators that were called meanwhile, by whomever.
func observe(f func(), tr recorder) {
	s := scopeByID(ctorch.Scope())
	check("Foreign", ctorch.Observe(ctorch.BeginObserved))
	defer func() { check("Foreign", ctorch.Observe(ctorch.DropObserved)) }()
	func() {
		s.tracer = unseeing{}
		defer func() { s.tracer = tr }()
		f()
	}()
	check("Foreign", ctorch.Observe(ctorch.EndObserved))
	for {
		name, frame, err := ctorch.Observed()
		check("Foreign", err)
		if frame == nil {
			return
		}
		replay(name, frame, tr)
	}
}

func replay(name string, f *ctorch.Frame, tr recorder) {
	defer f.Done()
	tr.record(findOp(name), f, f.N == 0)
	for _, v := range f.Results[:f.N] {
		if v.Tag == ctorch.OptionalTensors {
			tr.recordList(f.Words(v))
		}
	}
}
