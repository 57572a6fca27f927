// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// numpyDType is a numpy.dtype: kind and size as in its array interface.
type numpyDType struct {
	kind byte // 'f', 'i', 'u', 'b', 'c', 'U', 'S', …
	size int
	big  bool

	unread bool // a type that is not read
}

func (d *numpyDType) String() string { return "a numpy.dtype" }

func (d *numpyDType) name() string { return fmt.Sprintf("%c%d", d.kind, d.size) }

// numpyTypes are the types of arrays that a tensor can hold.
var numpyTypes = map[string]torch.DType{
	"f2": torch.Float16, "f4": torch.Float32, "f8": torch.Float64, "b1": torch.Bool, "c8": torch.Complex64, "c16": torch.Complex128,
	"i1": torch.Int8, "i2": torch.Int16, "i4": torch.Int32, "i8": torch.Int64,
	"u1": torch.UInt8, "u2": torch.UInt16, "u4": torch.UInt32, "u8": torch.UInt64,
}

// numpyDTypeOf reads the call numpy.dtype("f4", align, copy).
func numpyDTypeOf(_ *loader, args []any) (any, error) {
	if len(args) < 1 || len(args) > 3 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	s, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("called with %s", pickle.Kind(args[0]))
	}
	d := &numpyDType{big: strings.HasPrefix(s, ">")}
	s = strings.TrimLeft(s, "<>|=")
	if n, err := fmt.Sscanf(s, "%c%d", &d.kind, &d.size); err != nil || n != 2 || s != d.name() || d.size < 0 || d.size > 1<<20 {
		return nil, unreadError{fmt.Errorf("the type %q is not read", clip(s))}
	}
	return d, nil
}

// complete reads (version, byte order, subtype, names, fields, size, alignment,
// flags); only plain types have None in the middle.
func (d *numpyDType) complete(state any) error {
	t, ok := state.(*pickle.Tuple)
	if !ok || len(t.Items) < 5 {
		return fmt.Errorf("a numpy.dtype is set to %s", pickle.Kind(state))
	}
	order, ok := t.Items[1].(string)
	if !ok || !strings.Contains("<>|=", order) || len(order) != 1 {
		return errors.New("a numpy.dtype has an unknown byte order")
	}
	for _, v := range t.Items[2:5] {
		if v != nil {
			return unreadError{errors.New("a structured numpy.dtype is not read; save its fields one by one")}
		}
	}
	d.big = order == ">"
	return nil
}

// numpyArray is a numpy.ndarray, once it is complete.
type numpyArray struct {
	shape   []int
	dtype   torch.DType
	big     bool
	fortran bool
	data    []byte
	whole   bool
	unread  bool // its type is not read
}

func (a *numpyArray) String() string { return "a numpy array" }

// numpyReconstruct makes an empty array; what it holds comes with complete.
func numpyReconstruct(l *loader, args []any) (any, error) {
	if len(args) != 3 || args[0] != (class{"numpy.ndarray"}) {
		return nil, errors.New("makes something else than a numpy.ndarray; save numpy.asarray(…)")
	}
	l.arrays++
	return &numpyArray{}, l.charge(128)
}

// complete reads (version, shape, dtype, whether in Fortran's order, bytes).
func (a *numpyArray) complete(l *loader, state any) error {
	t, ok := state.(*pickle.Tuple)
	if !ok || len(t.Items) != 5 {
		return fmt.Errorf("a numpy array is set to %s", pickle.Kind(state))
	}
	fortran, ok := t.Items[3].(bool)
	if !ok || a.whole {
		return errors.New("a numpy array is set twice, or not as numpy does")
	}
	return a.fill(l, t.Items[1], t.Items[2], t.Items[4], fortran)
}

// numpyFromBuffer reads the call numpy.core.numeric._frombuffer(bytes, dtype, shape, order).
func numpyFromBuffer(l *loader, args []any) (any, error) {
	if len(args) != 4 || args[3] != "C" && args[3] != "F" {
		return nil, errors.New("called otherwise than numpy does")
	}
	l.arrays++
	a := &numpyArray{}
	return a, a.fill(l, args[2], args[1], args[0], args[3] == "F")
}

func (a *numpyArray) fill(l *loader, shape, dtype, data any, fortran bool) error {
	d, ok := dtype.(*numpyDType)
	if !ok {
		err := fmt.Errorf("a numpy array whose type is %s", pickle.Kind(dtype))
		if _, ok := dtype.(*pickle.Object); ok {
			err = unreadError{err}
		}
		return err
	}
	if a.dtype, ok = numpyTypes[d.name()]; !ok || d.unread {
		return unreadError{fmt.Errorf("a numpy array of the type %s is not read; save array.tolist()", d.name())}
	}
	var err error
	if a.shape, err = dims(shape); err != nil {
		return fmt.Errorf("a numpy array's shape: %w", err)
	}
	switch b := data.(type) {
	case []byte:
		a.data = b
	case *pickle.ByteArray:
		a.data = b.Bytes
	case string: // of Python 2
		a.data = []byte(b)
		if err := l.charge(len(b)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("a numpy array's elements are %s", pickle.Kind(data))
	}
	n, span := d.size, d.size // span is what the strides reach, also of an empty array
	for _, s := range a.shape {
		if span, ok = mul(span, max(s, 1)); !ok {
			return fmt.Errorf("a numpy array's shape, %v, is too large", a.shape)
		}
		n *= s
	}
	if n != len(a.data) {
		return fmt.Errorf("a numpy array of the shape %v and the type %s has %d bytes, not %d", a.shape, d.name(), len(a.data), n)
	}
	a.big, a.fortran, a.whole = d.big, fortran, true
	return l.charge(512 + 16*len(a.shape))
}

// spec describes the tensor that the array is read as.
func (a *numpyArray) spec() (*tensorSpec, error) {
	if !a.whole {
		return nil, errors.New("a numpy array without elements or type")
	}
	item := a.dtype.Size()
	s := &storageSpec{
		key: "of a numpy array", class: storageClass{dtype: a.dtype}, numel: len(a.data) / item, bytes: len(a.data),
		r: bytes.NewReader(a.data), rec: record{name: "numpy array", size: int64(len(a.data))},
		location: "cpu", big: a.big, unit: unitOf(a.dtype), private: true,
	}
	stride, step := make([]int, len(a.shape)), 1
	for k := range a.shape {
		i := len(a.shape) - 1 - k
		if a.fortran {
			i = k
		}
		stride[i] = step
		step *= max(a.shape[i], 1)
	}
	return &tensorSpec{storage: s, dtype: a.dtype, size: a.shape, stride: stride}, nil
}
