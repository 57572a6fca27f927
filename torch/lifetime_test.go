// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// many is n, or fewer with -short, where the race detector makes each step dear.
func many(n int) int {
	if testing.Short() {
		return n / 20
	}
	return n
}

func TestScopeFrees(t *testing.T) {
	torchtest.NoLeaks(t)
	var inner, kept, twice, free *torch.Tensor
	torch.Scope(func() {
		torch.Scope(func() {
			inner = torch.Ones([]int{3})
			kept = torch.Ones([]int{3}).Keep()
			twice = torch.Ones([]int{3}).Keep()
			torch.Unscoped(func() { free = torch.Ones([]int{3}) })
		})
		assert.True(t, inner.Closed())
		assert.False(t, kept.Closed())
		twice.Keep()
	})
	assert.True(t, kept.Closed())
	assert.Equal(t, 3.0, twice.Sum().Item(), "kept out of both scopes")
	assert.Equal(t, 3.0, free.Sum().Item(), "made outside any scope")
	twice.Close()
	free.Close()
	twice.Close() // again: nothing happens
}

func TestScopeFreesOnPanic(t *testing.T) {
	torchtest.NoLeaks(t)
	var x *torch.Tensor
	assert.PanicsWithValue(t, "mine", func() {
		torch.Scope(func() {
			x = torch.Ones([]int{3})
			panic("mine")
		})
	})
	assert.True(t, x.Closed())
	y := torch.Ones([]int{1}) // the thread's scope is the outer one again: none
	assert.False(t, y.Closed())
	y.Close()
}

func TestGoroutinesInsideAScopeAreNotInIt(t *testing.T) {
	torchtest.NoLeaks(t)
	var x *torch.Tensor
	torch.Scope(func() {
		done := make(chan struct{})
		go func() {
			x = torch.Ones([]int{2})
			close(done)
		}()
		<-done
	})
	assert.Equal(t, 2.0, x.Sum().Item())
	x.Close()
}

func TestUseAfterClose(t *testing.T) {
	torchtest.Need(t)
	x := torch.Ones([]int{2, 2})
	x.Close()
	torch.Scope(func() {
		y := torch.Ones([]int{2, 2})
		for name, f := range map[string]func(){
			"receiver":  func() { x.Add(y) },
			"argument":  func() { y.Add(x) },
			"list":      func() { torch.Cat([]*torch.Tensor{y, x}, 0) },
			"call":      func() { torch.Call("aten::roll", x, []int{1}, []int{0}) },
			"shape":     func() { x.Shape() },
			"backward":  func() { x.Backward() },
			"grad":      func() { x.Grad() },
			"read":      func() { x.Float32s() },
			"zero_grad": func() { torch.ZeroGrad([]*torch.Tensor{y, x}) },
			"keep":      func() { x.Keep() },
		} {
			err := torch.Try(f)
			require.Error(t, err, name)
			assert.Contains(t, err.Error(), "after it was closed", name)
		}
		assert.Equal(t, "tensor(closed)", x.String())
	})
}

// Tensors are closed while other goroutines use them: each use is a result or the
// clear panic, and every tensor is freed exactly once.
func TestCloseDuringUse(t *testing.T) {
	torchtest.NoLeaks(t)
	const users = 4
	var used, refused atomic.Int64
	rounds := many(1_000_000)
	feed := make([]chan *torch.Tensor, users)
	var wg sync.WaitGroup
	for i := range feed {
		feed[i] = make(chan *torch.Tensor, 256)
		wg.Go(func() {
			for x := range feed[i] {
				err := torch.Try(func() {
					if x.Numel() != 2 {
						t.Error("a wrong tensor")
					}
				})
				if err != nil {
					assert.Contains(t, err.Error(), "after it was closed")
					refused.Add(1)
				} else {
					used.Add(1)
				}
			}
		})
	}
	torch.NoGrad(func() {
		data := []float32{1, 2}
		torch.Unscoped(func() {
			for i := range rounds {
				x := torch.FromSlice(data)
				for k := range feed {
					if (i+k)%2 == 0 {
						feed[k] <- x
					}
				}
				if i%3 == 0 {
					runtime.Gosched()
				}
				x.Close()
			}
		})
	})
	for _, c := range feed {
		close(c)
	}
	wg.Wait()
	t.Logf("%d closes, %d uses in time, %d refused", rounds, used.Load(), refused.Load())
	assert.Positive(t, used.Load())
	assert.Positive(t, refused.Load())
}

