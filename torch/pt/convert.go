// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

type converted struct {
	value  any
	weight int // how many values a walk over it meets
}

// maxWeight bounds a walk over the tree: a few hundred bytes can nest the same
// list in itself so that a walk never ends.
const maxWeight = 1 << 25

// convert returns what a decoded value is in Go.
func (l *loader) convert(v any) (c converted, err error) {
	switch v := v.(type) {
	case nil, bool, int, *big.Int, float64, complex128, string, []byte, Size, torch.DType, torch.Layout:
		return converted{v, 1}, nil
	case deviceName:
		d, err := v.device()
		return converted{d, 1}, err
	case *pickle.ByteArray:
		return converted{ByteArray(v.Bytes), 1}, nil
	case *pickle.Dict:
		if l.open[v] { // a dict can contain itself
			return converted{l.dicts[v], 1}, nil
		}
	}
	switch v := v.(type) {
	case *pickle.List, *pickle.Tuple, *pickle.Set, *pickle.Dict, *tensorSpec, *numpyArray:
		if c, ok := l.done[v]; ok {
			return c, nil
		}
		if err := l.enter(v); err != nil {
			return c, err
		}
		defer func() {
			l.leave(v)
			if err == nil {
				l.done[v] = c
			}
		}()
	}
	switch v := v.(type) {
	case *pickle.List:
		items, weight, err := l.items(v.Items)
		return converted{items, weight}, err
	case *pickle.Tuple:
		items, weight, err := l.items(v.Items)
		return converted{torch.Tuple(items), weight}, err
	case *pickle.Set:
		items, weight, err := l.members(v)
		if v.Frozen {
			return converted{FrozenSet(items), weight}, err
		}
		return converted{Set(items), weight}, err
	case *pickle.Dict:
		return l.dict(v)
	case *tensorSpec:
		t, err := v.make(l)
		return converted{t, 1}, err
	case *numpyArray:
		if v.unread {
			break
		}
		spec, err := v.spec()
		if err != nil {
			return c, err
		}
		t, err := spec.make(l)
		return converted{t, 1}, err
	}
	if o, ok := l.placeholder(v); ok {
		return converted{&Object{Class: o.Class}, 1}, nil
	}
	return c, fmt.Errorf("%s stands where a value should", pickle.Kind(v))
}

// enter notes that a value is being converted, and refuses one inside itself.
func (l *loader) enter(v any) error {
	if l.open[v] {
		return fmt.Errorf("%s contains itself", pickle.Kind(v))
	}
	if l.depth >= maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	l.open[v] = true
	l.depth++
	return nil
}

func (l *loader) leave(v any) {
	delete(l.open, v)
	l.depth--
}

func (l *loader) items(vs []any) ([]any, int, error) {
	out, weight := make([]any, len(vs)), 1
	for i, v := range vs {
		c, err := l.convert(v)
		if err != nil {
			return nil, 0, at(i, err)
		}
		out[i] = c.value
		if weight, err = heavier(weight, c.weight); err != nil {
			return nil, 0, err
		}
	}
	return out, weight, nil
}

// members are a set's items, of which Python refuses those that can change.
func (l *loader) members(s *pickle.Set) ([]any, int, error) {
	for _, v := range s.Items {
		if !l.hashable(v, 0) {
			return nil, 0, fmt.Errorf("%s holds %s", pickle.Kind(s), pickle.Kind(v))
		}
	}
	return l.items(s.Items)
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

func heavier(a, b int) (int, error) {
	if a+b > maxWeight {
		return 0, fmt.Errorf("the same values are nested so that there are more than %d", maxWeight)
	}
	return a + b, nil
}

func (l *loader) dict(v *pickle.Dict) (converted, error) {
	d := &torch.Dict{OrderedDict: v.Ordered}
	l.dicts[v] = d
	weight := 1
	for i, k := range v.Keys {
		if !l.hashable(k, 0) {
			return converted{}, fmt.Errorf("a dict has %s as a key", pickle.Kind(k))
		}
		if x, ok := k.(float64); ok && x != x {
			return converted{}, errors.New("a dict has the key NaN")
		}
		key, err := l.convert(k)
		if err != nil {
			return converted{}, at(keyName(k), err)
		}
		c, err := l.convert(v.Values[i])
		if err != nil {
			return converted{}, at(keyStep(k), err)
		}
		d.Set(key.value, c.value)
		if weight, err = heavier(weight, key.weight+c.weight-1); err != nil {
			return converted{}, err
		}
	}
	if v.Attributes != nil {
		c, err := l.convert(v.Attributes)
		if err != nil {
			return converted{}, at("(attributes)", err)
		}
		d.Attributes = c.value.(*torch.Dict)
		if weight, err = heavier(weight, c.weight); err != nil {
			return converted{}, err
		}
	}
	return converted{d, weight}, nil
}

// closeAll closes the tensors of a tree that nobody will have.
func closeAll(v any) { closeIn(v, map[*torch.Dict]bool{}) }

func closeIn(v any, seen map[*torch.Dict]bool) {
	switch v := v.(type) {
	case *torch.Tensor:
		v.Close()
	case *torch.Dict:
		if v == nil || seen[v] {
			return
		}
		seen[v] = true
		for _, x := range v.All() {
			closeIn(x, seen)
		}
		closeIn(v.Attributes, seen)
	case []any:
		for _, x := range v {
			closeIn(x, seen)
		}
	case torch.Tuple:
		closeIn([]any(v), seen)
	}
}

// describe names what a tree is.
func describe(v any) string {
	switch v := v.(type) {
	case *torch.Tensor:
		return "a tensor"
	case torch.Tuple, Size:
		return "a tuple"
	case []any:
		return "a list"
	case Set, FrozenSet:
		return "a set"
	case ByteArray:
		return "a bytearray"
	case *torch.Dict:
		return "a dict"
	case *Object:
		return v.String()
	default:
		return pickle.Kind(v)
	}
}
