// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/nn"
)

// HarmonyPredictor predicts which chords come next: it maps an emotion embedding and
// the chords so far to the shares of the 64 chord classes among the next four.
type HarmonyPredictor struct {
	FC1 *nn.Linear
	FC2 *nn.Linear
	FC3 *nn.Linear
}

// harmonyContext is the size of an input: an emotion, and the chords so far.
const harmonyContext = dataset.EmbeddingSize + chords.Classes

// NewHarmonyPredictor returns a HarmonyPredictor with PyTorch's initial values.
func NewHarmonyPredictor(d torch.Device) *HarmonyPredictor {
	return &HarmonyPredictor{
		FC1: nn.NewLinear(harmonyContext, 256, d),
		FC2: nn.NewLinear(256, 128, d),
		FC3: nn.NewLinear(128, chords.Classes, d),
	}
}

// Forward maps [batch, 128], or [128], to [batch, 64], or [64], shares that sum
// to 1.
func (m *HarmonyPredictor) Forward(x *torch.Tensor) *torch.Tensor {
	x = m.FC1.Forward(x).Tanh()
	x = m.FC2.Forward(x).Tanh()
	return m.FC3.Forward(x).Softmax(-1)
}

// HarmonyLoss returns the Kullback-Leibler divergence of the target shares from the
// predicted ones, summed over the classes and averaged over the batch:
// KLDivLoss(log(p + 1e-8), t) with PyTorch's reduction "batchmean". Shape: both
// [batch, classes].
func HarmonyLoss(output, target *torch.Tensor) *torch.Tensor {
	return nn.KLDivLoss(output.AddScalar(1e-8).Log(), target)
}

func harmony() Spec {
	return Spec{
		Name: "harmony", Title: "HarmonyPredictor",
		About:  "predicts which chords come next: it maps an embedding of valence and arousal, and the chords so far, to the shares of the chord classes among the next chords",
		In:     harmonyContext,
		New:    func(d torch.Device) nn.Module { return NewHarmonyPredictor(d) },
		Source: dataset.HarmonySource, Loss: HarmonyLoss, Defaults: usual,
		Measure: measure.Harmony, Outputs: chordNames, Classes: true,
		Headlines: []string{"top-1 agreement", "top-5 agreement"},
		ONNXInput: "context", ONNXOutput: "chord_probs",
		InputRange: embeddingRange,
		Metadata: func() (preprocessing, labels any) {
			return map[string]any{
					"emotion": embeddingMetadata(), "chords": chordNames(), "history": chords.History, "decay": chords.Decay,
					"meaning": "64 numbers of the emotion, then the shares of the chord classes among the chords so far, weighted by decay to the power of the distance",
				}, map[string]any{
					"meaning": "shares of the chord classes among the next chords", "ahead": chords.Ahead, "chords": chordNames(),
				}
		},
	}
}

// chordNames names the chord classes.
func chordNames() []string { return numbered(chords.Classes, chords.ClassName) }
