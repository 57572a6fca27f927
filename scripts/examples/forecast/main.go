// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command forecast trains an LSTM on how many people listen in each hour, and predicts the
// next day from the two days before:
//
//	go run ./scripts/examples/forecast
//
// The series is made here, of days, weeks, a trend and noise. The predictions are measured
// beside those that take no network: the same hours of the day before.
package main

import (
	"context"
	"fmt"
	"log"
	"maps"
	"math"
	"os"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

const (
	day    = 24
	hours  = 60 * day
	past   = 2 * day  // hours that a prediction sees
	future = 10 * day // hours at the end that no training sees
)

// Forecaster predicts the day after the hours that it sees: [batch, past] to [batch, day].
type Forecaster struct {
	LSTM *nn.LSTM
	Out  *nn.Linear
}

func newForecaster(d torch.Device) *Forecaster {
	return &Forecaster{nn.NewLSTM(1, 32, d, nn.LSTMConfig{BatchFirst: true}), nn.NewLinear(32, day, d)}
}

// Forward counts from the last hour, so that it is the same wherever the trend has got to.
func (m *Forecaster) Forward(x *torch.Tensor) *torch.Tensor {
	last := x.Narrow(1, past-1, 1)
	return m.Out.Forward(m.LSTM.Forward(x.Sub(last).Unsqueeze(2)).Select(1, -1)).Add(last)
}

// series returns the listeners of each hour, scaled to numbers about 1.
func series() *torch.Tensor {
	t := torch.Arange(0, hours, 1)
	wave := func(period float64) *torch.Tensor { return t.MulScalar(2 * math.Pi / period).Sin() }
	return wave(day).Mul(wave(7 * day).MulScalar(0.5).AddScalar(1)).
		Add(t.DivScalar(hours)).Add(torch.Randn([]int{hours}).MulScalar(0.1))
}

// windows returns all spans of past hours, with the day after each as the target.
func windows(s *torch.Tensor) *data.Set {
	all := s.Unfold(0, past+day, 1)
	return &data.Set{X: all.Narrow(1, 0, past), Y: all.Narrow(1, past, day)}
}

// build returns the training of the network.
func build() trainer.Run {
	torch.ManualSeed(3)
	model, s := newForecaster(torch.CPU), series()
	settings := optim.DefaultAdam()
	settings.LR = 5e-3
	optimizer := optim.NewAdam(nn.Parameters(model), settings)
	return trainer.Run{
		Model: model, Loss: nn.MSELoss, Optimizer: optimizer,
		Scheduler: optim.NewStepLR(optimizer, optim.StepLRConfig{StepSize: 15, Gamma: 0.3}),
		Train:     windows(s.Narrow(0, 0, hours-future)), Val: windows(s.Narrow(0, hours-future-past, future+past)),
		Epochs: 20, BatchSize: 64, ClipNorm: 0.5, Threads: 1,
	}
}

// measure returns the errors of the predictions for days that no training saw.
func measure(ctx context.Context, run trainer.Run) (map[string]float64, error) {
	val := run.Val.(*data.Set)
	output, err := run.Predict(ctx, val)
	if err != nil {
		return nil, err
	}
	yesterday := val.X.Narrow(1, past-day, day)
	return map[string]float64{
		"RMSE": metric.RMSE().Of(output, val.Y), "RMSE of yesterday": metric.RMSE().Of(yesterday, val.Y),
		"R²": metric.R2().Of(output, val.Y), "R² of yesterday": metric.R2().Of(yesterday, val.Y),
	}, nil
}

func main() {
	run := build()
	run.OnEpoch = trainer.Log(os.Stdout)
	ctx := context.Background()
	if _, err := run.Fit(ctx); err != nil {
		log.Fatal(err)
	}
	m, err := measure(ctx, run)
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Printf("%-18s %.3f\n", name, m[name])
	}
}
