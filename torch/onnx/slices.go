// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"slices"
	"unsafe"

	"github.com/etude-ml/etude/torch"
)

// bytesOf returns the memory of a slice, without a copy.
func bytesOf[T torch.Element](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}

// sliceOf returns the memory of bytesOf as the slice that it was.
func sliceOf[T torch.Element](b []byte) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(T))))
}

// collect returns f of each item.
func collect[T, V any](xs []T, f func(T) V) []V {
	out := make([]V, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

// integers converts between the integers of Go and those of ONNX.
func integers[To, From int | int64](xs []From) []To {
	return collect(xs, func(x From) To { return To(x) })
}

// repeated returns n times x.
func repeated(x, n int) []int {
	return slices.Repeat([]int{x}, n)
}

// counted returns 0, 1 … n-1.
func counted(n int) []int {
	xs := make([]int, n)
	for i := range xs {
		xs[i] = i
	}
	return xs
}

// swapped returns 0, 1 … n-1 with two of them exchanged.
func swapped(n, a, b int) []int {
	xs := counted(n)
	xs[a], xs[b] = b, a
	return xs
}
