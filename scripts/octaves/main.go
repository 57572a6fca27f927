// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command octaves is etude with a sixth network, which this file holds whole:
//
//	go run ./scripts/octaves train octaves --data DATA --out runs/octaves
//
// It needs nothing else of the repository. Copied into a folder of its own it is a
// program of another module, which a test builds and runs:
//
//	go mod init example.org/octaves && go get github.com/etude-ml/etude && go build
//
// To make the network one of Etude's own, move the file without main into models. A
// program without Etude's command keeps the registration, and trains with package
// models/runs.
package main

import (
	"context"
	"os"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/scripts/cli"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// OctavePredictor predicts in which octaves an emotion is played: its embedding to
// the shares of the notes in the eleven octaves of MIDI. The names of the fields
// are the keys of the state dict: hidden.weight, hidden.bias, out.weight …
type OctavePredictor struct {
	Hidden *nn.Linear
	Out    *nn.Linear
}

// Forward maps [batch, 64] to [batch, 11].
func (m *OctavePredictor) Forward(x *torch.Tensor) *torch.Tensor {
	return m.Out.Forward(m.Hidden.Forward(x).Relu()).Softmax(-1)
}

// octaves folds a pitch histogram, read from the folder that MelodyTransformer
// reads too.
func octaves(_ context.Context, path string) (*dataset.Features, error) {
	song, err := midi.Read(path)
	if err != nil {
		return nil, err
	}
	histogram, err := song.PitchHistogram()
	if err != nil {
		return nil, err
	}
	shares := make([]float32, len(names()))
	for pitch, share := range histogram {
		shares[pitch/12] += share
	}
	// No Input: it is the embedding of the emotion in the label file.
	return &dataset.Features{Parts: []dataset.Part{{Target: shares}}, Notes: song.Faults}, nil
}

// names returns the names of the octaves, as in MIDI's c-1 to c9.
func names() []string {
	return []string{"-1", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
}

func init() {
	source := dataset.MelodySource // the same folder and labels, other numbers
	source.Network = "octaves"
	source.Feature = dataset.Feature{Name: "octaves.shares", Version: 1, Read: octaves}
	models.Register(models.Spec{
		Name: "octaves", Title: "OctavePredictor",
		About: "predicts in which octaves an emotion is played: it maps an embedding of valence and arousal to the shares of the notes in the eleven octaves of MIDI",
		In:    dataset.EmbeddingSize,
		New: func(d torch.Device) nn.Module {
			return &OctavePredictor{nn.NewLinear(64, 32, d), nn.NewLinear(32, 11, d)}
		},
		Source: source, Loss: models.HarmonyLoss,
		Defaults: models.Defaults{Epochs: 50, BatchSize: 64, LR: 1e-3, WeightDecay: 1e-4, Patience: 10, MinDelta: 1e-4},
		Measure:  measure.Regression(names()), Outputs: names, Classes: true,
		ONNXInput: "emotion_embedding", ONNXOutput: "octaves", InputRange: [2]float64{-1, 1},
	})
}

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
