// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/dynamics"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// DynamicsEngine predicts how a passage is played: it maps 32 numbers of a score to
// 16 of loudness, articulation, timing and pedal, in (0, 1).
type DynamicsEngine struct {
	FC1 *nn.Linear
	FC2 *nn.Linear
	FC3 *nn.Linear
}

// NewDynamicsEngine returns a DynamicsEngine with PyTorch's initial values.
func NewDynamicsEngine(d torch.Device) *DynamicsEngine {
	return &DynamicsEngine{
		FC1: nn.NewLinear(dynamics.Inputs, 128, d),
		FC2: nn.NewLinear(128, 64, d),
		FC3: nn.NewLinear(64, dynamics.Outputs, d),
	}
}

// Forward maps [batch, 32], or [32], to [batch, 16], or [16].
func (m *DynamicsEngine) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Relu()
	x = m.FC2.Forward(x).Relu()
	return m.FC3.Forward(x).Sigmoid()
}

func dynamicsEngine() Spec {
	return Spec{
		Name: "dynamics", Title: "DynamicsEngine",
		About:  "predicts how a passage is played: it maps numbers that describe a window of a score to loudness, articulation, timing and pedal",
		In:     dynamics.Inputs,
		New:    func(d torch.Device) nn.Module { return NewDynamicsEngine(d) },
		Source: dataset.DynamicsSource, Loss: nn.MSELoss, Defaults: usual,
		Measure: measure.Regression(dynamics.OutputNames()), Outputs: dynamics.OutputNames,
		Headlines: []string{"RMSE", "MAE"},
		ONNXInput: "context", ONNXOutput: "expression_params",
		InputRange: [2]float64{-1, 1},
		Metadata: func() (preprocessing, labels any) {
			return map[string]any{"window_seconds": dynamics.WindowSeconds, "inputs": dynamics.InputNames()},
				map[string]any{"outputs": dynamics.OutputNames()}
		},
	}
}
