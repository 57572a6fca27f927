// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"slices"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// placeholder returns the object that replaces a value that is not read, when
// placeholders are wanted.
func (l *loader) placeholder(v any) (*pickle.Object, bool) {
	if !l.opts.Placeholders {
		return nil, false
	}
	switch v := v.(type) {
	case *pickle.Object:
		return v, true
	case unread:
		return &pickle.Object{Class: v.name}, true
	case class:
		return &pickle.Object{Class: v.name}, true
	case *function:
		return &pickle.Object{Class: v.name}, true
	case *storageClass, *storageSpec:
		return &pickle.Object{Class: "torch.storage.TypedStorage"}, true
	case *numpyDType:
		return &pickle.Object{Class: "numpy.dtype"}, true
	case *numpyArray:
		return &pickle.Object{Class: "numpy.ndarray"}, v.unread
	}
	return nil, false
}

// holdsUnread reports whether one of the arguments of a call, or of its tuples, is
// not read.
func holdsUnread(args []any) bool {
	return slices.ContainsFunc(args, func(v any) bool {
		switch v := v.(type) {
		case *pickle.Object, unread:
			return true
		case *numpyArray:
			return v.unread
		case *pickle.Tuple:
			return slices.ContainsFunc(v.Items, func(x any) bool { _, ok := x.(*pickle.Object); return ok })
		}
		return false
	})
}

// functions lists the functions that a file may name; everything else is refused.
var functions = map[string]*function{}

func init() {
	for _, f := range []*function{
		{"collections.OrderedDict", 0, 1, orderedDict},
		{"collections.Counter", 0, 1, counter},
		{"collections.defaultdict", 0, 1, defaultDict},
		{"torch._utils._rebuild_tensor", 4, 4, rebuildTensorV1},
		{"torch._utils._rebuild_tensor_v2", 6, 7, rebuildTensorV2},
		{"torch._utils._rebuild_tensor_v3", 7, 8, rebuildTensorV3},
		{"torch._utils._rebuild_parameter", 3, 3, rebuildParameter},
		{"torch._utils._rebuild_parameter_with_state", 4, 4, rebuildParameter}, // with attributes, which are dropped
		{"torch._tensor._rebuild_from_type_v2", 4, 4, rebuildFromType},
		{"torch.Size", 1, 1, torchSize},
		{"torch.device", 1, 2, torchDevice},
		{"torch.serialization._get_layout", 1, 1, torchLayout},
		{"_codecs.encode", 0, 2, encodeLatin1},
		{"builtins.bytes", 0, 1, emptyBytes},
		{"builtins.bytearray", 0, 2, byteArray},
		{"builtins.set", 0, 1, func(l *loader, args []any) any { return setOf(l, args, false) }},
		{"builtins.frozenset", 0, 1, func(l *loader, args []any) any { return setOf(l, args, true) }},
		{"builtins.complex", 2, 2, newComplex},
		{"numpy.dtype", 1, 3, numpyDTypeOf},
		{"numpy.core.multiarray.scalar", 2, 2, numpyScalar},
		{"numpy.core.multiarray._reconstruct", 3, 3, numpyReconstruct},
		{"numpy.core.numeric._frombuffer", 4, 4, numpyFromBuffer},
	} {
		functions[f.name] = f
	}
}

// classes lists the classes that may be arguments of the functions.
var classes = map[string]bool{
	"torch.Tensor": true, "torch.nn.parameter.Parameter": true, "torch.nn.parameter.Buffer": true, "numpy.ndarray": true,
	"builtins.dict": true, "builtins.list": true, "builtins.int": true, "builtins.float": true, "builtins.str": true,
}

// renamed are modules that have other names in Python 2 or in numpy 2.
var renamed = map[string]string{
	"__builtin__": "builtins", "numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric",
}

