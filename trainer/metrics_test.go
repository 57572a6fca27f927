// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer/metric"
)

// scored gives a trial metrics, one of which keeps all outputs.
func scored(r *trial) {
	spread := metric.Metric{
		Name: "spread", Keep: true,
		Batch: func(output, _ *torch.Tensor) *torch.Tensor { return output },
		Value: func(total *torch.Tensor) float64 { return total.Max().Sub(total.Min()).Item() },
	}
	r.Metrics = []metric.Metric{metric.Accuracy(), metric.F1(metric.Macro), spread}
}

// Metrics agree with the accuracy that every run counts, and with Evaluate; those that keep
// all outputs are validation's.
func TestMetrics(t *testing.T) {
	torchtest.NoLeaks(t)
	r := newTrial(1, torch.CPU, t.TempDir())
	defer r.close()
	scored(r)
	r.KeepLast = true
	h, err := r.Fit(context.Background())
	require.NoError(t, err)
	for _, e := range h.Epochs {
		assert.Equal(t, e.TrainAcc, e.More["accuracy"])
		assert.Equal(t, e.ValAcc, e.More["val_accuracy"])
		assert.Contains(t, e.More, "f1")
		assert.NotContains(t, e.More, "spread")
		assert.Contains(t, e.More, "val_spread")
		assert.Len(t, e.More, 5)
	}
	m, err := r.Evaluate(context.Background(), r.Val)
	require.NoError(t, err)
	for _, name := range []string{"accuracy", "f1", "spread"} {
		assert.Equal(t, h.Last().More["val_"+name], m.More[name])
		assert.False(t, math.IsNaN(m.More[name]))
	}
	c, err := LoadCheckpoint(filepath.Join(r.Save, LastFile), r.Model, nil)
	require.NoError(t, err)
	closeTensors(c.Extra)
	assert.Equal(t, h.Last().More["val_f1"], c.Metrics["val_f1"])

	val := r.Val
	r.Val, r.Save = nil, ""
	h, err = r.Fit(context.Background())
	require.NoError(t, err)
	assert.Contains(t, h.Last().More, "spread", "without validation, training's")
	assert.Len(t, h.Last().More, 3)
	r.Val = val
}

// A metric on a device is read once an epoch, in training and in validation, and no step
// waits for it.
func TestMetricsReadSeldom(t *testing.T) {
	device := torchtest.Pretend(t)
	torchtest.NoLeaks(t)
	var traffic [2]torchtest.Traffic
	for i := range traffic {
		r := newTrial(1, device, "")
		r.AroundStep = torchtest.ForbidTransfers
		if i == 1 {
			r.Metrics = []metric.Metric{metric.Accuracy(), metric.MCC()}
		}
		before := torchtest.PretendTraffic()
		_, err := r.Fit(context.Background())
		require.NoError(t, err)
		traffic[i] = torchtest.PretendTraffic().Since(before)
		r.close()
	}
	more := traffic[1].Since(traffic[0])
	const epochs, metrics, passes = 4, 2, 2
	assert.Equal(t, torchtest.Traffic{ToHost: epochs * metrics * passes, Calls: more.Calls}, more)
}

// Batches that are counted together give what each alone gives, whatever their shapes; the
// tensors may change meanwhile.
func TestMetricsJoinBatches(t *testing.T) {
	torchtest.NoLeaks(t)
	torch.Scope(func() {
		var m measured
		m.measure([]metric.Metric{metric.MAE()})
		want := metric.MAE().New()
		defer want.Close()
		for i, shape := range [][]int{{4, 3}, {4, 3}, {2, 3}, {2, 5}, {2, 5}, {}, {}, {waitingElements / 2, 1}, {waitingElements / 2, 1}, {3, 1}, {waitingElements, 1}} {
			output, target := torch.Randn(shape), torch.Randn(shape)
			want.Add(output, target)
			m.compare(Result{Output: output, Target: target})
			assert.Len(t, m.waiting[0], []int{0, 1, 2, 1, 2, 0, 0, 1, 0, 1, 0}[i], shape)
			output.ZeroInPlace()
		}
		assert.InDelta(t, want.Value(), m.values()["mae"], 1e-12)
		assert.Empty(t, m.waiting[0])
	})
}

