// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// A run with dropout ends with the same bits alone, beside others, and broken and
// resumed beside others; and its draws are those of a loop in plain PyTorch style,
// which draws from the process's generator.
func TestRunsSideBySide(t *testing.T) {
	for name, device := range map[string]func(testing.TB) torch.Device{
		"cpu": func(testing.TB) torch.Device { return torch.CPU }, "device": torchtest.SecondDevice,
	} {
		t.Run(name, func(t *testing.T) { sideBySide(t, device(t)) })
	}
}

func sideBySide(t *testing.T, device torch.Device) {
	torchtest.NoLeaks(t)
	const seed = 11
	ctx := context.Background()
	whole := newTrial(1, device, t.TempDir())
	defer whole.close()
	whole.MustRecord = device == torch.CPU // the others, which are long, record without it
	torch.ManualSeed(seed)
	before := torch.RNGState(device)
	defer before.Close()
	_, err := whole.Fit(ctx)
	require.NoError(t, err)
	want := whole.everything(t)
	after := torch.RNGState(device)
	defer after.Close()
	assert.Equal(t, torch.ToSlice[uint8](before), torch.ToSlice[uint8](after), "Fit leaves the process's generator alone")

	// Each run's generators are copied when its Fit begins; the sets share nothing.
	beside := func(dir string, cut int) map[string]any {
		r := newTrial(1, device, dir)
		defer r.close()
		r.MustRecord = whole.MustRecord
		others := []*trial{newTrial(2, device, ""), newTrial(3, device, "")}
		torch.ManualSeed(seed)
		c := ctx
		if r.Resume = dir != "" && cut == 0; cut > 0 {
			c = r.interruptAfter(cut)
		}
		if r.Save == "" {
			r.Save = t.TempDir()
		}
		c2, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		started := make(chan struct{}, len(others))
		for _, o := range others {
			o.Epochs = 1 << 20
			o.OnProgress = func(Progress) {
				select {
				case started <- struct{}{}:
				default:
				}
			}
			wg.Go(func() { _, _ = o.Fit(c2) })
		}
		for range others {
			<-started
		}
		_, err := r.Fit(c)
		stop()
		wg.Wait()
		for _, o := range others {
			o.close()
		}
		if cut > 0 {
			require.ErrorIs(t, err, errTest)
			return nil
		}
		require.NoError(t, err)
		return r.everything(t)
	}
	for range 3 {
		require.Equal(t, want, beside("", 0))
	}
	for _, cut := range []int{1, 6, 8} {
		dir := t.TempDir()
		beside(dir, cut)
		require.Equal(t, want, beside(dir, 0), "cut after %d", cut)
	}
}

// Fit draws the same random numbers as a loop without it after the same seed.
func TestFitDrawsAsALoopDoes(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, "")
	defer r.close()
	r.Epochs, r.KeepLast = 2, true
	torch.ManualSeed(4)
	_, err := r.Fit(context.Background())
	require.NoError(t, err)

	loop := newTrial(1, torch.CPU, "")
	defer loop.close()
	torch.ManualSeed(4)
	s, err := newSession(loop.Run)
	require.NoError(t, err)
	defer s.close()
	nn.SetTraining(loop.Model, true)
	for s.epoch = range 2 {
		s.step = 0
		torch.Threads(1, func() {
			for batch := range inMemory(loop.Train).Batches(loop.BatchSize, s.order(s.epoch)) {
				loop.Optimizer.ZeroGrad()
				loop.Loss(loop.forward(batch.X), batch.Y).Backward()
				loop.Optimizer.Step()
			}
		})
	}
	assert.Equal(t, stateOf(loop.Model), stateOf(r.Model))
}