// Global resolves a name of the fixed list.
func (l *loader) Global(module, name string) (any, error) {
	full := module + "." + name
	if m, ok := renamed[module]; ok {
		module = m
	}
	known := module + "." + name
	if f, ok := functions[known]; ok {
		return f, nil
	}
	if classes[known] {
		return class{known}, nil
	}
	switch module {
	case "torch", "torch.cuda":
		if d, ok := storageTypes[name]; ok {
			return &storageClass{dtype: d}, nil
		}
		if d, err := torch.ParseDType(name); err == nil && module == "torch" {
			return d, nil
		}
	case "torch.storage":
		if name == untypedStorage {
			return &storageClass{dtype: torch.UInt8, untyped: true}, nil
		}
	}
	if l.opts.Placeholders {
		return unread{class{full}}, fail.Catch(func() { l.charge(len(full)) })
	}
	return nil, refuseGlobal(full)
}

// Reduce calls a function of the fixed list.
func (l *loader) Reduce(f any, args []any) (any, error) {
	fn, ok := f.(*function)
	if !ok {
		if o, ok := l.placeholder(f); ok {
			if o.Class == "copyreg._reconstructor" || o.Class == "copy_reg._reconstructor" { // makes an object of its first argument
				if made, ok := l.placeholder(slices.Concat(args, []any{nil})[0]); ok {
					return made, nil
				}
			}
			return &pickle.Object{Class: o.Class}, nil
		}
		return nil, fmt.Errorf("calls %s, which is not a function", pickle.Kind(f))
	}
	var v any
	err := fail.Catch(func() { v = fn.do(l, args) })
	switch {
	case err == nil:
		return v, nil
	case l.mayBeUnread(err) || l.opts.Placeholders && holdsUnread(args):
		return &pickle.Object{Class: fn.name}, nil
	}
	return nil, fmt.Errorf("%s: %w", fn.name, err)
}

// mayBeUnread reports whether a placeholder may replace what err refuses.
func (l *loader) mayBeUnread(err error) bool {
	_, isUnread := errors.AsType[unreadError](err)
	return isUnread && l.opts.Placeholders
}

// Build sets the attributes of an OrderedDict, as a module's state_dict has them,
// and completes numpy's types and arrays.
func (l *loader) Build(object, state any) error {
	switch o := object.(type) {
	case *pickle.Object:
		return nil
	case *numpyDType:
		return l.complete(&o.unread, func() { o.complete(state) })
	case *numpyArray:
		return l.complete(&o.unread, func() { o.complete(l, state) })
	case *pickle.Dict:
		if !o.Ordered {
			break
		}
		d, ok := state.(*pickle.Dict)
		if !ok {
			return fmt.Errorf("sets the attributes of an OrderedDict to %s", pickle.Kind(state))
		}
		o.Attributes = d
		return nil
	}
	return fmt.Errorf("sets attributes of %s", pickle.Kind(object))
}

// complete calls f, and notes in unread where a placeholder may replace the value.
func (l *loader) complete(unread *bool, f func()) error {
	err := fail.Catch(f)
	if *unread = l.mayBeUnread(err); *unread {
		return nil
	}
	return err
}

// PersistentID resolves the reference to a storage.
func (l *loader) PersistentID(id any) (any, error) {
	t, ok := id.(*pickle.Tuple)
	if ok && len(t.Items) > 1 && t.Items[0] == "module" { // a class with its source, in files before PyTorch 1.6
		if u, ok := t.Items[1].(unread); ok {
			return u, nil
		}
	}
	if !ok || len(t.Items) == 0 || t.Items[0] != "storage" {
		return nil, errors.New("a persistent id that is not of a storage")
	}
	var s *storageSpec
	err := fail.Catch(func() { s = l.fields(t.Items) })
	return s, err
}

// storageID reads ("storage", class, key, location, number of elements).
func (l *loader) storageID(id []any) *storageSpec {
	if len(id) != 5 {
		fail.With("a storage's id of %d fields, not of 5", len(id))
	}
	class, ok1 := id[1].(*storageClass)
	key, ok2 := id[2].(string)
	location, ok3 := id[3].(string)
	numel, ok4 := id[4].(int)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		fail.With("a storage's id has %s, %s, %s, %s, not a class, a key, a location, a number",
			pickle.Kind(id[1]), pickle.Kind(id[2]), pickle.Kind(id[3]), pickle.Kind(id[4]))
	}
	if len(key) > maxKey {
		fail.With("a storage's key of %d bytes", len(key))
	}
	return l.storage(key, class, numel, location)
}

const maxKey = 200
