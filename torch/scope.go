// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
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

// unusable returns why a tensor cannot be used.
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

// scope owns the tensors that were made on one thread during one call of Scope.
// The bridge keeps the thread's current scope as a number and returns it with every
// result, so that Go needs no call to look it up.
type scope struct {
	id     uint32
	parent *scope
	tracer recorder // of this scope or an outer one; nil for none

	before *[]func() error // what comes before each replay of the step that is being recorded; nil for none

	mu      sync.Mutex
	tensors []*Tensor
	ended   bool
}

const maxScopes = 1 << 16

var (
	scopes     [maxScopes]atomic.Pointer[scope] // by id; 0 is never used
	scopeMutex sync.Mutex
	freeScopes []uint32
	lastScope  uint32
	scopeLists = sync.Pool{New: func() any { s := make([]*Tensor, 0, 256); return &s }}
)

func scopeByID(id uint32) *scope {
	if id == 0 {
		return nil
	}
	return scopes[id].Load()
}

func newScope(parent *scope) *scope {
	scopeMutex.Lock()
	defer scopeMutex.Unlock()
	s := &scope{parent: parent}
	switch n := len(freeScopes); {
	case n > 0:
		s.id, freeScopes = freeScopes[n-1], freeScopes[:n-1]
	case lastScope+1 < maxScopes:
		lastScope++
		s.id = lastScope
	default:
		throw("Scope", "%d scopes are open at once", maxScopes-1)
	}
	scopes[s.id].Store(s)
	return s
}

// add makes s the owner of t.
func (s *scope) add(t *Tensor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended { // only Keep on another goroutine can come this late
		t.track(t.elementBytes())
		return
	}
	t.owner.Store(s)
	s.tensors = append(s.tensors, t)
}

// end frees what still belongs to s. A tensor in use by another goroutine is
// freed when that call returns.
func (s *scope) end() {
	s.mu.Lock()
	tensors := s.tensors
	s.tensors, s.ended = nil, true
	s.mu.Unlock()

	batch := ctorch.NewCloseAll()
	for _, t := range tensors {
		if t.owner.CompareAndSwap(s, nil) {
			batch.Add(&t.ref)
		}
	}
	batch.Do()
	clear(tensors)
	tensors = tensors[:0]
	scopeLists.Put(&tensors)

	scopes[s.id].Store(nil)
	scopeMutex.Lock()
	freeScopes = append(freeScopes, s.id)
	scopeMutex.Unlock()
}

// recorder receives each call in the scope of a trace.
type recorder interface {
	record(o *op, f *ctorch.Frame, discard bool)
	recordList(words []int64)
}

// tracing counts open traces: calls look for their tracer only when there is one.
var tracing atomic.Int32

// tracerIn returns the trace that a scope is part of, nil for none.
func tracerIn(scopeID uint32) recorder {
	if tracing.Load() > 0 {
		if s := scopeByID(scopeID); s != nil {
			return s.tracer
		}
	}
	return nil
}

// begin is called first by every function that calls another one in some mode.
func begin(op string, f func()) {
	mustInit(op)
	if f == nil {
		throw(op, "the function is nil")
	}
}

// during calls f with a setting of the calling thread changed, to which it locks the
// goroutine meanwhile.
func during[T any](swap func(T) T, setting T, f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	old := swap(setting)
	defer swap(old)
	f()
}

// Scope calls f and then frees every tensor that was made inside it on the same
// goroutine, also when f panics. Scopes nest. Goroutines that f starts are not
// in the scope: what they make is theirs.
func Scope(f func()) { runScope(f, nil) }

func runScope(f func(), tr recorder) {
	begin("Scope", f)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outer := ctorch.SwapScope(0)
	s := newScope(scopeByID(outer))
	s.tensors = *scopeLists.Get().(*[]*Tensor)
	s.tracer = tr
	if s.parent != nil {
		s.before = s.parent.before
		if tr == nil {
			s.tracer = s.parent.tracer
		}
	}
	ctorch.SwapScope(s.id)
	defer func() {
		ctorch.SwapScope(outer)
		s.end()
	}()
	f()
}

// Unscoped calls f with no scope around it: what f makes lives until Close or until
// the garbage collector finds it. Optimizers and caches create their state with it,
// because that happens in the first step, inside the step's scope.
func Unscoped(f func()) {
	begin("Unscoped", f)
	during(ctorch.SwapScope, 0, f)
}

// Keep moves t one scope out and returns it. Out of the outermost scope, or
// outside any, it lives until Close or until the garbage collector finds it.
func (t *Tensor) Keep() *Tensor {
	t.enter("Keep")
	defer t.ref.Leave()
	s := t.owner.Load()
	if s == nil || !t.owner.CompareAndSwap(s, nil) {
		return t
	}
	if s.parent != nil {
		s.parent.add(t)
	} else {
		t.track(t.elementBytes())
	}
	return t
}

// elementBytes returns how many bytes t's elements would fill.
func (t *Tensor) elementBytes() int64 {
	i := t.describe("Keep")
	return int64(i.Numel) * int64(i.ItemSize)
}

// Counts says how much is alive.
type Counts struct {
	Tensors int64 // handles that Go holds
	Bytes   int64 // elements in host memory, the autograd graph's included
	Peak    int64 // the most that Bytes has been
}

// Live counts what is alive now in the whole process. Tests assert that it does not
// grow.
func Live() Counts {
	if !ctorch.Loaded() {
		return Counts{}
	}
	m := ctorch.ReadMemory()
	return Counts{Tensors: ctorch.Live(), Bytes: m.Live, Peak: m.Peak}
}
