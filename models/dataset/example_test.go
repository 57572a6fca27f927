// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset_test

import (
	"fmt"

	"github.com/etude-ml/etude/models/dataset"
)

// An emotion as the networks see it, and back.
func ExampleEmbedding() {
	e := dataset.Embedding(-0.5, 0.75) // rather sad, rather excited
	valence, arousal := dataset.ReadEmbedding(e)
	fmt.Printf("%d numbers, valence %.2f, arousal %.2f\n", len(e), valence, arousal)
	// Output: 64 numbers, valence -0.50, arousal 0.75
}
