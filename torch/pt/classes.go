// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// function is a Python class or function that a file may call. All it does is
// what call says, which makes plain values and descriptions of tensors.
type function struct {
	name string
	call func(l *loader, args []any) (any, error)
}

func (f *function) String() string { return "the function " + f.name }

// storageClass is a class that names a storage's element type.
type storageClass struct {
	dtype   torch.DType
	untyped bool // the tensor names the type
}

func (c *storageClass) String() string { return "a storage class" }

// functions is the fixed list: whatever else a file names is refused.
var functions = map[string]*function{}

func init() {
	for _, f := range []*function{
		{"collections.OrderedDict", orderedDict},
		{"torch._utils._rebuild_tensor_v2", rebuildTensorV2},
		{"torch._utils._rebuild_tensor_v3", rebuildTensorV3},
		{"torch._utils._rebuild_parameter", rebuildParameter},
		{"torch.Size", torchSize},
		{"torch.device", torchDevice},
		{"torch.serialization._get_layout", torchLayout},
		{"_codecs.encode", encodeLatin1},
		{"__builtin__.bytes", emptyBytes},
	} {
		functions[f.name] = f
	}
}

// Global resolves a name of the fixed list.
func (l *loader) Global(module, name string) (any, error) {
	full := module + "." + name
	if f, ok := functions[full]; ok {
		return f, nil
	}
	switch module {
	case "torch":
		if d, ok := storageTypes[name]; ok {
			return &storageClass{dtype: d}, nil
		}
		if d, err := torch.ParseDType(name); err == nil {
			return d, nil
		}
	case "torch.storage":
		if name == untypedStorage {
			return &storageClass{dtype: torch.UInt8, untyped: true}, nil
		}
	}
	return nil, fmt.Errorf("the file asks for the Python class or function %q, which is not read, and nothing of it was run; save plain data in Python, such as torch.save(model.state_dict(), path)", full)
}

// Reduce calls a function of the fixed list.
func (l *loader) Reduce(f any, args []any) (any, error) {
	fn, ok := f.(*function)
	if !ok {
		return nil, fmt.Errorf("calls %s, which is not a function", pickle.Kind(f))
	}
	v, err := fn.call(l, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fn.name, err)
	}
	return v, nil
}

// Build accepts the attributes of an OrderedDict: a module's state_dict carries
// the version numbers of its layers so, which nothing here needs.
func (l *loader) Build(object, state any) error {
	if d, ok := object.(*pickle.Dict); !ok || !d.Ordered {
		return fmt.Errorf("sets attributes of %s", pickle.Kind(object))
	}
	if _, ok := state.(*pickle.Dict); !ok {
		return fmt.Errorf("sets the attributes of an OrderedDict to %s", pickle.Kind(state))
	}
	return nil
}

// PersistentID resolves ("storage", class, key, location, number of elements).
func (l *loader) PersistentID(id any) (any, error) {
	t, ok := id.(*pickle.Tuple)
	if !ok || len(t.Items) != 5 || t.Items[0] != "storage" {
		return nil, errors.New("a persistent id that is not of a storage")
	}
	class, ok1 := t.Items[1].(*storageClass)
	key, ok2 := t.Items[2].(string)
	_, ok3 := t.Items[3].(string)
	numel, ok4 := t.Items[4].(int)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, fmt.Errorf("a storage's id has %s, %s, %s, %s, not a class, a key, a location, a number",
			pickle.Kind(t.Items[1]), pickle.Kind(t.Items[2]), pickle.Kind(t.Items[3]), pickle.Kind(t.Items[4]))
	}
	return l.storage(key, class, numel)
}

func orderedDict(_ *loader, args []any) (any, error) {
	if len(args) != 0 {
		return nil, errors.New("called with arguments")
	}
	return &pickle.Dict{Ordered: true}, nil
}

func rebuildTensorV2(_ *loader, args []any) (any, error) { return tensorOf(args, nil) }

func rebuildTensorV3(_ *loader, args []any) (any, error) {
	if len(args) < 7 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	d, ok := args[6].(torch.DType)
	if !ok {
		return nil, fmt.Errorf("argument 7 is %s, not a dtype", pickle.Kind(args[6]))
	}
	return tensorOf(append(args[:6:6], args[7:]...), &d)
}

func rebuildParameter(_ *loader, args []any) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	t, ok1 := args[0].(*tensorSpec)
	grad, ok2 := args[1].(bool)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("called with %s and %s, not with a tensor and a bool", pickle.Kind(args[0]), pickle.Kind(args[1]))
	}
	p := *t
	p.requiresGrad = grad
	return &p, nil
}

func torchSize(_ *loader, args []any) (any, error) {
	if len(args) == 1 {
		if t, ok := args[0].(*pickle.Tuple); ok {
			return &pickle.Tuple{Items: t.Items}, nil
		}
	}
	return nil, errors.New("called with something else than one tuple")
}

func torchDevice(_ *loader, args []any) (any, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	name, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("a device called by %s", pickle.Kind(args[0]))
	}
	if len(args) == 2 {
		i, ok := args[1].(int)
		if !ok {
			return nil, fmt.Errorf("a device numbered by %s", pickle.Kind(args[1]))
		}
		name += fmt.Sprintf(":%d", i)
	}
	return torch.ParseDevice(name)
}

func torchLayout(_ *loader, args []any) (any, error) {
	if len(args) != 1 || args[0] != "torch.strided" {
		return nil, fmt.Errorf("%v; only torch.strided is read", args)
	}
	return torch.Strided, nil
}

func encodeLatin1(_ *loader, args []any) (any, error) {
	if len(args) != 2 || args[1] != "latin1" {
		return nil, errors.New("called otherwise than for bytes in Latin-1")
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("encodes %s", pickle.Kind(args[0]))
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r > 0xff }); i >= 0 {
		return nil, errors.New("the text is not Latin-1")
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b, nil
}

func emptyBytes(_ *loader, args []any) (any, error) {
	if len(args) != 0 {
		return nil, errors.New("called with arguments")
	}
	return []byte{}, nil
}
