// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/etude-ml/etude/torch"
)

// throw panics as operations on tensors do.
func throw(op, format string, args ...any) {
	panic(&torch.Error{Op: op, Message: fmt.Sprintf(format, args...)})
}

// must panics unless ok.
func must(op string, ok bool, format string, args ...any) {
	if !ok {
		throw(op, format, args...)
	}
}

// fit panics unless ok, and shows the shape that does not fit.
func fit(op string, ok bool, shape []int, format string, args ...any) {
	if !ok {
		panic(&torch.Error{Op: op, Shapes: [][]int{shape}, Message: fmt.Sprintf(format, args...)})
	}
}

// positive panics unless a size is at least 1.
func positive(op, what string, n int) {
	must(op, n >= 1, "%s is %d; it must be at least 1", what, n)
}

// notNegative panics unless x is at least 0.
func notNegative(op, what string, x float64) {
	must(op, x >= 0, "%s is %v; it must not be negative", what, x)
}

// probability panics unless p is in [0, 1].
func probability(op, what string, p float64) {
	must(op, p >= 0 && p <= 1, "%s is %v; a probability lies between 0 and 1", what, p)
}

// given returns what a setting points to, or else the default.
func given[T any](setting *T, otherwise T) T {
	if setting == nil {
		return otherwise
	}
	return *setting
}

// scoped calls f without gradients, and frees what f leaves.
func scoped(f func()) { torch.NoGrad(func() { torch.Scope(f) }) }

// optional returns the settings that a constructor was given, or else the default.
func optional[T any](settings []T, otherwise T) T {
	if len(settings) > 0 {
		return settings[0]
	}
	return otherwise
}

// batchDim is the dimension of sequences that counts the batch.
func batchDim(first bool) int {
	if first {
		return 0
	}
	return 1
}

// layerName returns the name in errors of a layer with n dimensions of space.
func layerName(kind string, n int) string { return "nn." + kind + strconv.Itoa(n) + "d" }

// spatial returns the shape of an input with channels and n dimensions of space, with
// or without a batch, or panics.
func spatial(op string, x *torch.Tensor, n int) []int {
	shape := x.Shape()
	if len(shape) != n+1 && len(shape) != n+2 {
		space := [4]string{1: "L", 2: "H, W", 3: "D, H, W"}[n]
		panic(&torch.Error{Op: op, Shapes: [][]int{shape}, Message: fmt.Sprintf("the input must have the shape [N, C, %s] or [C, %[1]s]", space)})
	}
	return shape
}

// channels panics unless an input of that shape, with n dimensions of space, has want
// channels.
func channels(op string, shape []int, n, want int) {
	if at := len(shape) - n - 1; shape[at] != want {
		panic(&torch.Error{Op: op, Shapes: [][]int{shape}, Message: fmt.Sprintf("dimension %d holds %d channels; the layer has %d", at, shape[at], want)})
	}
}

// perDimension returns a number for each of n dimensions: xs itself, or its only number
// for all of them.
func perDimension[T any](op, what string, xs []T, n int) []T {
	must(op, len(xs) == 1 || len(xs) == n, "%s is %v; give one number, or one for each of the %d dimensions", what, xs, n)
	return slices.Repeat(xs, n/len(xs))
}

// each is perDimension for sizes, none below least; nil stands for otherwise.
func each(op, what string, xs []int, n, least, otherwise int) []int {
	if xs == nil {
		xs = []int{otherwise}
	}
	xs = perDimension(op, what, xs, n)
	must(op, slices.Min(xs) >= least, "%s is %v; it must be at least %d", what, xs, least)
	return xs
}