// A break in the middle of an epoch changes no metric, though the host has not seen it.
func TestResumeWithMetrics(t *testing.T) {
	torchtest.NoLeaks(t)
	build := func() (Run, error) {
		r := newTrial(1, torch.CPU, "")
		every(r)
		scored(r)
		r.Metrics = append(r.Metrics, metric.Mean("exp", false, func(output, _ *torch.Tensor) *torch.Tensor {
			return output.ToDType(torch.Float64).Exp() // their sums are rounded
		}))
		r.Monitor = "val_f1"
		run := r.Run
		t.Cleanup(func() {
			r.close()
			*r = trial{}
		})
		return run, nil
	}
	report, err := VerifyResume(context.Background(), build, []int{1, 2, 4, 7, 16})
	require.NoError(t, err)
	assert.Nil(t, report.Difference)

	dir := t.TempDir()
	fit := func(change func(*trial)) error {
		run, _ := build()
		r := &trial{run}
		r.Save, r.Resume = dir, true
		change(r)
		_, err := r.Fit(r.interruptAfter(2))
		return err
	}
	require.ErrorIs(t, fit(func(*trial) {}), ErrInterrupted)
	for want, change := range map[string]func(*trial){
		"monitor was val_f1, is f1":                          func(r *trial) { r.Monitor = "f1" },
		"monitor is gone, it was val_f1":                     func(r *trial) { r.Monitor = "val_loss" },
		"metrics was accuracy, f1, spread, exp, is accuracy": func(r *trial) { r.Metrics, r.Monitor = r.Metrics[:1], "val_accuracy" },
	} {
		require.ErrorContains(t, fit(change), want)
	}
}

// climbing is a metric whose value rises and falls as values says, one for each epoch.
func climbing(maximize bool, values ...float64) metric.Metric {
	n := 0
	return metric.Metric{
		Name: "height", Maximize: maximize, Keep: true,
		Batch: func(output, _ *torch.Tensor) *torch.Tensor { return output.Flatten(0, -1) },
		Value: func(*torch.Tensor) float64 {
			n++
			return values[n-1]
		},
	}
}

// What is watched decides which epoch is best, which files are kept, when to stop, and when
// a plateau lowers the rate, in its own direction.
func TestMonitor(t *testing.T) {
	torchtest.NoLeaks(t)
	values := []float64{0.1, nan, 0.7, 0.6, 0.65, 0.65, 0.9}
	for _, maximize := range []bool{true, false} {
		heights := values
		if !maximize {
			heights = make([]float64, len(values))
			for i, x := range values {
				heights[i] = 5 - x
			}
		}
		r := newTrial(1, torch.CPU, t.TempDir())
		r.Metrics, r.Monitor, r.KeepBest, r.Epochs = []metric.Metric{climbing(maximize, heights...)}, "val_height", 2, 6
		c := optim.DefaultReduceLROnPlateau()
		c.Factor, c.Patience, c.Max = 0.5, 2, maximize
		r.Scheduler = optim.NewReduceLROnPlateau(r.Optimizer, c)
		var states []map[string][]float32
		r.OnEpoch = func(Epoch) error {
			states = append(states, stateOf(r.Model))
			return nil
		}
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, StopCompleted, h.StopReason, "without Stop a metric may be NaN")
		assert.Equal(t, 2, h.BestEpoch)
		assert.Equal(t, states[2], stateOf(r.Model))
		assert.FileExists(t, filepath.Join(r.Save, "best-0002.pt"))
		assert.FileExists(t, filepath.Join(r.Save, "best-0004.pt"))
		assert.Equal(t, []float64{0.02, 0.02, 0.02, 0.02, 0.02, 0.02}, h.list("learning_rates"))
		assert.Equal(t, 0.01, r.Optimizer.LR(), "3 epochs after the best one")
		back, err := LoadHistory(filepath.Join(r.Save, HistoryFile))
		require.NoError(t, err)
		assert.Equal(t, []any{h.Monitor, h.Mode, "val_height"}, []any{back.Monitor, back.Mode, h.Monitor})
		r.close()

		r = newTrial(1, torch.CPU, "")
		r.Metrics, r.Monitor, r.Epochs = []metric.Metric{climbing(maximize, heights[2:]...)}, "val_height", 9
		r.Stop = &EarlyStopping{Patience: 2}
		h, err = r.Fit(context.Background())
		require.NoError(t, err)
		assert.Equal(t, StopPatience, h.StopReason)
		assert.Equal(t, 3, h.Len())
		assert.Equal(t, Min, r.Stop.Mode, "the caller's own is left alone")
		r.close()
	}
}

