// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/augment"
	"github.com/etude-ml/etude/torch/torchtest"
)

// load lets workers load the samples of r, which are drawn by weight and augmented.
func load(r *Run, workers int, augment func(r *rand.Rand, x []float32)) {
	set := inMemory(r.Train)
	weights := make([]float64, set.Len())
	for i := range weights {
		weights[i] = float64(1 + i%3)
	}
	r.Sampler = data.Weighted{Weights: weights}
	r.Train = &data.Loader{
		Data: set, Fingerprint: set.Fingerprint, Workers: workers,
		Augment: func(rng *rand.Rand, s *data.Sample) error {
			augment(rng, data.ToSlice[float32](s.X))
			return nil
		},
	}
	r.Val = &data.Loader{Data: inMemory(r.Val), Workers: workers}
}

func noise(r *rand.Rand, x []float32) { augment.Noise(r, x, 10, 20) }

// loading builds trials that load with another number of workers each.
func loading(t *testing.T, augment func(r *rand.Rand, x []float32)) func() (Run, error) {
	return builder(t, func(n int, r *trial) { load(&r.Run, []int{1, 2, 7}[n%3], augment) })
}

func TestVerifyResumeOfALoader(t *testing.T) {
	torchtest.NoLeaks(t)
	stops := []int{1, 3, 4, 6, 11}
	report, err := VerifyResume(context.Background(), loading(t, noise), stops)
	require.NoError(t, err)
	assert.Nil(t, report.Difference)
	assert.Equal(t, stops, report.Breaks)

	// Noise that is not a function of the epoch's seed is found out.
	var calls atomic.Int64
	report, err = VerifyResume(context.Background(), loading(t, func(_ *rand.Rand, x []float32) { x[0] += float32(calls.Add(1)) }), stops[:1])
	require.NoError(t, err)
	require.NotNil(t, report.Difference)
}

// With a loader and hooks no step waits either, and the host reads what it reads without
// them: batches are copied to the device, and nothing else is.
func TestLoaderAndHooksReadNothing(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	host := newTrial(1, torch.CPU, "")
	defer host.close()
	load(&host.Run, 2, noise)
	var traffic [2]torchtest.Traffic
	var histories [2]*History
	for i := range traffic {
		r := newTrial(1, device, "")
		defer r.close()
		scored(r)
		run := r.Run
		run.Sampler, run.AroundStep = host.Sampler, torchtest.ForbidTransfers
		if i == 1 {
			run.Train = &data.Loader{Data: inMemory(host.Train), To: device, Workers: 2}
			run.Val = &data.Loader{Data: inMemory(host.Val), To: device, Workers: 2}
			run.OnFitStart = func(*History) error { return nil }
			run.OnBatch = func(int, int, Result) error { return nil }
			run.OnEpoch = func(Epoch) error { return nil }
			run.OnProgress = func(Progress) {}
			run.OnFitEnd = run.OnFitStart
		}
		before := torchtest.PretendTraffic()
		var err error
		histories[i], err = run.Fit(context.Background())
		require.NoError(t, err)
		traffic[i] = torchtest.PretendTraffic().Since(before)
	}
	assert.Equal(t, results(histories[0], false), results(histories[1], false))
	more := traffic[1].Since(traffic[0])
	const epochs, batches = 4, 4 + 2 // of training and of validation
	assert.Equal(t, torchtest.Traffic{
		ToDevice: epochs * (2*batches - 1), // X and Y of each, instead of the order
		Calls:    more.Calls,
	}, more)
}
