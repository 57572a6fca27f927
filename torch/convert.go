// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"encoding/binary"
	"math"
	"reflect"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// plainValue returns an argument or a result that holds no tensors as a Go value. words
// returns the words of a list.
func plainValue(v ctorch.Value, words func(ctorch.Value) []int64) any {
	switch v.Tag {
	case ctorch.Int:
		return int(v.Bits)
	case ctorch.Uint:
		return uint64(v.Bits)
	case ctorch.Double:
		return math.Float64frombits(uint64(v.Bits))
	case ctorch.Complex:
		z := floatsOf(words(v))
		return complex(z[0], z[1])
	case ctorch.Bool:
		return v.Bits != 0
	case ctorch.Device:
		return deviceOf(int(v.N), int(v.Bits))
	case ctorch.String:
		return textOf(words(v), int(v.N))
	case ctorch.Ints, ctorch.IntScalars:
		return convertEach(words(v), func(w int64) int { return int(w) })
	case ctorch.Doubles, ctorch.DoubleScalars:
		return floatsOf(words(v))
	case ctorch.Bools:
		return convertEach(words(v), func(w int64) bool { return w != 0 })
	}
	return nil
}

func isNil(v any) bool {
	t, ok := v.(*Tensor)
	return v == nil || ok && t == nil
}

func asInt(v any) (int, bool) {
	r := reflect.ValueOf(v)
	switch v.(type) {
	case DType, MemoryFormat, Layout, DeviceType:
		return 0, false // names that Go happens to keep as numbers
	}
	switch {
	case r.CanInt():
		return int(r.Int()), true
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return int(r.Uint()), true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	if r := reflect.ValueOf(v); r.CanFloat() {
		return r.Float(), true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

func asInts(v any) ([]int, bool) {
	switch xs := v.(type) {
	case []int:
		return xs, true
	case []int64:
		return convertEach(xs, func(x int64) int { return int(x) }), true
	}
	return nil, false
}

func asFloats(v any) ([]float64, bool) {
	switch xs := v.(type) {
	case []float64:
		return xs, true
	case []float32:
		return convertEach(xs, func(x float32) float64 { return float64(x) }), true
	}
	xs, ok := asInts(v)
	return convertEach(xs, func(x int) float64 { return float64(x) }), ok
}

// The bridge's lists and strings come as 64-bit words.

func convertEach[From, To any](xs []From, f func(From) To) []To {
	out := make([]To, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

func floatsOf(words []int64) []float64 {
	return convertEach(words, func(w int64) float64 { return math.Float64frombits(uint64(w)) })
}

// textOf returns a string of n bytes.
func textOf(words []int64, n int) string {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	return string(b[:n])
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
