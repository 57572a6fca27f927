// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"slices"
)

// DictReader reads typed values from a Dict. The first error stays in Err, and what is
// read after it does not count; so a caller looks at Err once, at the end.
type DictReader struct {
	Dict *Dict
	// Subject names the values in errors, such as "setting"; empty where they are keys.
	Subject string
	Err     error

	read []any // keys
}

// Has reports whether a key is there, and counts it as read.
func (r *DictReader) Has(key string) bool {
	r.read = append(r.read, key)
	_, ok := r.Dict.Get(key)
	return ok
}

// Read returns the value of a key as a T. Any reads None too, as nil.
func Read[T any](r *DictReader, key string) T {
	var zero T
	if r.Err != nil {
		return zero
	}
	v, err := Value[T](r.Dict, key)
	switch there := r.Has(key); {
	case err == nil:
		return v
	case r.Subject == "":
		r.Err = err
	case !there:
		r.Fail("the state dict has no %q; it has %v", key, r.Dict.Keys())
	default:
		was, _ := r.Dict.Get(key)
		r.wrong(key, was, fmt.Sprintf("a %T", zero))
	}
	return zero
}

// Number returns the number of a key: a float or an int, or the value of a tensor of
// one, as PyTorch's learning rates may be.
func (r *DictReader) Number(key string) float64 { return r.number(key, Read[any](r, key)) }

// Count returns a number that is whole and not negative.
func (r *DictReader) Count(key string) int {
	x := r.Number(key)
	n := int(x)
	if !(x >= 0 && float64(n) == x) {
		r.Fail("%s is %v, not a count", key, x)
	}
	return n
}

// Numbers returns a list, or a tuple, of n numbers.
func (r *DictReader) Numbers(key string, n int) []float64 {
	v := Read[any](r, key)
	items, ok := v.([]any)
	if t, isTuple := v.(Tuple); isTuple {
		items, ok = t, true
	}
	if !ok || len(items) != n {
		r.Fail("the %s %s is %v; it must be a list of %d numbers", r.Subject, key, v, n)
	}
	if r.Err != nil {
		return nil
	}
	xs := make([]float64, len(items))
	for i, x := range items {
		xs[i] = r.number(fmt.Sprintf("%s[%d]", key, i), x)
	}
	return xs
}

func (r *DictReader) number(name string, v any) float64 {
	switch x := v.(type) {
	case float64:
		return x
	case int:
		return float64(x)
	case int64:
		return float64(x)
	case *Tensor:
		if x != nil && x.Numel() == 1 {
			return x.Item()
		}
	}
	r.wrong(name, v, "a number")
	return 0
}

// wrong fails because of a value.
func (r *DictReader) wrong(key string, v any, want string) {
	if r.Subject == "" {
		r.Fail("key %q holds %T, not %s", key, v, want)
	} else {
		r.Fail("the %s %s is %v, of type %T, not %s", r.Subject, key, v, v, want)
	}
}

// Fail sets the error unless there is one.
func (r *DictReader) Fail(format string, args ...any) {
	if r.Err == nil {
		r.Err = fmt.Errorf(format, args...)
	}
}

// Rest returns what has not been read.
func (r *DictReader) Rest() *Dict {
	rest := NewDict()
	for k, v := range r.Dict.All() {
		if !slices.Contains(r.read, k) {
			rest.Set(k, v)
		}
	}
	return rest
}
