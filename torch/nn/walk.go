// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package nn

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/etude-ml/etude/torch"
)

// walker visits what a network holds: depth first, fields in order of declaration.
// A field that is not exported must not hold tensors or modules.
type walker struct {
	found func(NamedTensor)
	path  []place
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
	moduleType = reflect.TypeFor[Module]()
	modeType   = reflect.TypeFor[TrainingMode]()
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
	inside := walker{path: w.path, found: func(NamedTensor) {
		throw("nn", "%q is a map with tensors, whose entries have no order; use a slice, or leave it out with the tag `torch:\"-\"`", name)
	}}
	for _, k := range v.MapKeys() {
		inside.walk(name, v.MapIndex(k))
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
	fields := w.fieldsOf(nil, name, v.Elem())
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
	tensor *torch.Tensor // nil for a field that is not one
	buffer bool
}

// fieldsOf appends the fields of the struct v, and in their place those of structs
// that it embeds by value.
func (w *walker) fieldsOf(fs []field, prefix string, v reflect.Value) []field {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("torch"), ",")
		value := v.Field(i)
		switch {
		case name == "-":
			continue
		case !f.IsExported():
			w.refuseHidden(v.Type(), f, value)
			continue
		case name == "" && f.Anonymous && value.Kind() == reflect.Struct:
			fs = w.fieldsOf(fs, prefix, value)
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

// refuseHidden panics if a field that is not exported holds tensors or modules: they
// would take part in the computation, but be neither trained nor saved.
func (w *walker) refuseHidden(owner reflect.Type, f reflect.StructField, v reflect.Value) {
	seen := map[place]bool{}
	for _, p := range w.path { // the way back up is not followed
		seen[p] = true
	}
	if held := findHeld(v, seen); held != nil {
		throw("nn", "the field %s of %s holds a %s, but is not exported, so that it would be neither trained nor saved; "+
			"begin its name with a capital letter, or leave it out with the tag `torch:\"-\"`", f.Name, owner, held)
	}
}

// findHeld returns the type of the first tensor or module that v leads to, nil if
// there is none. It reads by reflection only, because v may not be exported.
func findHeld(v reflect.Value, seen map[place]bool) reflect.Type {
	if !v.IsValid() || !mayHold(v.Type()) {
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		here := place{v.Pointer(), v.Type()}
		if v.IsNil() || seen[here] {
			return nil
		}
		seen[here] = true
	case reflect.Interface, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan:
		if v.IsNil() {
			return nil
		}
	}
	if v.Kind() != reflect.Interface && isTensorOrModule(v.Type()) {
		return v.Type()
	}
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		return findHeld(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if held := findHeld(v.Field(i), seen); held != nil {
				return held
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if held := findHeld(v.Index(i), seen); held != nil {
				return held
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if held := findHeld(entries.Value(), seen); held != nil {
				return held
			}
		}
	}
	return nil
}

// isTensorOrModule reports whether a value of type t, or a pointer to one, is one.
func isTensorOrModule(t reflect.Type) bool {
	p := reflect.PointerTo(t) // its methods are t's too
	return t == tensorType || p == tensorType || slices.ContainsFunc([]reflect.Type{moduleType, namerType, modeType}, func(is reflect.Type) bool {
		return t.Implements(is) || p.Implements(is)
	})
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

// live are packages whose values other goroutines change, so that they must not be
// looked into. They hold no layers.
var live = map[string]bool{"context": true, "io": true, "log": true, "net": true, "os": true, "sync": true, "testing": true}

// known holds the results of mayHold, a bool for each reflect.Type.
var known sync.Map

// mayHold reports whether values of type t can lead to tensors or modules; long
// slices of numbers are not worth a walk.
func mayHold(t reflect.Type) bool {
	may, ok := known.Load(t)
	if !ok {
		may = reaches(t, map[reflect.Type]bool{})
		known.Store(t, may)
	}
	return may.(bool)
}

// reaches is mayHold without the types that were seen.
func reaches(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t.Kind() == reflect.Interface || isTensorOrModule(t) {
		return true
	}
	library, _, _ := strings.Cut(t.PkgPath(), "/")
	if live[library] || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return reaches(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if reaches(t.Field(i).Type, seen) {
				return true
			}
		}
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
