// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/etude-ml/etude/torch"
)

// walker visits what a network holds: depth first, fields in order of declaration.
type walker struct {
	tensor func(NamedTensor)
	module func(pointer any) bool // whether to go on into it; may be nil
	path   []place
}

// place is a value that the walk is in. The type is part of it because the first
// field of a struct has the struct's address.
type place struct {
	address uintptr
	kind    reflect.Type
}

var (
	tensorType = reflect.TypeFor[*torch.Tensor]()
	namerType  = reflect.TypeFor[TensorNamer]()
)

func (w *walker) walk(name string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		w.walk(name, v.Elem())
	case reflect.Pointer:
		switch {
		case v.IsNil():
		case v.Type() == tensorType:
			w.found(NamedTensor{Name: name, Tensor: v.Interface().(*torch.Tensor)})
		default:
			w.enter(name, v)
		}
	case reflect.Struct:
		if !v.CanAddr() { // given by value: a copy does, since tensors are pointers
			c := reflect.New(v.Type())
			c.Elem().Set(v)
			v = c.Elem()
		}
		w.enter(name, v.Addr())
	case reflect.Slice, reflect.Array:
		if mayHold(v.Type().Elem()) {
			for i := range v.Len() {
				w.walk(join(name, strconv.Itoa(i)), v.Index(i))
			}
		}
	case reflect.Map:
		if mayHold(v.Type().Elem()) {
			w.refuseMap(name, v)
		}
	}
}

// refuseMap panics if v holds tensors: the order of its entries would be random.
func (w *walker) refuseMap(name string, v reflect.Value) {
	inside := walker{path: w.path, tensor: func(NamedTensor) {
		throw("nn", "%q is a map with tensors, whose entries have no order; use a slice, or leave it out with the tag `torch:\"-\"`", name)
	}}
	for _, k := range v.MapKeys() {
		inside.walk(name, v.MapIndex(k))
	}
}

// found reports a tensor.
func (w *walker) found(n NamedTensor) {
	if w.tensor != nil {
		w.tensor(n)
	}
}

// enter visits what the pointer v leads to. A pointer back to where the walk
// already is, such as a layer's to its network, is not followed.
func (w *walker) enter(name string, v reflect.Value) {
	here := place{v.Pointer(), v.Type()}
	if slices.Contains(w.path, here) {
		return
	}
	w.path = append(w.path, here)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	if w.module != nil && !w.module(v.Interface()) {
		return
	}
	if v.Type().Implements(namerType) {
		for _, n := range v.Interface().(TensorNamer).NamedTensors() {
			n.Name = join(name, n.Name)
			w.found(n)
		}
		return
	}
	if v.Elem().Kind() == reflect.Struct {
		w.fields(name, v.Elem())
		return
	}
	w.walk(name, v.Elem())
}

func (w *walker) fields(prefix string, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("torch"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case name == "" && f.Anonymous:
			w.walk(prefix, v.Field(i))
			continue
		case name == "":
			name = snake(f.Name)
		}
		name = join(prefix, name)
		if option != "buffer" {
			w.walk(name, v.Field(i))
			continue
		}
		t, ok := v.Field(i).Interface().(*torch.Tensor)
		if !ok {
			throw("nn", "the field %s of %s is tagged as a buffer, but is not a *torch.Tensor", f.Name, v.Type())
		}
		if t != nil {
			w.found(NamedTensor{Name: name, Tensor: t, Buffer: true})
		}
	}
}

// mayHold reports whether values of type t can lead to tensors or layers; long
// slices of numbers are not worth a walk.
func mayHold(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return mayHold(t.Elem())
	case reflect.Struct, reflect.Interface:
		return true
	}
	return false
}

func join(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}

// snake writes a Go name in snake case: FC1 fc1, LayerNorm1 layer_norm1, LSTM lstm,
// WeightIH weight_ih, HTTPServer http_server.
func snake(name string) string {
	var b strings.Builder
	rs := []rune(name)
	for i, r := range rs {
		if i > 0 && unicode.IsUpper(r) {
			afterWord := !unicode.IsUpper(rs[i-1]) && rs[i-1] != '_'
			startsWord := unicode.IsUpper(rs[i-1]) && i+1 < len(rs) && unicode.IsLower(rs[i+1])
			if afterWord || startsWord {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
