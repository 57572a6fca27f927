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
	module func(pointer any)
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
	if w.module != nil {
		w.module(v.Interface())
	}
	if v.Type().Implements(namerType) {
		refuseEmbeddedNamer(v.Type().Elem())
		for _, n := range v.Interface().(TensorNamer).NamedTensors() {
			n.Name = join(name, n.Name)
			w.found(n)
		}
		return
	}
	if v.Elem().Kind() != reflect.Struct {
		w.walk(name, v.Elem())
		return
	}
	// As PyTorch: a module's own parameters, its own buffers, then its children.
	fields := fieldsOf(nil, name, v.Elem())
	for _, buffers := range []bool{false, true} {
		for _, f := range fields {
			if f.tensor != nil && f.buffer == buffers {
				w.found(NamedTensor{f.name, f.tensor, f.buffer})
			}
		}
	}
	for _, f := range fields {
		if f.tensor == nil {
			w.walk(f.name, f.value)
		}
	}
}

// field is a field of a struct under its full name.
type field struct {
	name   string
	value  reflect.Value
	tensor *torch.Tensor // nil for what is not one
	buffer bool
}

// fieldsOf appends the fields of the struct v, and in their place those of structs
// that it embeds by value.
func fieldsOf(fs []field, prefix string, v reflect.Value) []field {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("torch"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		value := v.Field(i)
		switch {
		case name == "" && f.Anonymous && value.Kind() == reflect.Struct:
			fs = fieldsOf(fs, prefix, value)
			continue
		case name == "" && f.Anonymous:
			name = prefix
		case name == "":
			name = join(prefix, snake(f.Name))
		default:
			name = join(prefix, name)
		}
		tensor, isTensor := value.Interface().(*torch.Tensor)
		switch {
		case option != "" && option != "buffer":
			throw("nn", "the field %s of %s has the tag option %q; there is only buffer", f.Name, v.Type(), option)
		case option == "buffer" && !isTensor:
			throw("nn", "the field %s of %s is tagged as a buffer, but is not a *torch.Tensor", f.Name, v.Type())
		case isTensor && tensor == nil:
			continue
		}
		fs = append(fs, field{name, value, tensor, option == "buffer"})
	}
	return fs
}

// refuseEmbeddedNamer panics if a struct has its NamedTensors from a layer that it
// embeds: that layer's names would hide the struct's other fields.
func refuseEmbeddedNamer(t reflect.Type) {
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (f.Type.Implements(namerType) || reflect.PointerTo(f.Type).Implements(namerType)) {
			throw("nn", "%s embeds %s, whose NamedTensors would hide all other fields; give it a field name", t, f.Type)
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
