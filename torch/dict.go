// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"iter"
)

// Dict is an ordered mapping, as a Python dict is: what state dicts and .pt files
// are made of. Keys are strings, ints, int64s, float64s or bools; values are
// *Tensor, *Dict, []any (a list), Tuple, int, float64, bool, string, []byte, nil.
type Dict struct {
	// OrderedDict marks a collections.OrderedDict, as a module's state_dict is.
	OrderedDict bool
	// Attributes are what Python code set on an OrderedDict: of a module's
	// state_dict, "_metadata", the versions of its layers. Usually nil.
	Attributes *Dict

	keys   []any
	values map[any]any
}

// Tuple is a Python tuple.
type Tuple []any

// NewDict returns a dict of alternating keys and values.
func NewDict(pairs ...any) *Dict {
	if len(pairs)%2 != 0 {
		throw("NewDict", "%d keys and values: one has no partner", len(pairs))
	}
	d := &Dict{}
	for i := 0; i < len(pairs); i += 2 {
		d.Set(pairs[i], pairs[i+1])
	}
	return d
}

// Set adds a key, or replaces its value in place.
func (d *Dict) Set(key, value any) {
	switch key.(type) {
	case string, int, int64, float64, bool:
	default:
		throw("Dict.Set", "a key of type %T", key)
	}
	if d.values == nil {
		d.values = map[any]any{}
	}
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	v, ok := d.values[key]
	return v, ok
}

// Delete removes a key.
func (d *Dict) Delete(key any) {
	if _, ok := d.values[key]; !ok {
		return
	}
	delete(d.values, key)
	for i, k := range d.keys {
		if k == key {
			d.keys = append(d.keys[:i:i], d.keys[i+1:]...)
			return
		}
	}
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// Keys returns the keys in order.
func (d *Dict) Keys() []any { return append([]any(nil), d.keys...) }

// All yields keys and values in order.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for _, k := range d.Keys() {
			if v, ok := d.values[k]; ok && !yield(k, v) {
				return
			}
		}
	}
}

// Value returns the value of a key as a T, or an error that names the key and
// what is there instead.
func Value[T any](d *Dict, key any) (T, error) {
	var zero T
	v, ok := d.values[key]
	if !ok {
		return zero, fmt.Errorf("torch: key %q is missing; there are %v", fmt.Sprint(key), d.keys)
	}
	x, ok := v.(T)
	if _, isAny := any(&zero).(*any); !ok && !(v == nil && isAny) { // a nil any holds no type to assert
		return zero, fmt.Errorf("torch: key %q holds %T, not %T", fmt.Sprint(key), v, zero)
	}
	return x, nil
}
