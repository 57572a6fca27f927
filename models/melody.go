// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"fmt"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/midi"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// MelodyTransformer predicts which notes express an emotion: it maps an embedding to
// the probabilities of the 128 MIDI pitches. Despite its name it is an LSTM.
type MelodyTransformer struct {
	FC1  *nn.Linear
	LSTM *nn.LSTM
	FC2  *nn.Linear
	FC3  *nn.Linear
}

// NewMelodyTransformer returns a MelodyTransformer with PyTorch's initial values.
func NewMelodyTransformer(d torch.Device) *MelodyTransformer {
	return &MelodyTransformer{
		FC1:  nn.NewLinear(dataset.EmbeddingSize, 256, d),
		LSTM: nn.NewLSTM(256, 256, d, nn.LSTMConfig{BatchFirst: true}),
		FC2:  nn.NewLinear(256, 256, d),
		FC3:  nn.NewLinear(256, midi.Pitches, d),
	}
}

// Forward maps [batch, 64], or [64], to [batch, 128], or [128].
func (m *MelodyTransformer) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Relu()
	x = m.LSTM.Step(x)
	x = m.FC2.Forward(x).Relu()
	return m.FC3.Forward(x).Sigmoid()
}

func melody() Spec {
	return Spec{
		Name: "melody", Title: "MelodyTransformer",
		About:  "predicts which notes express an emotion: it maps an embedding of valence and arousal to the share of notes at each MIDI pitch",
		In:     dataset.EmbeddingSize,
		New:    func(d torch.Device) nn.Module { return NewMelodyTransformer(d) },
		Source: dataset.MelodySource, Loss: nn.BCELoss, Defaults: slow,
		Measure: measure.Melody, Classes: true,
		Headlines: []string{"top-1 agreement", "top-5 agreement"},
		Outputs: func() []string {
			return numbered(midi.Pitches, func(i int) string { return fmt.Sprintf("pitch_%d", i) })
		},
		ONNXInput: "emotion_embedding", ONNXOutput: "midi_notes",
		InputRange: embeddingRange,
		Metadata: func() (preprocessing, labels any) {
			return embeddingMetadata(), map[string]any{"meaning": "share of note-ons at each MIDI pitch", "pitches": []int{0, 127}}
		},
	}
}
