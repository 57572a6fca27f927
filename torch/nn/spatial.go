// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
)

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

// each returns the sizes of n dimensions, none below least: xs itself, its only number
// for all of them, or otherwise where it is nil.
func each(op, what string, xs []int, n, least, otherwise int) []int {
	switch {
	case xs == nil:
		return slices.Repeat([]int{otherwise}, n)
	case len(xs) != 1 && len(xs) != n:
		throw(op, "%s is %v; give one number, or one for each of the %d dimensions", what, xs, n)
	}
	for _, x := range xs {
		if x < least {
			throw(op, "%s is %v; it must be at least %d", what, xs, least)
		}
	}
	return slices.Repeat(xs, n/len(xs))
}
