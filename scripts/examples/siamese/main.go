// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command siamese trains a network to tell whether two sounds come from the same
// instrument, also of instruments that it has never heard:
//
//	go run ./scripts/examples/siamese
//
// The same weights look at both sounds, and sounds of one instrument shall be mapped to
// the same direction (Bromley and others 1993, "Signature Verification using a Siamese
// Time Delay Neural Network"). An instrument is made here of six random overtones.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

const (
	points    = 64 // of a sound
	overtones = 6
)

// Ear maps sounds [batch, points] to directions [batch, 16].
type Ear struct{ Layers nn.Sequential }

func newEar(d torch.Device) *Ear {
	return &Ear{nn.NewSequential(
		nn.NewConv1d(1, 32, 9, d), nn.ReLU{}, nn.NewConv1d(32, 32, 9, d), nn.ReLU{},
		nn.NewAdaptiveAvgPool1d(1), nn.DefaultFlatten(), nn.NewLinear(32, 16, d))}
}

// Forward has no idea of when a sound begins: it takes the mean over time.
func (m *Ear) Forward(x *torch.Tensor) *torch.Tensor { return m.Layers.Forward(x.Unsqueeze(1)) }

// Step compares the two sounds of each pair: Y is 1 for one instrument and -1 for two.
func (m *Ear) Step(b data.Batch) trainer.Result {
	one, other := m.Forward(b.X), m.Forward(b.More["other"])
	return trainer.Result{
		Loss:   nn.CosineEmbedding{Margin: 0.5}.Loss(one, other, b.Y),
		Output: torch.CosineSimilarity(one, other, 1, 1e-8), Target: b.Y.GtScalar(0).ToDType(torch.Float32),
	}
}

// sounds returns one of each instrument [n, overtones], at a random moment and with noise.
func sounds(instruments *torch.Tensor) *torch.Tensor {
	n := instruments.Size(0)
	time := torch.Linspace(0, 3, points).Add(torch.Rand([]int{n, 1})).Unsqueeze(1) // [n, 1, points]
	harmonics := torch.Arange(1, overtones+1, 1).Unsqueeze(1).Mul(time).MulScalar(2 * math.Pi).Sin()
	return instruments.Unsqueeze(2).Mul(harmonics).Sum(1).Add(torch.Randn([]int{n, points}).MulScalar(0.4))
}

// pairs returns n pairs of sounds by so many instruments; in half of them it is the same.
func pairs(instruments, n int) *data.Set {
	kinds := torch.Rand([]int{instruments, overtones})
	draw := func() *torch.Tensor {
		return torch.RandInt(0, instruments, []int{n}, torch.Options{DType: torch.Int64})
	}
	one := draw()
	other := torch.Where(torch.Rand([]int{n}).LtScalar(0.5), one, draw())
	return &data.Set{
		X: sounds(kinds.IndexSelect(0, one)), More: map[string]*torch.Tensor{"other": sounds(kinds.IndexSelect(0, other))},
		Y: one.Eq(other).ToDType(torch.Float32).MulScalar(2).SubScalar(1),
	}
}

// build returns the training of the network. It is validated on other instruments.
func build() trainer.Run {
	torch.ManualSeed(1)
	model := newEar(torch.CPU)
	return trainer.Run{
		Model: model, Step: model.Step, Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
		Train: pairs(100, 2000), Val: pairs(50, 1000),
		Metrics: []metric.Metric{metric.AUC(metric.Macro)}, Monitor: "val_auc",
		Epochs: 10, BatchSize: 64, Threads: 1,
	}
}

func main() {
	run := build()
	run.OnEpoch = trainer.Log(os.Stdout)
	history, err := run.Fit(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("two sounds of an instrument are more alike than those of two, in %.1f %% of all cases\n", 100*history.Best().More["val_auc"])
}
