// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"math"
)

// EmbeddingSize is the length of an emotion embedding.
const EmbeddingSize = 64

const half = EmbeddingSize / 2

// Embedding returns E(v, a), 64 numbers that stand for an emotion: tanh of the
// valence, in [-1, 1], 32 times, then tanh of the arousal, in [0, 1], 32 times.
func Embedding(valence, arousal float64) []float32 {
	e := make([]float32, EmbeddingSize)
	for i := range half {
		e[i], e[half+i] = float32(math.Tanh(valence)), float32(math.Tanh(arousal))
	}
	return e
}

// ReadEmbedding inverts [Embedding], for the output of a network too: it takes atanh
// of the mean of each half. A mean that has reached ±1, where atanh is infinite,
// reads as the float32 next to it, about ±8.7. Panics unless e has 64 numbers.
func ReadEmbedding(e []float32) (valence, arousal float64) {
	if len(e) != EmbeddingSize {
		panic(fmt.Sprintf("dataset: an emotion embedding has %d numbers, not %d", EmbeddingSize, len(e)))
	}
	return readHalf(e[:half]), readHalf(e[half:])
}

func readHalf(e []float32) float64 {
	var sum float64
	for _, v := range e {
		sum += float64(v)
	}
	const limit = 1 - 1.0/(1<<24)
	return math.Atanh(min(max(sum/half, -limit), limit))
}
