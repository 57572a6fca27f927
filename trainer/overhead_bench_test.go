// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/torchtest"
	"github.com/etude-ml/etude/trainer/metric"
)

// emotionSized has the layers of package models' EmotionRecognizer.
type emotionSized struct {
	FC1, FC2 *nn.Linear
	LSTM     *nn.LSTM
	FC3      *nn.Linear
}

func (m *emotionSized) Forward(x *torch.Tensor) *torch.Tensor {
	return m.FC3.Forward(m.LSTM.Step(m.FC2.Forward(m.FC1.Forward(x).Tanh()).Tanh())).Tanh()
}

// BenchmarkOverhead measures how much longer a run with hooks and a log, and with metrics as
// well, takes than a bare loop over the same batches, which reads no loss. Both take turns, so that what else the
// machine does slows both: ratio is the median over the turns, ratio-of-fastest that of the
// turns that were disturbed least.
func BenchmarkOverhead(b *testing.B) {
	torchtest.Need(b)
	const samples, batch, epochs = 3200, 64, 1
	d := torch.CPU
	model := &emotionSized{nn.NewLinear(128, 512, d), nn.NewLinear(512, 256, d), nn.NewLSTM(256, 128, d, nn.LSTMConfig{BatchFirst: true}), nn.NewLinear(128, 64, d)}
	optimizer := optim.NewAdam(nn.Parameters(model), optim.DefaultAdam())
	set := &data.Set{X: torch.Randn([]int{samples, 128}), Y: torch.Rand([]int{samples, 64}), Fingerprint: "random"}
	defer set.Close()
	run := Run{
		Model: model, Loss: nn.MSELoss, Optimizer: optimizer, Train: set, Epochs: epochs, BatchSize: batch, KeepLast: true, Threads: 1,
		Metrics:    []metric.Metric{metric.MAE()},
		OnBatch:    func(int, int, Result) error { return nil },
		OnProgress: func(Progress) {},
		OnEpoch:    Log(io.Discard),
	}
	measured := run
	measured.Metrics = []metric.Metric{metric.MAE(), metric.CCC()}
	fit := func(run Run) {
		if _, err := run.Fit(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	bare := func() {
		nn.SetTraining(model, true)
		torch.Threads(1, func() {
			for epoch := range epochs {
				for x := range set.Batches(batch, data.Order(samples, 0, epoch)) {
					optimizer.ZeroGrad()
					nn.MSELoss(model.Forward(x.X), x.Y).Backward()
					optimizer.Step()
				}
			}
		})
	}
	timed := func(f func()) float64 {
		started := time.Now()
		f()
		return time.Since(started).Seconds()
	}
	for name, run := range map[string]Run{"hooks": run, "metrics": measured} {
		b.Run(name, func(b *testing.B) {
			fit(run)
			bare()
			var fits, bares, ratios []float64
			for b.Loop() {
				first, second := timed(bare), timed(func() { fit(run) })
				third, fourth := timed(func() { fit(run) }), timed(bare)
				bares, fits = append(bares, first, fourth), append(fits, second, third)
				ratios = append(ratios, (second+third)/(first+fourth))
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "ratio")
			b.ReportMetric(slices.Min(fits)/slices.Min(bares), "ratio-of-fastest")
		})
	}
}
