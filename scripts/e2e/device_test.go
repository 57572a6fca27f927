// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package e2e

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer"
)

// The trainings of the matrix: batches of 4, 4, 4 and 2 samples.
const (
	matrixSamples = 14
	matrixVal     = 5
	matrixBatch   = 4
	matrixSteps   = 4
	matrixEpochs  = 2
	matrixRead    = 3 // steps between reads of the losses
)

// sets returns made-up samples for training and validation on d. Targets are
// classes for losses that want them.
func sets(s models.Spec, classes bool, d torch.Device) (train, val *data.Set) {
	samples := madeUp(s, matrixSamples+matrixVal)
	part := func(from, n int) *data.Set {
		var index []int
		for i := range n {
			index = append(index, from+i)
		}
		set := samples.Select(index).Tensors(d)
		if classes {
			numbers := make([]int64, n)
			for i := range numbers {
				numbers[i] = int64((from + 5*i) % s.Out)
			}
			set.Y.Close()
			torch.Scope(func() {
				y := torch.FromSlice(numbers)
				torch.Unscoped(func() { set.Y = y.Clone().To(d) })
			})
		}
		return set
	}
	return part(0, matrixSamples), part(matrixSamples, matrixVal)
}

// trained holds the results of a training.
type trained struct {
	steps       int
	inSteps     torchtest.Traffic // inside the steps
	all         torchtest.Traffic
	losses, val []float64
	weights     []float32
}

// fit trains a network on d. No step may transfer anything.
func fit(t *testing.T, s models.Spec, l lossChoice, o optimizerChoice, c setting, d torch.Device) (r trained) {
	t.Helper()
	torch.ManualSeed(42)
	model := s.New(d)
	params := nn.Parameters(model)
	optimizer := o.make(params)
	train, val := sets(s, l.classes, d)
	run := trainer.Run{
		Model: model, Loss: l.make(s, d), Optimizer: optimizer, Train: train, Val: val,
		Epochs: matrixEpochs, BatchSize: matrixBatch,
		Accumulate: c.accumulate, Scheduler: c.scheduler.make(optimizer),
		ReadEvery: matrixRead, Threads: 1, KeepLast: true,
	}
	switch c.clip {
	case "norm":
		run.ClipNorm = clipNorm
	case "value":
		run.Optimizer = byValue{optimizer, params}
	}
	run.AroundStep = func(step func()) {
		before := torchtest.PretendTraffic()
		torchtest.ForbidTransfers(step)
		r.inSteps = r.inSteps.Plus(torchtest.PretendTraffic().Since(before))
		r.steps++
	}
	before := torchtest.PretendTraffic()
	h, err := run.Fit(context.Background())
	r.all = torchtest.PretendTraffic().Since(before)
	require.NoError(t, err)
	for _, e := range h.Epochs {
		r.losses, r.val = append(r.losses, e.TrainLoss), append(r.val, e.ValLoss)
	}
	for _, p := range params {
		r.weights = append(r.weights, p.Float32s()...)
		p.Close()
	}
	train.Close()
	val.Close()
	return r
}

// traffic returns what a training on a device may transfer, all of it between steps.
func traffic(c setting) torchtest.Traffic {
	epoch := torchtest.Traffic{
		Reads:    1,     // are the parameters finite
		ToDevice: 1,     // the order
		ToHost:   2 + 1, // losses of 3 steps and of 1, and of validation, with the right answers of classes
	}
	if c.clip == "norm" {
		epoch.ToHost += 2 // norms, where losses are read
	}
	var all torchtest.Traffic
	for range matrixEpochs {
		all = all.Plus(epoch)
	}
	return all
}

// Every network trains with every loss and every optimizer, and each optimizer with
// every way to clip, to accumulate and to schedule, on a device: no step reads a
// value or copies a tensor, an epoch transfers no more than it must, and the results are
// those of the CPU.
func TestNoStepTransfers(t *testing.T) {
	device := torchtest.Accelerator(t)
	all := settings()
	var sum trained
	fits := 0
	for network, s := range models.All() {
		for i, l := range losses {
			if testing.Short() && i > 0 {
				continue
			}
			for k, o := range optimizers {
				c := all[settingOf(network, i, k)]
				name := fmt.Sprintf("%s, %s, %s, clip %s, %d batches, scheduler %s", s.Name, l.name, o.name, c.clip, c.accumulate, c.scheduler.name)
				got := fit(t, s, l, o, c, device)
				require.Equal(t, matrixEpochs*matrixSteps, got.steps, name)
				if torchtest.IsPretend(device) {
					require.Positive(t, got.inSteps.Calls, name)
					require.Zero(t, got.inSteps.Transfers(), name)
					want := traffic(c)
					want.Calls = got.all.Calls
					require.Equal(t, want, got.all, name)
				}
				want := fit(t, s, l, o, c, torch.CPU)
				for _, loss := range want.losses {
					require.False(t, math.IsNaN(loss), name)
				}
				torchtest.SameNumbers(t, device, want.losses, got.losses, name+": losses")
				torchtest.SameNumbers(t, device, want.val, got.val, name+": validation losses")
				if torchtest.IsPretend(device) { // on others Adam may turn the sign of what is nearly zero
					torchtest.SameNumbers(t, device, want.weights, got.weights, name+": weights")
				}
				fits++
				sum.steps += got.steps
				sum.inSteps, sum.all = sum.inSteps.Plus(got.inSteps), sum.all.Plus(got.all)
			}
			runtime.GC() // what the optimizers remember
		}
	}
	t.Logf("%d trainings on %s, %d steps: in steps %d operators, %d values read, %d copies to the host, %d to the device; in all %d, %d, %d, %d",
		fits, device, sum.steps, sum.inSteps.Calls, sum.inSteps.Reads, sum.inSteps.ToHost, sum.inSteps.ToDevice,
		sum.all.Calls, sum.all.Reads, sum.all.ToHost, sum.all.ToDevice)
}