// Scopes end while other goroutines are inside calls with their tensors.
func TestScopeEndsDuringUse(t *testing.T) {
	torchtest.NoLeaks(t)
	var used, refused atomic.Int64
	c := make(chan *torch.Tensor)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for x := range c {
				err := torch.Try(func() {
					torch.Scope(func() { x.Matmul(x).Sum() })
				})
				if err != nil {
					assert.Contains(t, err.Error(), "after it was closed")
					refused.Add(1)
				} else {
					used.Add(1)
				}
			}
		})
	}
	for range many(5000) {
		torch.Scope(func() {
			x := torch.Ones([]int{64, 64})
			c <- x
			c <- x
		})
	}
	close(c)
	wg.Wait()
	t.Logf("%d uses in time, %d refused", used.Load(), refused.Load())
	assert.Positive(t, used.Load())
}

// Tensors that nobody closes are found by the garbage collector.
func TestGarbageCollector(t *testing.T) {
	torchtest.NoLeaks(t)
	for range 200 {
		torch.Ones([]int{100}).Add(torch.Ones([]int{100}))
	}
	var kept *torch.Tensor
	torch.Scope(func() { kept = torch.Ones([]int{5}).Keep() })
	assert.Equal(t, 5.0, kept.Sum().Item())
}

// Many goroutines train at once, with a garbage collection running all the time.
func TestTrainingUnderGC(t *testing.T) {
	torchtest.NoLeaks(t)
	defer torchtest.CollectGarbage(t)()
	var wg sync.WaitGroup
	for seed := range 8 {
		wg.Go(func() {
			torch.Threads(1, func() {
				w := torch.FromSlice([]float32{float32(seed), 1, 2, 3}, 2, 2).SetRequiresGrad(true)
				defer w.Close()
				first, last := 0.0, 0.0
				for i := range many(2000) {
					torch.Scope(func() {
						x := torch.FromSlice([]float32{1, 2, 3, 4}, 2, 2)
						loss := torch.MSELoss(torch.Linear(x, w, nil), x, torch.ReduceMean)
						loss.Backward()
						torch.NoGrad(func() { w.SubInPlace(w.Grad().MulScalar(0.05)) })
						torch.ZeroGrad([]*torch.Tensor{w})
						if last = loss.Item(); i == 0 {
							first = last
						}
					})
				}
				assert.Less(t, last, first/10)
			})
		})
	}
	wg.Wait()
}

func TestThreadsAndNoGradEndWithTheirFunction(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		outer := torch.NumThreads()
		torch.Threads(1, func() { assert.Equal(t, 1, torch.NumThreads()) })
		assert.Equal(t, outer, torch.NumThreads())

		w := torch.Ones([]int{2}).SetRequiresGrad(true)
		torch.NoGrad(func() {
			assert.False(t, w.MulScalar(2).RequiresGrad())
			torch.EnableGrad(func() { assert.True(t, w.MulScalar(2).RequiresGrad()) })
		})
		assert.True(t, w.MulScalar(2).RequiresGrad())
		err := torch.Try(func() { torch.Threads(0, func() {}) })
		assert.ErrorContains(t, err, "at least 1")
	})
}

// The number of threads of a goroutine stays its own, whatever others set meanwhile.
func TestThreadsOfOthers(t *testing.T) {
	torchtest.NoLeaks(t)
	var set, asked sync.WaitGroup
	set.Add(8)
	for i := range 8 {
		asked.Go(func() {
			torch.Threads(1+i%2, func() { // each on an OS thread of its own
				torch.Scope(func() { torch.Call("aten::empty.memory_format", []int{2}) })
				set.Done()
				set.Wait()
				assert.Equal(t, 1+i%2, torch.NumThreads())
			})
		})
	}
	asked.Wait()
}
