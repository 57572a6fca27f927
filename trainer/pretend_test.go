// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/torchtest"
)

// On a device no step waits: what the host reads is the vector of losses, and
// once an epoch what validation and the look at the parameters come to.
func TestStepsReadNothing(t *testing.T) {
	device := torchtest.Pretend(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	for _, c := range golden.Cases {
		cpu, freeCPU := golden.run(t, c, torch.CPU)
		want, err := cpu.Fit(context.Background())
		require.NoError(t, err)
		freeCPU()

		r, free := golden.run(t, c, device)
		steps := 0
		r.AroundStep = func(step func()) {
			steps++
			torchtest.ForbidTransfers(step)
		}
		r.ReadEvery = 3
		before := torchtest.PretendTraffic()
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		after := torchtest.PretendTraffic()
		assert.Equal(t, 8*4, steps)
		assert.Equal(t, want.TrainLosses, h.TrainLosses)
		assert.Equal(t, want.ValLosses, h.ValLosses)
		assert.Equal(t, want.ValAccs, h.ValAccs)

		// An epoch: the losses of steps 1 to 3 and of step 4, and validation's.
		assert.EqualValues(t, 8*(2+1), after.ToHost-before.ToHost)
		reads := 1 // are the parameters finite
		if c.classes() {
			reads += 2 // right answers in training and in validation
		}
		assert.EqualValues(t, 8*reads, after.Reads-before.Reads)
		assert.EqualValues(t, 8, after.ToDevice-before.ToDevice, "the order, once an epoch")
		free()
	}
}

func TestMistakesOnADevice(t *testing.T) {
	device := torchtest.Pretend(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	c := golden.Cases[0]
	r, free := golden.run(t, c, device)
	defer free()

	read := r
	read.AroundStep = func(step func()) { torchtest.ForbidTransfers(step) }
	read.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		loss := r.Loss(output, target)
		loss.Item()
		return loss
	}
	_, err := read.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 1")
	require.ErrorContains(t, err, "the value of a tensor was read inside a step")

	left := r
	left.Train = c.set(c.X, c.Y, torch.CPU)
	defer left.Train.Close()
	_, err = left.Fit(context.Background())
	require.ErrorContains(t, err, "Run.Train is on cpu, the model's parameters on pretend:0")

	left = r
	left.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		return r.Loss(output, torch.ZerosLike(target).To(torch.CPU))
	}
	_, err = left.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 1")
	require.ErrorContains(t, err, "same device")
}

// A checkpoint of one device is continued on the other.
func TestResumeOnAnotherDevice(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	whole := newTrial(1, torch.CPU, t.TempDir())
	everyState(0, whole) // a step of 6 is in the middle of a group
	defer whole.close()
	want, err := whole.Fit(context.Background())
	require.NoError(t, err)
	for _, devices := range [][]torch.Device{{device, torch.CPU}, {torch.CPU, device}, {device, device}} {
		dir := t.TempDir()
		for i, d := range devices {
			r := newTrial(uint64(1+i), d, dir)
			everyState(0, r)
			r.Resume = true
			notices := r.listen()
			ctx := context.Background()
			if i == 0 {
				ctx = r.interruptAfter(6)
			}
			h, err := r.Fit(ctx)
			if i == 0 {
				require.ErrorIs(t, err, ErrInterrupted)
			} else {
				require.NoError(t, err)
				assert.Equal(t, want.TrainLosses, h.TrainLosses)
				assert.Equal(t, want.ValLosses, h.ValLosses)
				assert.Equal(t, stateOf(whole.Model), stateOf(r.Model))
				if devices[0] == devices[1] {
					assert.Empty(t, *notices)
				} else {
					assert.Equal(t, []string{fmt.Sprintf("device: it was %v, is %v: the last bits may differ from those of a run without a break", devices[0], d)}, *notices)
				}
			}
			r.close()
		}
	}
}
