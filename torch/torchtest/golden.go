// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/etude-ml/etude/torch"
)

// Golden reads a golden file of JSON into v, and fails the test if that is not possible.
func Golden(tb testing.TB, path string, v any) {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

// Ramp returns a tensor of float32 that holds [RampAt], as the scripts of golden files
// make it in Python.
func Ramp(salt int, shape ...int) *torch.Tensor {
	n := 1
	for _, s := range shape {
		n *= s
	}
	xs := make([]float32, n)
	for i := range xs {
		xs[i] = float32(RampAt(i, salt))
	}
	return torch.FromSlice(xs, shape...)
}

// RampAt returns element i of [Ramp], from -1 to 1. Another salt gives other numbers.
func RampAt(i, salt int) float64 { return float64((i*7919+salt*104729)%1000)/500 - 1 }

// Called returns the operators that f calls, such as "aten::add.Tensor".
func Called(f func()) map[string]bool {
	ops := map[string]bool{}
	for _, n := range torch.Trace(func([]*torch.Tensor) []*torch.Tensor {
		f()
		return nil
	}).Nodes {
		ops[strings.TrimSuffix(n.Op+"."+n.Overload, ".")] = true
	}
	return ops
}
