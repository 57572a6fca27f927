// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// MelodyTransformer tells which notes express an emotion: an emotion embedding to
// the probabilities of the 128 MIDI pitches. Despite its name it is an LSTM.
//
// State: fc1 64→256, lstm 256→256, fc2 256→256, fc3 256→128; 641,664 parameters.
type MelodyTransformer struct {
	FC1  *nn.Linear
	LSTM *nn.LSTM
	FC2  *nn.Linear
	FC3  *nn.Linear
}

// NewMelodyTransformer returns a MelodyTransformer with PyTorch's initial values.
func NewMelodyTransformer(d torch.Device) *MelodyTransformer {
	return &MelodyTransformer{
		FC1:  nn.NewLinear(64, 256, d),
		LSTM: nn.NewLSTM(256, 256, d, nn.LSTMConfig{BatchFirst: true}),
		FC2:  nn.NewLinear(256, 256, d),
		FC3:  nn.NewLinear(256, 128, d),
	}
}

// Forward maps [batch, 64], or [64], to [batch, 128], or [128].
func (m *MelodyTransformer) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Relu()
	x = m.LSTM.Step(x)
	x = m.FC2.Forward(x).Relu()
	return m.FC3.Forward(x).Sigmoid()
}
