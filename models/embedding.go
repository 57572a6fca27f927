// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/torch"
)

// embeddingRange bounds the numbers of an emotion embedding.
var embeddingRange = [2]float64{-math.Tanh(1), math.Tanh(1)}

func embeddingNames() []string {
	const half = dataset.EmbeddingSize / 2
	return numbered(dataset.EmbeddingSize, func(i int) string {
		return fmt.Sprintf("%s_%d", []string{"valence", "arousal"}[i/half], i%half)
	})
}

func embeddingMetadata() map[string]any {
	labels := emotionLabels()
	labels["meaning"] = "tanh(valence) 32 times, then tanh(arousal) 32 times"
	return labels
}

// emotionLabels returns the ranges of the numbers of an emotion.
func emotionLabels() map[string]any {
	return map[string]any{"valence": []float64{-1, 1}, "arousal": []float64{0, 1}}
}

// readEmbedding does the same as [dataset.ReadEmbedding] for embeddings [batch, 64]:
// valence and arousal, [batch, 2].
func readEmbedding(e *torch.Tensor) *torch.Tensor {
	const limit = 1 - 1.0/(1<<24)
	return e.Unflatten(1, 2, -1).Mean(2).Clamp(-limit, limit).Atanh()
}
