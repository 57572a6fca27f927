// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer_test

import (
	"context"
	"fmt"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

// Pair compares two points: which one is farther from the origin, and by how much?
type Pair struct {
	Body, Farther, Distance *nn.Linear
}

func (p *Pair) Forward(a, b *torch.Tensor) (farther, distance *torch.Tensor) {
	h := p.Body.Forward(torch.Cat([]*torch.Tensor{a.Square(), b.Square()}, 1)).Tanh()
	return p.Farther.Forward(h), p.Distance.Forward(h)
}

// A network with two inputs and two losses, whose best epoch is that of the highest
// accuracy.
func ExampleRun_Fit_step() {
	if err := torch.Init(); err != nil {
		fmt.Println(err)
		return
	}
	torch.ManualSeed(1)
	pairs := func(n int) *data.Set {
		a, b := torch.Randn([]int{n, 2}), torch.Randn([]int{n, 2})
		distance := b.Square().Sum(1).Sub(a.Square().Sum(1)).Unsqueeze(1)
		return &data.Set{X: a, Y: distance.Squeeze(1).GtScalar(0).ToDType(torch.Int64), More: map[string]*torch.Tensor{"b": b, "distance": distance}}
	}
	model := &Pair{nn.NewLinear(4, 32, torch.CPU), nn.NewLinear(32, 2, torch.CPU), nn.NewLinear(32, 1, torch.CPU)}
	settings := optim.DefaultAdam()
	settings.LR = 0.01
	run := trainer.Run{
		Model: model, Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Step: func(b data.Batch) trainer.Result {
			farther, distance := model.Forward(b.X, b.More["b"])
			class, number := nn.CrossEntropyLoss(farther, b.Y), nn.HuberLoss(distance, b.More["distance"])
			return trainer.Result{
				Loss: class.Add(number), Output: farther, Target: b.Y,
				Parts: map[string]*torch.Tensor{"class": class, "number": number},
			}
		},
		Train: pairs(600), Val: pairs(200), Epochs: 20, Threads: 1,
		Metrics: []metric.Metric{metric.Accuracy()}, Monitor: "val_accuracy",
		Stop: &trainer.EarlyStopping{Patience: 5},
	}
	history, err := run.Fit(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	best := history.Best()
	fmt.Println(best.More["val_accuracy"] > 0.95, best.More["val_number"] < history.Epochs[0].More["val_number"])
	// Output: true true
}
