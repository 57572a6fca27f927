// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package rtneural

import (
	"encoding/json"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// stage is a layer, or the activation of one.
type stage struct {
	forward func(x []float64) []float64
	reset   func() // nil for a layer that remembers nothing
}

// reader reads the weights of a layer.
type reader struct{ *layer }

// weight returns list number i of the weights.
func weight[T any](r reader, i int) (w T) {
	if i >= len(r.Weights) {
		fail.With("it has %d lists of weights; number %d is missing", len(r.Weights), i)
	}
	if err := json.Unmarshal(r.Weights[i], &w); err != nil {
		fail.With("its weights number %d: %w", i, err)
	}
	return w
}

// vector returns list i, which has n numbers.
func (r reader) vector(i, n int) []float64 {
	v := weight[[]float64](r, i)
	r.same(i, len(v), n)
	return v
}

// matrix returns list i, which has so many lists of so many numbers.
func (r reader) matrix(i, rows, columns int) [][]float64 {
	m := weight[[][]float64](r, i)
	r.same(i, len(m), rows)
	for _, row := range m {
		r.same(i, len(row), columns)
	}
	return m
}

func (r reader) same(i, have, want int) {
	if have != want {
		fail.With("its weights number %d have a list of length %d where %d is needed", i, have, want)
	}
}
