// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch_test

import (
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// flat fails the test where the process's memory grows by so many KiB while f is called n times;
// before, f is called a tenth as often, so that every cache is warm.
func flat(t *testing.T, n, most int, f func()) {
	t.Helper()
	resident := func(n int) int {
		for range n {
			f()
		}
		debug.FreeOSMemory()
		return torchtest.ResidentKiB(t)
	}
	before, after := resident(n/10), resident(n)
	t.Logf("%d KiB resident, then %d", before, after)
	assert.Less(t, after-before, most)
}

// small has little to compute, and dropout.
func small() *job {
	model := nn.NewSequential(nn.NewLinear(6, 8, torch.CPU), nn.NewDropout(0.1), nn.NewLinear(8, 2, torch.CPU))
	j := &job{x: floats(4, 6), y: floats(4, 2), model: model, optimizer: adam(model, nil)}
	j.loss = func() *torch.Tensor { return nn.MSELoss(model.Forward(j.x), j.y) }
	return j
}

// A hundred thousand steps at one thread, and ten thousand at two.
func TestReplaysKeepNoMemory(t *testing.T) {
	torchtest.NoLeaks(t)
	for threads, hundreds := range map[int]int{1: 1000, 2: 100} {
		torch.Threads(threads, func() {
			r, err := torch.Record(small().step)
			require.NoError(t, err)
			defer r.Close()
			flat(t, many(hundreds), 2<<10, func() { require.NoError(t, r.Replay(100)) }) // 21 bytes a step
		})
	}
}

// Recordings that are closed, and those that the collector finds.
func TestRecordingsKeepNoMemory(t *testing.T) {
	torchtest.NoLeaks(t)
	defer torchtest.CollectGarbage(t)() // Go does not see what they hold
	for _, end := range []func(*torch.Recording){(*torch.Recording).Close, func(*torch.Recording) {}} {
		step := small().step
		flat(t, many(1000), 16<<10, func() { // one holds about 100 KiB
			r, err := torch.Record(step)
			require.NoError(t, err)
			require.NoError(t, r.Replay(1))
			end(r)
		})
	}
}

// Recordings on many goroutines at once give the bits that each gives alone, and that it gives
// while the collector does not run all the time.
func TestRecordingsAtOnce(t *testing.T) {
	torchtest.NoLeaks(t)
	type end struct {
		losses [][]float32
		state  []float64
	}
	names := slices.Sorted(maps.Keys(jobs))
	train := func(i int) (e end) {
		torch.Threads(1+i%2, func() {
			torch.ForkRNG(func() { e.losses, e.state = trained(t, jobs[names[i]], many(200), true) })
		})
		return e
	}
	alone, together := make([]end, len(names)), make([]end, len(names))
	for i := range names {
		alone[i] = train(i)
	}
	defer torchtest.CollectGarbage(t)()
	var wg sync.WaitGroup
	for i := range names {
		wg.Go(func() { together[i] = train(i) })
	}
	wg.Wait()
	for i, name := range names {
		assert.Equal(t, alone[i].losses, together[i].losses, name)
		assert.True(t, slices.Equal(alone[i].state, together[i].state), "%s: another state", name)
	}
}
