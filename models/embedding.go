// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package models

import (
	"fmt"
	"math"

	"github.com/etude-ml/etude/models/dataset"
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
	return map[string]any{
		"meaning": "tanh(valence) 32 times, then tanh(arousal) 32 times",
		"valence": []float64{-1, 1},
		"arousal": []float64{0, 1},
	}
}
