// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package trainer

import (
	"math"

	"github.com/etude-ml/etude/torch"
)

// Neither JSON nor a checkpoint has NaN or infinities: null and None stand for them.

func pointer(x float64) *float64 {
	if !isFinite(x) {
		return nil
	}
	return &x
}

func pointers(xs []float64) []*float64 {
	if xs == nil {
		return nil
	}
	ps := make([]*float64, len(xs))
	for i, x := range xs {
		ps[i] = pointer(x)
	}
	return ps
}

// values is the opposite of pointers.
func values(ps []*float64) []float64 {
	xs := make([]float64, len(ps))
	for i, p := range ps {
		xs[i] = math.NaN()
		if p != nil {
			xs[i] = *p
		}
	}
	return xs
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// number returns x for a file: None where it is not finite.
func number(x float64) any {
	if !isFinite(x) {
		return nil
	}
	return x
}

// readFloat reads a number; None is NaN.
func readFloat(r *torch.DictReader, key string) float64 {
	if torch.Read[any](r, key) == nil {
		return math.NaN()
	}
	return r.Number(key)
}

// readFloats reads a list of numbers; None is nil.
func readFloats(r *torch.DictReader, key string) []float64 {
	v := torch.Read[any](r, key)
	if v == nil {
		return nil
	}
	list := torch.Read[[]any](r, key)
	xs := make([]float64, len(list))
	for i, x := range list {
		item := &torch.DictReader{Dict: torch.NewDict(key, x)}
		if xs[i] = readFloat(item, key); item.Err != nil {
			r.Fail("item %d of %w", i, item.Err)
		}
	}
	return xs
}

// list returns xs for a file; nil is None.
func list(xs []float64) any {
	if xs == nil {
		return nil
	}
	l := make([]any, len(xs))
	for i, x := range xs {
		l[i] = number(x)
	}
	return l
}
