// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "math"

// The bridge's lists and strings come as 64-bit words; these are their values.

func intsOf(words []int64) []int {
	out := make([]int, len(words))
	for i, w := range words {
		out[i] = int(w)
	}
	return out
}

func floatsOf(words []int64) []float64 {
	out := make([]float64, len(words))
	for i, w := range words {
		out[i] = math.Float64frombits(uint64(w))
	}
	return out
}

func boolsOf(words []int64) []bool {
	out := make([]bool, len(words))
	for i, w := range words {
		out[i] = w != 0
	}
	return out
}

// textOf returns a string of n bytes.
func textOf(words []int64, n int) string {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		for k := range 8 {
			b = append(b, byte(w>>(8*k)))
		}
	}
	return string(b[:n])
}