// Accuracy can be watched without a metric, a part of the loss too; in training as well.
func TestMonitorOthers(t *testing.T) {
	torchtest.NoLeaks(t)
	for _, name := range []string{"val_acc", "acc", "loss", "val_loss", "val_part", "part"} {
		r := newTrial(1, torch.CPU, "")
		r.Monitor = name
		r.Step = func(b data.Batch) Result {
			output := r.forward(b.X)
			return Result{Output: output, Target: b.Y, Parts: map[string]*torch.Tensor{"part": output.Mean()}}
		}
		h, err := r.Fit(context.Background())
		require.NoError(t, err)
		best, _ := h.Best().value(name)
		for _, e := range h.Epochs {
			x, ok := e.value(name)
			assert.True(t, ok)
			if h.Mode == Max {
				assert.LessOrEqual(t, x, best, name)
			} else {
				assert.GreaterOrEqual(t, x, best, name)
			}
		}
		assert.Equal(t, h.Mode == Max, name == "acc" || name == "val_acc")
		assert.Equal(t, name == "val_loss", h.Monitor == "", "the default")
		r.close()
	}
}

func TestMetricsMistakes(t *testing.T) {
	torchtest.NoLeaks(t)
	step := func(r *trial) {
		r.Step = func(b data.Batch) Result { return Result{Loss: r.Loss(r.forward(b.X), b.Y)} }
	}
	for want, change := range map[string]func(*trial){
		`Run.Monitor is "val_f2"; it can be acc, accuracy, f1, loss, val_acc, val_accuracy, val_f1, val_loss, val_spread`: func(r *trial) { r.Monitor = "val_f2" },
		`Run.Monitor is "spread"; it can be`: func(r *trial) { r.Monitor = "spread" },
		`Run.Metrics: "accuracy" is empty, taken`: func(r *trial) {
			r.Metrics = append(r.Metrics, metric.Accuracy())
		},
		`"val_x" is empty, taken`:                              func(r *trial) { r.Metrics[0].Name = "val_x" },
		"Run.Stop.Mode is max, but a lower val_loss is better": func(r *trial) { r.Stop = &EarlyStopping{Mode: Max} },
		"Max of ReduceLROnPlateau is false, but val_f1 improves towards its max": func(r *trial) {
			r.Monitor = "val_f1"
			r.Scheduler = optim.NewReduceLROnPlateau(r.Optimizer, optim.DefaultReduceLROnPlateau())
		},
		"step 1: torch: Run.Metrics: metrics compare": step,
		"epoch 1, step 1: torch: metric mae: ":        func(r *trial) { r.Metrics = append(r.Metrics, metric.MAE()) },
		`Run.Monitor is "part"; it can be acc, loss, val_acc, val_loss`: func(r *trial) {
			step(r)
			r.Metrics, r.Monitor = nil, "part"
		},
		`Run.Monitor is "val_acc", which the results lack: epoch 1: training loss`: func(r *trial) {
			step(r)
			r.Metrics, r.Monitor = nil, "val_acc"
		},
	} {
		r := newTrial(1, torch.CPU, "")
		scored(r)
		change(r)
		_, err := r.Fit(context.Background())
		require.ErrorContains(t, err, want)
		r.close()
	}
}
