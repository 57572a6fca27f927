// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"fmt"

	"github.com/etude-ml/etude/torch"
)

// throw panics as operations on tensors do.
func throw(op, format string, args ...any) {
	panic(&torch.Error{Op: op, Message: fmt.Sprintf(format, args...)})
}

// positive panics unless a size is at least 1.
func positive(op, what string, n int) {
	if n < 1 {
		throw(op, "%s is %d; it must be at least 1", what, n)
	}
}

// notNegative panics unless x is at least 0.
func notNegative(op, what string, x float64) {
	if !(x >= 0) {
		throw(op, "%s is %v; it must not be negative", what, x)
	}
}

// probability panics unless p is in [0, 1].
func probability(op, what string, p float64) {
	if !(p >= 0 && p <= 1) {
		throw(op, "%s is %v; a probability lies between 0 and 1", what, p)
	}
}

// optional returns the settings that a constructor was given, or else the default.
func optional[T any](given []T, otherwise T) T {
	if len(given) > 0 {
		return given[0]
	}
	return otherwise
}
