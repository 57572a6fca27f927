// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"iter"
	"math/big"
	"slices"
)

// Dict is an ordered mapping like a Python dict. State dicts and .pt files consist of
// such. Keys are strings, ints, int64s, float64s, bools or nil, []byte, *big.Int,
// complex128, DType, Device, Layout, a Tuple of such, or types with a method DictKey;
// values are *Tensor, *Dict, []any (a list), Tuple, int, float64, bool, string, []byte, nil.
// Two keys are the same if they have one type and one content.
type Dict struct {
	// OrderedDict marks a collections.OrderedDict, as a module's state_dict is.
	OrderedDict bool
	// Attributes holds the attributes that Python code set on an OrderedDict, such as
	// "_metadata" of a module's state_dict, the versions of its layers. Usually nil.
	Attributes *Dict

	keys   []any
	values map[any]any // by identity of the key
}

// printed stands for a key that Go cannot compare; it is the type and content as text.
type printed string

// identity returns a comparable stand-in for a key, and whether a value can be a key.
func identity(key any) (any, bool) {
	switch key := key.(type) {
	case nil, string, int, int64, float64, bool, complex128, DType, Device, Layout:
		return key, true
	case Tuple, []byte, *big.Int:
		return printed(fmt.Sprintf("%T %#v", key, key)), true
	case interface{ DictKey() string }:
		return printed(fmt.Sprintf("%T %s", key, key.DictKey())), true
	}
	return nil, false
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
	id, ok := identity(key)
	if !ok {
		throw("Dict.Set", "a key of type %T", key)
	}
	if d.values == nil {
		d.values = map[any]any{}
	}
	if _, ok := d.values[id]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[id] = value
}

// Get returns the value of a key.
func (d *Dict) Get(key any) (any, bool) {
	id, ok := identity(key)
	if !ok {
		return nil, false
	}
	v, ok := d.values[id]
	return v, ok
}

// Delete removes a key.
func (d *Dict) Delete(key any) {
	if _, ok := d.Get(key); !ok {
		return
	}
	id, _ := identity(key)
	delete(d.values, id)
	d.keys = slices.DeleteFunc(slices.Clone(d.keys), func(k any) bool {
		other, _ := identity(k)
		return other == id
	})
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

// Keys returns the keys in order.
func (d *Dict) Keys() []any { return append([]any(nil), d.keys...) }

// All yields keys and values in order.
func (d *Dict) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for _, k := range d.Keys() {
			if v, ok := d.Get(k); ok && !yield(k, v) {
				return
			}
		}
	}
}

// Value returns the value of a key as a T, or an error that names the key and
// what is there instead.
func Value[T any](d *Dict, key any) (T, error) {
	var zero T
	v, ok := d.Get(key)
	if !ok {
		return zero, fmt.Errorf("torch: key %q is missing; there are %v", fmt.Sprint(key), d.keys)
	}
	x, ok := v.(T)
	if _, isAny := any(&zero).(*any); !ok && !(v == nil && isAny) { // a nil any holds no type to assert
		return zero, fmt.Errorf("torch: key %q holds %T, not %T", fmt.Sprint(key), v, zero)
	}
	return x, nil
}
