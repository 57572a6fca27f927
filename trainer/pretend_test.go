// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/torchtest"
)

// On a device no step waits. The host reads the vector of losses, and once an epoch the
// result of validation and whether the parameters are finite.
func TestStepsReadNothing(t *testing.T) {
	device := torchtest.Accelerator(t)
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
		got := torchtest.PretendTraffic().Since(before)
		assert.Equal(t, 8*4, steps)
		torchtest.SameNumbers(t, device, want.list("train_losses"), h.list("train_losses"), "losses")
		torchtest.SameNumbers(t, device, want.list("val_losses"), h.list("val_losses"), "validation losses")
		if c.classes() {
			torchtest.SameNumbers(t, device, want.list("val_accs"), h.list("val_accs"), "accuracies")
		}
		if torchtest.IsPretend(device) {
			const copies = 2 + 1 // the losses and right answers of steps 1 to 3, of step 4, and of validation
			assert.Equal(t, torchtest.Traffic{
				Reads:    8, // are the parameters finite
				ToHost:   8 * copies,
				ToDevice: 8, // the order, once an epoch
				Calls:    got.Calls,
			}, got)
		}
		free()
	}
}

// Evaluate reads once for readEvery batches, whatever it measures.
func TestEvaluateReadsSeldom(t *testing.T) {
	device := torchtest.Pretend(t)
	golden := readGolden(t)
	torchtest.NoLeaks(t)
	for _, c := range golden.Cases {
		r, free := golden.run(t, c, device)
		require.Greater(t, r.Train.Len(), readEvery)
		require.Less(t, r.Train.Len(), 2*readEvery)
		before := torchtest.PretendTraffic()
		_, err := Evaluate(r.Model.(nn.Module), r.Loss, r.Train, 1)
		require.NoError(t, err)
		got := torchtest.PretendTraffic().Since(before)
		copies := int64(2)
		if !c.classes() {
			copies += 2 // MSE and MAE, at the end
		}
		assert.Equal(t, torchtest.Traffic{ToHost: copies, Calls: got.Calls}, got)
		free()
	}
}

// A save copies each tensor of the checkpoint to the CPU once, and reads nothing.
func TestSavesCopyOnce(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	var runs [2]torchtest.Traffic
	var h *History
	for i, dir := range []string{"", t.TempDir()} {
		r := newTrial(1, device, dir)
		before := torchtest.PretendTraffic()
		var err error
		h, err = r.Fit(context.Background())
		require.NoError(t, err)
		runs[i] = torchtest.PretendTraffic().Since(before)
		r.close()
	}
	const parameters = 4
	var copies int64
	for epoch, best := 0, math.Inf(1); epoch < h.Len(); epoch++ {
		copies += 4 * parameters // and Adam's count, mean and square of each
		if loss := h.list("val_losses")[epoch]; loss < best {
			best = loss
		} else {
			copies += parameters // the best ones, which are others
		}
	}
	copies += parameters // model.pt
	got := runs[1].Since(runs[0])
	assert.Equal(t, torchtest.Traffic{ToHost: copies, Calls: got.Calls}, got)
}

func TestMistakesOnADevice(t *testing.T) {
	device := torchtest.SecondDevice(t)
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
	require.ErrorContains(t, err, torchtest.Forbidden(device))

	left := r
	left.Train = c.set(c.X, c.Y, torch.CPU)
	defer inMemory(left.Train).Close()
	_, err = left.Fit(context.Background())
	require.ErrorContains(t, err, "Run.Train is on cpu, the model's parameters on "+device.String())

	left = r
	left.Loss = func(output, target *torch.Tensor) *torch.Tensor {
		return r.Loss(output, torch.ZerosLike(target).To(torch.CPU))
	}
	_, err = left.Fit(context.Background())
	require.ErrorContains(t, err, "epoch 1, step 1")
	require.ErrorContains(t, err, "same device")
}

// A checkpoint of one device is continued on the other, and on the same one bit
// for bit: dropout draws from the device's own generator, whose state is saved. On
// another device the draws are others, so there the network has no dropout.
func TestResumeOnAnotherDevice(t *testing.T) {
	device := torchtest.SecondDevice(t)
	torchtest.NoLeaks(t)
	trialOn := func(seed int, d torch.Device, dir string, dropout bool) *trial {
		r := newTrial(uint64(seed), d, dir)
		everyState(0, r) // a step of 6 is in the middle of a group
		if !dropout {
			r.Model.(nn.Sequential)[2].(*nn.Dropout).P = 0
		}
		return r
	}
	for _, devices := range [][2]torch.Device{{device, torch.CPU}, {torch.CPU, device}, {device, device}} {
		same := devices[0] == devices[1]
		whole := trialOn(1, devices[0], t.TempDir(), same)
		want, err := whole.Fit(context.Background())
		require.NoError(t, err)
		wantState := stateOf(whole.Model)
		whole.close()

		dir := t.TempDir()
		for i, d := range devices {
			r := trialOn(1+i, d, dir, same)
			r.Resume = true
			notices := r.listen()
			ctx := context.Background()
			if i == 0 {
				ctx = r.interruptAfter(6)
			}
			h, err := r.Fit(ctx)
			if i == 0 {
				require.ErrorIs(t, err, ErrInterrupted)
				r.close()
				continue
			}
			require.NoError(t, err)
			if same || torchtest.IsPretend(device) {
				assert.Equal(t, want.list("train_losses"), h.list("train_losses"))
				assert.Equal(t, want.list("val_losses"), h.list("val_losses"))
				assert.Equal(t, wantState, stateOf(r.Model))
			} else {
				torchtest.SameNumbers(t, device, want.list("val_losses"), h.list("val_losses"), "validation losses")
			}
			if same {
				assert.Empty(t, *notices)
			} else {
				want := []string{fmt.Sprintf("device: it was %v, is %v: ", devices[0], d)}
				if !torchtest.IsPretend(device) { // which is the CPU under another name
					want = append(want, "processor: it was ")
				}
				require.Len(t, *notices, len(want))
				for i, notice := range *notices {
					assert.True(t, strings.HasPrefix(notice, want[i]), notice)
					assert.True(t, strings.HasSuffix(notice, ": the last bits may differ from those of a run without a break"), notice)
				}
			}
			r.close()
		}
	}
}
