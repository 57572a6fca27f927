// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package budget

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBudgetIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytes = 100
		b := NewBudget(bytes)
		var held, most, alone atomic.Int64
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				n := int64(i*7%50 + 1)
				if i%10 == 0 {
					n = bytes * 3
				}
				release, err := b.Acquire(t.Context(), n)
				if !assert.NoError(t, err) {
					return
				}
				now := held.Add(n)
				if n > bytes {
					alone.Add(1)
					assert.Equal(t, n, now, "nobody else holds any")
				} else {
					assert.LessOrEqual(t, now, int64(bytes))
					most.Store(max(most.Load(), now))
				}
				time.Sleep(time.Duration(i) * time.Millisecond)
				held.Add(-n)
				release()
				release() // does nothing
			})
		}
		wg.Wait()
		assert.Equal(t, int64(6), alone.Load())
		assert.Greater(t, most.Load(), int64(bytes/2), "several at once")
	})
}

func TestAcquireEnds(t *testing.T) {
	b := NewBudget(10)
	release, err := b.Acquire(context.Background(), math.MaxInt64)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	for _, n := range []int64{math.MinInt64, 0, 1, 10, 1 << 40} {
		none, err := b.Acquire(ctx, n)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Nil(t, none)
	}
	release()
	release, err = b.Acquire(context.Background(), 10)
	require.NoError(t, err, "those who gave up hold nothing")
	release()
}

func TestSmallestBudget(t *testing.T) {
	for _, bytes := range []int64{math.MinInt64, -1, 0, 1} {
		b := NewBudget(bytes)
		release, err := b.Acquire(context.Background(), 5)
		require.NoError(t, err)
		release()
	}
}
