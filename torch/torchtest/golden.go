// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torchtest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
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

// Entry returns an entry of a case file that PyTorch wrote, and ends the test if there is
// none of this type.
func Entry[T any](tb testing.TB, d *torch.Dict, key any) T {
	tb.Helper()
	v, err := torch.Value[T](d, key)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// List returns the entries of a list or a tuple of a case file.
func List(v any) []any {
	if tuple, ok := v.(torch.Tuple); ok {
		return tuple
	}
	return v.([]any)
}

// Differ returns what is otherwise in got than in want, a result of PyTorch's; "" if shape
// and type are the same and no number differs by more than tolerance, relative to the
// largest finite one of the tensor: a sum that cancels is as exact as its terms.
func Differ(want, got *torch.Tensor, tolerance float64) string {
	if !slices.Equal(want.Shape(), got.Shape()) || want.DType() != got.DType() {
		return fmt.Sprintf("is %v %v, PyTorch's is %v %v", got.DType(), got.Shape(), want.DType(), want.Shape())
	}
	w, g, scale := want.Detach().Float64s(), got.Detach().Float64s(), 0.0
	for _, x := range w {
		if !math.IsInf(x, 0) && !math.IsNaN(x) {
			scale = max(scale, math.Abs(x))
		}
	}
	for i, x := range w {
		if x != g[i] && !(math.IsNaN(x) && math.IsNaN(g[i])) && !(math.Abs(x-g[i]) <= tolerance*scale) {
			return fmt.Sprintf("element %d is %v, PyTorch's is %v", i, g[i], x)
		}
	}
	return ""
}
