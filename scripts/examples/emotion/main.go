// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Command emotion trains one of the five networks, on the corpus that make demo leaves in
// demo/data: go run ./scripts/examples/emotion.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/etude-ml/etude/models"
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/data"
	"github.com/etude-ml/etude/torch/nn"
	"github.com/etude-ml/etude/torch/onnx"
	"github.com/etude-ml/etude/torch/optim"
	"github.com/etude-ml/etude/trainer"
)

func main() {
	ctx := context.Background()
	samples, err := dataset.EmotionSource.Samples(ctx, "demo/data", dataset.Options{})
	check(err)
	train, val, err := data.Split(samples.Groups, 0.2, 42)
	check(err)
	torch.ManualSeed(42)
	model := models.NewEmotionRecognizer(torch.CPU)
	run := trainer.Run{
		Model:     model,
		Loss:      nn.MSELoss,
		Optimizer: optim.NewAdam(nn.Parameters(model), optim.DefaultAdam()),
		Train:     samples.Select(train).Tensors(torch.CPU),
		Val:       samples.Select(val).Tensors(torch.CPU),
		Epochs:    20,
		Save:      "runs/emotion",
	}
	history, err := run.Fit(ctx)
	check(err)
	_, err = onnx.Export("runs/emotion/model.onnx", model, onnx.Signature{
		Input: "audio_features", Output: "emotion_embedding", Example: run.Val.(*data.Set).X,
	})
	check(err)
	fmt.Printf("%d epochs, validation loss %.2f\n", history.Len(), history.Best().ValLoss)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
