// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package tensorfile

import (
	"bytes"
	"math"
	"math/cmplx"
	"slices"

	"github.com/etude-ml/etude/models/measure"
	"github.com/etude-ml/etude/torch/inspect"
)

// ElementDiff compares elements. Those of one type differ if their bits do, those
// of two types if their values do.
type ElementDiff struct {
	Count      int64          `json:"count"`        // all elements
	Differ     int64          `json:"differ"`       // how many of them differ
	MaxAbsDiff measure.Number `json:"max_abs_diff"` // the largest that is finite
	At         []int          `json:"at"`           // where it is; null if there is none
	NonFinite  int64          `json:"non_finite"`   // pairs whose difference is infinite or not a number
}

// compareElements compares as many elements of two types as shape has.
func compareElements(a, b []byte, x, y inspect.Element, sameType bool, shape []int) *ElementDiff {
	d := &ElementDiff{Count: count(shape)}
	largest, at := -1.0, 0
	for i := range int(d.Count) {
		p, q := a[i*x.Size:(i+1)*x.Size], b[i*y.Size:(i+1)*y.Size]
		if sameType && bytes.Equal(p, q) {
			continue
		}
		u, v := x.Read(p), y.Read(q)
		if !sameType && (u == v || isNaN(u) && isNaN(v)) {
			continue
		}
		d.Differ++
		distance := cmplx.Abs(u - v)
		switch {
		case math.IsNaN(distance) || math.IsInf(distance, 0):
			d.NonFinite++
		case distance > largest:
			largest, at = distance, i
		}
	}
	d.MaxAbsDiff = measure.Number(max(largest, 0))
	if largest >= 0 { // the index for each dimension
		d.At = make([]int, len(shape))
		for i, size := range slices.Backward(shape) {
			d.At[i], at = at%size, at/size
		}
	}
	return d
}

// isNaN reports whether both or either part is not a number.
func isNaN(x complex128) bool { return math.IsNaN(real(x)) || math.IsNaN(imag(x)) }
