// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package budget bounds the memory of work that goes on side by side.
package budget

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Budget limits the memory that all callers hold together.
type Budget struct {
	bytes int64
	free  *semaphore.Weighted
}

// NewBudget makes a budget; one of less than 1 byte lets one through at a time.
func NewBudget(bytes int64) *Budget {
	bytes = max(1, bytes)
	return &Budget{bytes, semaphore.NewWeighted(bytes)}
}

// Acquire waits until n bytes are free, or until ctx ends, whose error it then
// returns. Who asks first is served first. A request for more than the whole
// budget waits until nobody else holds any, and is then alone; one for less than
// 1 byte counts as 1. release gives the bytes back; further calls of it do
// nothing.
func (b *Budget) Acquire(ctx context.Context, n int64) (release func(), err error) {
	n = min(max(1, n), b.bytes)
	if err := b.free.Acquire(ctx, n); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { b.free.Release(n) }), nil
}
