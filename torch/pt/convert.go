// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"math/big"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// maxWeight bounds a walk over the tree: a few hundred bytes can hold the same list at
// so many places that a walk never ends.
const maxWeight = 1 << 25

// convert returns the Go value of a decoded value.
func (l *loader) convert(v any) (c converted) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int, float64, complex128, string, []byte, Size, torch.DType, torch.Layout:
		return converted{v, 1}
	case deviceName:
		return converted{v.device(), 1}
	case *pickle.ByteArray:
		return converted{ByteArray(v.Bytes), 1}
	case *pickle.Dict:
		if l.open[v] { // a dict can contain itself
			return converted{l.dicts[v], 1}
		}
	}
	switch v := v.(type) {
	case *pickle.List, *pickle.Tuple, *pickle.Set, *pickle.Dict, *tensorSpec, *numpyArray:
		if c, ok := l.done[v]; ok {
			return c
		}
		l.enter(v)
		defer func() {
			l.leave(v)
			l.done[v] = c
		}()
	}
	c.weight = 1
	switch v := v.(type) {
	case *pickle.List:
		c.value = l.items(&c, v.Items)
		return c
	case *pickle.Tuple:
		c.value = torch.Tuple(l.items(&c, v.Items))
		return c
	case *pickle.Set:
		for _, x := range v.Items { // Python refuses members that can change
			if !l.hashable(x, 0) {
				fail.With("%s holds %s", pickle.Kind(v), pickle.Kind(x))
			}
		}
		if items := l.items(&c, v.Items); v.Frozen {
			c.value = FrozenSet(items)
		} else {
			c.value = Set(items)
		}
		return c
	case *pickle.Dict:
		c.value = l.dict(&c, v)
		return c
	case *tensorSpec:
		return converted{v.make(l), 1}
	case *numpyArray:
		if !v.unread {
			return converted{v.spec().make(l), 1}
		}
	}
	o, ok := l.placeholder(v)
	if !ok {
		fail.With("%s stands where a value should", pickle.Kind(v))
	}
	return converted{&Object{Class: o.Class}, 1}
}

// enter notes that a value is being converted, and refuses one inside itself.
func (l *loader) enter(v any) {
	if l.open[v] {
		fail.With("%s contains itself", pickle.Kind(v))
	}
	if l.depth >= maxDepth {
		fail.With("nested deeper than %d levels", maxDepth)
	}
	l.open[v] = true
	l.depth++
}

func (l *loader) leave(v any) {
	delete(l.open, v)
	l.depth--
}

// items converts the items of the container c.
func (l *loader) items(c *converted, vs []any) []any {
	out := make([]any, len(vs))
	for i, v := range vs {
		out[i] = l.inside(c, i, v)
	}
	return out
}

// inside converts a value at a step inside the container c.
func (l *loader) inside(c *converted, step, v any) (value any) {
	l.path.in(step, func() {
		x := l.convert(v)
		value = x.value
		c.weight += x.weight
	})
	if c.weight > maxWeight {
		fail.With("the same values are nested so that there are more than %d", maxWeight)
	}
	return value
}

// hashable reports whether Python takes a decoded value into a set.
func (l *loader) hashable(v any, depth int) bool {
	switch v := v.(type) {
	case nil, bool, int, *big.Int, float64, complex128, string, []byte, Size, torch.DType, deviceName, torch.Layout,
		*pickle.Object, unread:
		return true
	case *pickle.Set:
		return v.Frozen // its own members are looked at on their own
	case *pickle.Tuple:
		if known, ok := l.hash[v]; ok || depth > maxDepth {
			return known
		}
		is := !slices.ContainsFunc(v.Items, func(x any) bool { return !l.hashable(x, depth+1) })
		l.hash[v] = is
		return is
	}
	return false
}

func (l *loader) dict(c *converted, v *pickle.Dict) *torch.Dict {
	d := &torch.Dict{OrderedDict: v.Ordered}
	l.dicts[v] = d
	for i, k := range v.Keys {
		if !l.hashable(k, 0) {
			fail.With("a dict has %s as a key", pickle.Kind(k))
		}
		if x, ok := k.(float64); ok && x != x {
			fail.With("a dict has the key NaN")
		}
		key := l.inside(c, keyName(k), k)
		c.weight-- // a key and its value count together
		d.Set(key, l.inside(c, keyStep(k), v.Values[i]))
	}
	if v.Attributes != nil {
		d.Attributes = l.inside(c, "(attributes)", v.Attributes).(*torch.Dict)
	}
	return d
}
