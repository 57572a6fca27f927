// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command tabular predicts the species of penguins from a table with numbers, classes and
// missing values:
//
//	go run ./scripts/examples/tabular
//
// The table is palmerpenguins by K. Gorman and the Palmer Station LTER (Gorman, Williams
// and Fraser 2014, doi:10.1371/journal.pone.0090081), CC0.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/data/files"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

// Penguins predicts the species from the measures [batch, 4], as they are in the table,
// and the numbers of the island and of the sex [batch]. Mean and Scale, of the measures in
// training, are buffers: the network is saved with them.
type Penguins struct {
	Mean   *torch.Tensor `torch:",buffer"`
	Scale  *torch.Tensor `torch:",buffer"`
	Island *nn.Embedding
	Sex    *nn.Embedding
	Hidden *nn.Linear
	Out    *nn.Linear
}

// Forward returns the logits of the species, [batch, 3].
func (m *Penguins) Forward(measures, island, sex *torch.Tensor) *torch.Tensor {
	x := measures.Sub(m.Mean).Div(m.Scale)
	x = torch.Cat([]*torch.Tensor{x, m.Island.Forward(island), m.Sex.Forward(sex)}, 1)
	return m.Out.Forward(m.Hidden.Forward(x).Relu())
}

// Step is for batches of a table that [read] has read.
func (m *Penguins) Step(b data.Batch) trainer.Result {
	return trainer.Result{Output: m.Forward(b.X, b.More["island"], b.More["sex"]), Target: b.Y}
}

func read(table string) (*files.Content, error) {
	return files.ReadCSV(table, files.Columns{
		Inputs:  []string{"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"},
		Targets: []string{"species"},
		More:    map[string][]string{"island": {"island"}, "sex": {"sex"}},
		Classes: map[string][]string{"species": nil, "island": nil, "sex": nil},
		Fill:    map[string]string{"*": files.Mean, "sex": "unknown"},
	})
}

// build returns the training with one part of the penguins, and what was read.
func build(table string, fold int) (*files.Content, trainer.Run, error) {
	penguins, err := read(table)
	if err != nil {
		return nil, trainer.Run{}, err
	}
	folds, err := data.KFoldStratified(torch.ToSlice[int64](penguins.Y), 5, 1)
	if err != nil {
		return nil, trainer.Run{}, err
	}
	train, val := penguins.Select(folds[fold].Train), penguins.Select(folds[fold].Val)

	torch.ManualSeed(1)
	model := &Penguins{
		Mean: train.X.Mean(0), Scale: train.X.Std(1, 0),
		Island: nn.NewEmbedding(len(penguins.Classes["island"]), 2, torch.CPU),
		Sex:    nn.NewEmbedding(len(penguins.Classes["sex"]), 2, torch.CPU),
		Hidden: nn.NewLinear(4+2+2, 16, torch.CPU),
		Out:    nn.NewLinear(16, len(penguins.Classes["species"]), torch.CPU),
	}
	settings := optim.DefaultAdamW()
	settings.LR = 1e-2
	return penguins, trainer.Run{
		Model: model, Step: model.Step, Loss: nn.CrossEntropyLoss,
		Optimizer: optim.NewAdamW(nn.Parameters(model), settings),
		Train:     train, Val: val, Epochs: 20, BatchSize: 16, Threads: 1,
	}, nil
}

func main() {
	for fold := range 5 {
		penguins, run, err := build("scripts/examples/tabular/penguins.csv", fold)
		if err != nil {
			log.Fatal(err)
		}
		if fold == 0 {
			fmt.Printf("%d penguins; not used: %q; filled in: %+v\n", penguins.Len(), penguins.Unused, penguins.Filled)
		}
		history, err := run.Fit(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		best := history.Best()
		fmt.Printf("part %d: validation loss %.4f, accuracy %.4f\n", fold+1, best.ValLoss, best.ValAcc)
	}
}
