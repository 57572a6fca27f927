// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/groove"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// GroovePredictor predicts how drums are played in an emotion: it maps its embedding to
// loudness and timing at each sixteenth of a bar, in (-1, 1).
type GroovePredictor struct {
	FC1 *nn.Linear
	FC2 *nn.Linear
	FC3 *nn.Linear
}

// NewGroovePredictor returns a GroovePredictor with PyTorch's initial values.
func NewGroovePredictor(d torch.Device) *GroovePredictor {
	return &GroovePredictor{
		FC1: nn.NewLinear(dataset.EmbeddingSize, 128, d),
		FC2: nn.NewLinear(128, 64, d),
		FC3: nn.NewLinear(64, groove.Outputs, d),
	}
}

// Forward maps [batch, 64], or [64], to [batch, 32], or [32].
func (m *GroovePredictor) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Tanh()
	x = m.FC2.Forward(x).Tanh()
	return m.FC3.Forward(x).Tanh()
}

func groovePredictor() Spec {
	return Spec{
		Name: "groove", Title: "GroovePredictor",
		About:  "predicts how drums are played in an emotion: it maps an embedding of valence and arousal to velocity and timing at each sixteenth of a bar",
		In:     dataset.EmbeddingSize,
		New:    func(d torch.Device) nn.Module { return NewGroovePredictor(d) },
		Source: dataset.GrooveSource, Loss: nn.MSELoss, Defaults: usual,
		Measure: measure.Regression(groove.OutputNames()), Outputs: groove.OutputNames,
		Headlines: []string{"RMSE", "MAE"},
		ONNXInput: "emotion_embedding", ONNXOutput: "groove_params",
		InputRange: embeddingRange,
		Metadata: func() (preprocessing, labels any) {
			return embeddingMetadata(), map[string]any{
				"outputs": groove.OutputNames(), "bars": groove.BarsPerWindow, "steps": groove.Steps,
				"meaning": "mean velocity / 127 at each step of the bar, then mean offset in half steps, late positive",
			}
		},
	}
}
