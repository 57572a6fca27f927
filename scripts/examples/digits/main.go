// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command digits trains a network to read handwritten digits: go run ./scripts/examples/digits.
// The 1,797 digits are by E. Alpaydin and C. Kaynak (UCI, doi:10.24432/C50P49), CC BY 4.0.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
	"github.com/etude-ml/etude/trainer/metric"
)

func build(table, save string) (trainer.Run, error) {
	digits, err := files.ReadCSV(table, files.Columns{Targets: []string{"digit"}, Classes: map[string][]string{"digit": nil}})
	if err != nil {
		return trainer.Run{}, err
	}
	train, val, err := data.SplitStratified(torch.ToSlice[int64](digits.Y), 0.2, 1)
	if err != nil {
		return trainer.Run{}, err
	}
	torch.ManualSeed(1)
	model := nn.NewSequential(
		nn.Unflatten{Dim: 1, Sizes: []int{1, 8, 8}},
		nn.NewConv2d(1, 16, []int{3}, torch.CPU, nn.ConvConfig{Same: true}), nn.ReLU{}, nn.NewMaxPool2d([]int{2}),
		nn.NewConv2d(16, 32, []int{3}, torch.CPU, nn.ConvConfig{Same: true}), nn.ReLU{}, nn.NewMaxPool2d([]int{2}),
		nn.DefaultFlatten(), nn.NewDropout(0.25), nn.NewLinear(32*2*2, 10, torch.CPU),
	)
	settings := optim.DefaultAdam()
	settings.LR = 3e-3
	adam := optim.NewAdam(nn.Parameters(model), settings)
	return trainer.Run{
		Model: model, Loss: nn.CrossEntropyLoss, Optimizer: adam, ClipNorm: 1,
		Train: digits.Select(train), Val: digits.Select(val), Epochs: 20, Threads: 1,
		Scheduler: optim.NewCosineAnnealingLR(adam, optim.CosineAnnealingLRConfig{TMax: 20}),
		Metrics:   []metric.Metric{metric.F1(metric.Macro)}, Monitor: "val_acc", Stop: &trainer.EarlyStopping{Patience: 5},
		Save: save, Resume: true, OnEpoch: trainer.Log(os.Stdout), // and a plot, history.png
	}, nil
}

func main() {
	run, err := build("scripts/examples/digits/testdata/digits.csv.gz", "runs/digits")
	check(err)
	_, err = run.Fit(context.Background())
	check(err)
	result, err := onnx.Export("runs/digits/digits.onnx", run.Model.(nn.Module), onnx.Signature{Example: run.Val.(*data.Set).X})
	check(err)
	fmt.Println("largest difference to ONNX Runtime:", result.Max())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
