// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// EmotionRecognizer hears the emotion of a sound: 128 log-mel bands to an emotion
// embedding of 64 numbers in (-1, 1).
//
// State: fc1 128→512, fc2 512→256, lstm 256→128, fc3 128→64; 403,264 parameters.
type EmotionRecognizer struct {
	FC1  *nn.Linear
	FC2  *nn.Linear
	LSTM *nn.LSTM
	FC3  *nn.Linear
}

// NewEmotionRecognizer returns an EmotionRecognizer with PyTorch's initial values.
func NewEmotionRecognizer(d torch.Device) *EmotionRecognizer {
	return &EmotionRecognizer{
		FC1:  nn.NewLinear(128, 512, d),
		FC2:  nn.NewLinear(512, 256, d),
		LSTM: nn.NewLSTM(256, 128, d, nn.LSTMConfig{BatchFirst: true}),
		FC3:  nn.NewLinear(128, 64, d),
	}
}

// Forward maps [batch, 128], or [128], to [batch, 64], or [64].
func (m *EmotionRecognizer) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Tanh()
	x = m.FC2.Forward(x).Tanh()
	x = m.LSTM.Step(x)
	return m.FC3.Forward(x).Tanh()
}
