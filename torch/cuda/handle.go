// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package cuda

import (
	"errors"
	"runtime"
	"sync"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

var errClosed = errors.New("cuda: it is used after Close, or was not made by its New function")

// handle owns an object of libtorch's that Close or the garbage collector frees. A use
// holds the lock, so that nothing is freed meanwhile. These calls are few and short, or
// wait for the device as their caller wants.
type handle[T any] struct {
	mu      sync.RWMutex
	value   T
	free    func(T)
	open    bool
	cleanup runtime.Cleanup
}

func newHandle[T any](value T, free func(T)) *handle[T] {
	h := &handle[T]{value: value, free: free, open: true}
	h.cleanup = runtime.AddCleanup(h, free, value)
	return h
}

// enter begins a use; leave ends it.
func (h *handle[T]) enter() (value T, leave func(), err error) {
	if h == nil {
		return value, nil, errClosed
	}
	h.mu.RLock()
	if !h.open {
		h.mu.RUnlock()
		return value, nil, errClosed
	}
	return h.value, func() {
		h.mu.RUnlock()
		runtime.KeepAlive(h)
	}, nil
}

// use calls f with the value of a handle that is open.
func use[T any](h *handle[T], f func(T) *ctorch.Error) error {
	value, leave, err := h.enter()
	if err != nil {
		return err
	}
	defer leave()
	return wrap(f(value))
}

// ask is use for a call that returns a value.
func ask[T, V any](h *handle[T], f func(T) (V, *ctorch.Error)) (value V, err error) {
	err = use(h, func(t T) (failed *ctorch.Error) {
		value, failed = f(t)
		return failed
	})
	return value, err
}

func (h *handle[T]) close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		h.open = false
		h.cleanup.Stop()
		h.free(h.value)
	}
}
