// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/audio"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// EmotionRecognizer recognizes the emotion of a sound: it maps 128 log-mel bands to an emotion
// embedding of 64 numbers in (-1, 1).
type EmotionRecognizer struct {
	FC1  *nn.Linear
	FC2  *nn.Linear
	LSTM *nn.LSTM
	FC3  *nn.Linear
}

// NewEmotionRecognizer returns an EmotionRecognizer with PyTorch's initial values.
func NewEmotionRecognizer(d torch.Device) *EmotionRecognizer {
	return &EmotionRecognizer{
		FC1:  nn.NewLinear(audio.Bands, 512, d),
		FC2:  nn.NewLinear(512, 256, d),
		LSTM: nn.NewLSTM(256, 128, d, nn.LSTMConfig{BatchFirst: true}),
		FC3:  nn.NewLinear(128, dataset.EmbeddingSize, d),
	}
}

// Forward maps [batch, 128], or [128], to [batch, 64], or [64].
func (m *EmotionRecognizer) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Tanh()
	x = m.FC2.Forward(x).Tanh()
	x = m.LSTM.Step(x)
	return m.FC3.Forward(x).Tanh()
}

func emotion() Spec {
	return Spec{
		Name: "emotion", Title: "EmotionRecognizer",
		About:  "recognizes the emotion of a sound: it maps the log-mel bands of its first seconds to an embedding of valence and arousal",
		In:     audio.Bands,
		New:    func(d torch.Device) nn.Module { return NewEmotionRecognizer(d) },
		Source: dataset.EmotionSource, Loss: nn.MSELoss, Defaults: usual,
		Measure: measure.Emotion, Outputs: embeddingNames,
		Headlines: []string{"valence CCC", "arousal CCC"},
		Readout: &Readout{
			Names: []string{"valence", "arousal"},
			Read: func(output []float32) []float64 {
				valence, arousal := dataset.ReadEmbedding(output)
				return []float64{valence, arousal}
			},
			Forward: readEmbedding, Labels: emotionLabels(),
		},
		Front:     samples,
		ONNXInput: "audio_features", ONNXOutput: "emotion_embedding",
		InputRange: [2]float64{-1, 0},
		Metadata: func() (preprocessing, labels any) {
			return map[string]any{
				"feature": "log-mel", "seconds": audio.Seconds, "sample_rate": audio.SampleRate,
				"n_fft": audio.WindowSize, "hop_length": audio.HopSize, "window": "hann, periodic",
				"center": true, "pad_mode": "constant", "power": 2,
				"n_mels": audio.Bands, "fmin": 0, "fmax": audio.MaxHz, "mel_scale": "slaney", "mel_norm": "slaney",
				"amin": audio.Floor, "ref": "max", "top_db": audio.RangeDB,
				"reduce": "mean over frames", "divide_by": audio.RangeDB,
				"silent_below_dbfs": audio.SilenceDB,
			}, embeddingMetadata()
		},
	}
}
