// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// The garbage collector sees the few words of a Tensor, not the memory behind it: a loop
// outside any scope that drops a tensor of 40 MB in each round would fill the machine
// before the collector has a reason to run. So this file counts the bytes that belong to
// no scope, and runs the collector when they have doubled since its last run. What other
// code allocates in Foreign counts until then, as that code does not say when it frees.

// leastUnowned is how many bytes may belong to no scope before the collector is called.
const leastUnowned = 128 << 20

var (
	unowned    atomic.Int64 // bytes of live tensors that no scope frees
	foreign    atomic.Int64 // bytes that other code has allocated since the last run
	bound      atomic.Int64 // what unowned may grow to; 0 stands for leastUnowned
	collecting sync.Mutex
)

// unreachable holds what is needed to free a tensor that the collector found.
type unreachable struct {
	handle ctorch.Handle
	bytes  int64
}

func collected(u unreachable) {
	ctorch.Free(u.handle)
	disown(u.bytes)
}

// disown takes bytes off again. The bound follows: what is alive is never more than
// what is counted.
func disown(bytes int64) {
	if n := unowned.Add(-bytes); 2*n < bound.Load() {
		bound.Store(2 * n)
	}
}

// own counts bytes of a tensor that no scope frees.
func own(bytes int64) {
	if unowned.Add(bytes); bytes > 0 {
		relieve()
	}
}

// ownForeign counts bytes that other code has allocated.
func ownForeign(bytes int64) {
	if bytes > 0 {
		foreign.Add(bytes)
		relieve()
	}
}

func relieve() {
	if crowded() {
		collect()
	}
}

func crowded() bool { return unowned.Load()+foreign.Load() > max(bound.Load(), leastUnowned) }

// collect runs the garbage collector and waits for the tensors that it found. Other
// goroutines that have reached the bound wait here, too.
func collect() {
	collecting.Lock()
	defer collecting.Unlock()
	if !crowded() {
		return // another goroutine has collected meanwhile
	}
	foreign.Store(0)
	done := make(chan struct{})
	runtime.AddCleanup(new([8]*byte), func(c chan struct{}) { close(c) }, done)
	runtime.GC()
	// The collector has found what is unreachable, but other goroutines free it.
	select {
	case <-done:
	case <-time.After(time.Second): // this may be one of them
	}
	for last, n := int64(-1), unowned.Load(); n != last; last, n = n, unowned.Load() {
		time.Sleep(50 * time.Microsecond)
	}
	bound.Store(2 * unowned.Load())
}