// The traffic of the five networks as they are trained: their own loss, Adam with
// decay, the gradients' norm clipped.
func TestTrafficOfTheNetworks(t *testing.T) {
	device := torchtest.Pretend(t)
	c := setting{clip: "norm", accumulate: 1, scheduler: schedulers[0]}
	var table strings.Builder
	fmt.Fprintf(&table, "%-10s %28s   %s", "", "a step", "an epoch of 4 steps, beyond them")
	fmt.Fprintf(&table, "\n%-10s %9s %8s %9s   %5s %8s %9s", "network", "operators", "reads", "copies", "reads", "to host", "to device")
	for _, s := range models.All() {
		got := fit(t, s, losses[0], optimizerNamed(t, "Adam decay"), c, device)
		require.Zero(t, got.inSteps.Transfers(), s.Name)
		between := got.all.Since(got.inSteps)
		want := traffic(c)
		want.Calls = between.Calls
		assert.Equal(t, want, between, s.Name)
		n, epochs := int64(got.steps), int64(matrixEpochs)
		fmt.Fprintf(&table, "\n%-10s %9d %8d %9d   %5d %8d %9d", s.Name,
			got.inSteps.Calls/n, got.inSteps.Reads, got.inSteps.ToHost+got.inSteps.ToDevice,
			between.Reads/epochs, between.ToHost/epochs, between.ToDevice/epochs)
	}
	t.Logf("losses are read every %d steps\n%s", matrixRead, table.String())
}

func optimizerNamed(t *testing.T, name string) optimizerChoice {
	t.Helper()
	for _, o := range optimizers {
		if o.name == name {
			return o
		}
	}
	t.Fatalf("there is no optimizer %q", name)
	return optimizerChoice{}
}

// A network is exported from the device that it is on.
func TestExportFromADevice(t *testing.T) {
	device := torchtest.Accelerator(t)
	for _, s := range models.All() {
		torch.Scope(func() {
			set := madeUp(s, 2).Tensors(device)
			defer set.Close()
			check, err := onnx.Export(filepath.Join(t.TempDir(), "model.onnx"), s.New(device), onnx.Signature{
				Input: s.ONNXInput, Output: s.ONNXOutput, Example: set.X,
			})
			require.NoError(t, err, s.Name)
			assert.LessOrEqual(t, check.Max(), 1e-5, s.Name)
		})
	}
}

func TestMistakesOnADeviceAreFound(t *testing.T) {
	device := torchtest.SecondDevice(t)
	s, err := models.ByName("emotion")
	require.NoError(t, err)
	set := madeUp(s, 16).Tensors(device)
	defer set.Close()

	host := torch.Ones([]int{8, s.Out})
	for name, mistake := range map[string]func(loss *torch.Tensor){
		"a read":               func(loss *torch.Tensor) { loss.Item() },
		"a copy to the CPU":    func(loss *torch.Tensor) { loss.To(torch.CPU) },
		"a copy to the device": func(*torch.Tensor) { host.To(device) },
		"a search":             func(loss *torch.Tensor) { torch.Call("aten::nonzero", loss) },
	} {
		run := newRun(s, set, device, 1)
		run.AroundStep = func(step func()) { torchtest.ForbidTransfers(step) }
		run.Loss = func(output, target *torch.Tensor) *torch.Tensor {
			loss := s.Loss(output, target)
			mistake(loss.Detach())
			return loss
		}
		_, err = run.Fit(context.Background())
		require.ErrorContains(t, err, "epoch 1, step 1", name)
		assert.ErrorContains(t, err, torchtest.Forbidden(device), name)
	}

	here := madeUp(s, 16).Tensors(torch.CPU)
	defer here.Close()
	_, err = newRun(s, here, device, 1).Fit(context.Background())
	require.ErrorContains(t, err, "cpu")
	assert.ErrorContains(t, err, device.String())
}
