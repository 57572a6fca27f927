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

// BenchmarkOverhead measures how much longer a run takes, with hooks and a log, and with metrics
// as well, than replays of its step on one batch: for networks of the sizes of emotion and of
// dynamics, the slowest and the fastest of the five. Both take turns, so that what else the
// machine does slows both: ratio is the median over the turns, ratio-of-fastest that of the
// turns that were disturbed least.
func BenchmarkOverhead(b *testing.B) {
	torchtest.Need(b)
	d := torch.CPU
	for _, n := range []struct {
		name            string
		model           nn.Module
		inputs, outputs int
		samples         int
	}{
		{"emotion", &emotionSized{nn.NewLinear(128, 512, d), nn.NewLinear(512, 256, d), nn.NewLSTM(256, 128, d, nn.LSTMConfig{BatchFirst: true}), nn.NewLinear(128, 64, d)}, 128, 64, 6400},
		{"dynamics", nn.NewSequential(nn.NewLinear(32, 128, d), nn.ReLU{}, nn.NewLinear(128, 64, d), nn.ReLU{}, nn.NewLinear(64, 16, d), nn.Sigmoid{}), 32, 16, 64000},
	} {
		const batch = 64
		optimizer := optim.NewAdam(nn.Parameters(n.model), optim.DefaultAdam())
		set := &data.Set{X: torch.Randn([]int{n.samples, n.inputs}), Y: torch.Rand([]int{n.samples, n.outputs}), Fingerprint: "random"}
		b.Cleanup(set.Close)
		plain := Run{
			Model: n.model, Loss: nn.MSELoss, Optimizer: optimizer, Train: set, Epochs: 1, BatchSize: batch, KeepLast: true, Threads: 1, MustRecord: true,
			OnProgress: func(Progress) {},
			OnEpoch:    Log(io.Discard),
		}
		hooks, metrics := plain, plain
		hooks.OnBatch = func(int, int, Result) error { return nil }
		metrics.Metrics = []metric.Metric{metric.MAE()}
		x, y := set.X.Narrow(0, 0, batch), set.Y.Narrow(0, 0, batch)
		bare := func() time.Duration {
			var took time.Duration
			torch.FlushDenormal(true, func() {
				torch.Threads(1, func() {
					r, err := torch.Record(func() []*torch.Tensor {
						optimizer.ZeroGrad()
						loss := nn.MSELoss(n.model.Forward(x), y)
						loss.Backward()
						optimizer.Step()
						return []*torch.Tensor{loss}
					})
					if err != nil {
						b.Fatal(err)
					}
					defer r.Close()
					started := time.Now()
					if err := r.Replay(n.samples / batch); err != nil {
						b.Fatal(err)
					}
					took = time.Since(started)
				})
			})
			return took
		}
		for name, run := range map[string]Run{"run": plain, "hooks": hooks, "metrics": metrics} {
			b.Run(n.name+"/"+name, func(b *testing.B) {
				fit := func() time.Duration {
					// Epochs of the same run, without the first, in which steps are recorded.
					run.Epochs = 3
					var began time.Time
					run.OnEpoch = func(Epoch) error {
						if began.IsZero() {
							began = time.Now()
						}
						return nil
					}
					var ended time.Time
					run.OnFitEnd = func(*History) error { ended = time.Now(); return nil }
					if _, err := run.Fit(context.Background()); err != nil {
						b.Fatal(err)
					}
					return ended.Sub(began) / time.Duration(run.Epochs-1)
				}
				var fits, bares, ratios []float64
				for b.Loop() {
					first, second, third, fourth := bare(), fit(), fit(), bare()
					bares, fits = append(bares, first.Seconds(), fourth.Seconds()), append(fits, second.Seconds(), third.Seconds())
					ratios = append(ratios, (second+third).Seconds()/(first+fourth).Seconds())
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "ratio")
				b.ReportMetric(slices.Min(fits)/slices.Min(bares), "ratio-of-fastest")
				b.ReportMetric(slices.Min(bares)/float64(n.samples/batch)*1e6, "µs/step")
			})
		}
	}
}
