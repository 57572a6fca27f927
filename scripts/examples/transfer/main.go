// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command transfer takes a network that PyTorch has trained to tell four waveforms apart,
// and teaches it three others, of which there are two samples each:
//
//	go run ./scripts/examples/transfer
//
// The layers that find what is in a waveform keep their weights, and a new last layer is
// trained. Beside it, the same network starts from the beginning.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"log"
	"math"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/torch/pt"
	"github.com/etude-ml/etude/trainer"
)

//go:embed testdata/pretrained.pt
var pretrained []byte // by twin.py

const (
	points = 64 // of a waveform
	kinds  = 3  // to learn
)

// Listener scores the classes of waveforms: [batch, points] to [batch, classes].
type Listener struct {
	Features nn.Sequential // features.0.weight … in PyTorch
	Head     *nn.Linear
}

func newListener(classes int, d torch.Device) *Listener {
	same := nn.ConvConfig{Padding: []int{2}}
	return &Listener{nn.NewSequential(
		nn.NewConv1d(1, 16, 5, d, same), nn.ReLU{}, nn.NewMaxPool1d(2), nn.NewConv1d(16, 32, 5, d, same), nn.ReLU{}, nn.NewMaxPool1d(2),
		nn.NewConv1d(32, 32, 5, d, same), nn.ReLU{}, nn.NewAdaptiveAvgPool1d(1), nn.DefaultFlatten()),
		nn.NewLinear(32, classes, d)}
}

// Forward looks for features in the waveforms, and decides by them.
func (m *Listener) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Head.Forward(m.Features.Forward(x.Unsqueeze(1)))
}

// waves returns n noisy waveforms of each kind, of random frequencies and phases.
func waves(n int) *data.Set {
	var x []*torch.Tensor
	for kind := range kinds {
		frequency, phase := torch.Rand([]int{n, 1}).MulScalar(3).AddScalar(2), torch.Rand([]int{n, 1})
		turns := torch.Linspace(0, 1, points).Mul(frequency).Add(phase).Frac()
		wave := []*torch.Tensor{
			turns.MulScalar(2 * math.Pi).Sin().Relu().MulScalar(2).SubScalar(1), // half sines
			turns.LtScalar(0.25).ToDType(torch.Float32).MulScalar(2).SubScalar(1),
			turns.MulScalar(-2).AddScalar(1), // saws that fall
		}[kind]
		x = append(x, wave.Add(torch.Randn([]int{n, points}).MulScalar(0.5)))
	}
	y := torch.Arange(0, kinds, 1, torch.Options{DType: torch.Int64}).RepeatInterleave(n, 0)
	return &data.Set{X: torch.Cat(x, 0), Y: y}
}

// build returns the training of a network, with what PyTorch has taught it or without.
func build(taught bool) (trainer.Run, error) {
	torch.ManualSeed(1)
	model := newListener(4, torch.CPU)
	if taught {
		weights, err := pt.Read(bytes.NewReader(pretrained), int64(len(pretrained)))
		if err == nil {
			err = nn.LoadStateDict(model, weights.(*torch.Dict))
		}
		if err != nil {
			return trainer.Run{}, err
		}
		nn.Freeze(model, "features")
	}
	model.Head = nn.NewLinear(32, kinds, torch.CPU)
	settings := optim.DefaultAdam()
	settings.LR = 0.01
	return trainer.Run{
		Model: model, Loss: nn.CrossEntropyLoss, Optimizer: optim.NewAdam(nn.Parameters(model), settings),
		Train: waves(2), Epochs: 60, BatchSize: 6, KeepLast: true, Threads: 1,
	}, nil
}

// fit trains the network and returns how many new waveforms it tells apart.
func fit(ctx context.Context, run trainer.Run) (accuracy float64, err error) {
	if _, err := run.Fit(ctx); err != nil {
		return 0, err
	}
	measured, err := run.Evaluate(ctx, waves(200))
	return measured.Accuracy, err
}

func main() {
	for _, taught := range []bool{true, false} {
		run, err := build(taught)
		if err != nil {
			log.Fatal(err)
		}
		accuracy, err := fit(context.Background(), run)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("taught by PyTorch before: %-5v accuracy %.3f\n", taught, accuracy)
	}
}
