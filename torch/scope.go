// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// scope owns the tensors that were made on one thread during one call of Scope.
// The bridge keeps the thread's current scope as a number and returns it with every
// result, so that Go needs no call to look it up.
type scope struct {
	id     uint32
	parent *scope
	tracer *tracer // of this scope or an outer one

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

// Scope calls f and then frees every tensor that was made inside it on the same
// goroutine, also when f panics. Scopes nest. Goroutines that f starts are not
// in the scope: what they make is theirs.
func Scope(f func()) { runScope(f, nil) }

func runScope(f func(), tr *tracer) {
	begin("Scope", f)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outer := ctorch.SwapScope(0)
	s := newScope(scopeByID(outer))
	s.tensors = *scopeLists.Get().(*[]*Tensor)
	s.tracer = tr
	if tr == nil && s.parent != nil {
		s.tracer = s.parent.tracer
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
