// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/inspect"
	"github.com/etude-ml/etude/torch/internal/fail"
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
func numpyDTypeOf(_ *loader, args []any) any {
	s := as[string](args[0], "called with %s")
	d := &numpyDType{big: strings.HasPrefix(s, ">")}
	s = strings.TrimLeft(s, "<>|=")
	if n, err := fmt.Sscanf(s, "%c%d", &d.kind, &d.size); err != nil || n != 2 || s != d.name() || d.size < 0 || d.size > 1<<20 {
		fail.On(unreadError{fmt.Errorf("the type %q is not read", fail.Clip(s))})
	}
	return d
}

// complete reads (version, byte order, subtype, names, fields, size, alignment,
// flags); only plain types have None in the middle.
func (d *numpyDType) complete(state any) {
	t := as[*pickle.Tuple](state, "a numpy.dtype is set to %s").Items
	if len(t) < 5 {
		fail.With("a numpy.dtype is set to a tuple of %d", len(t))
	}
	order, ok := t[1].(string)
	if !ok || !strings.Contains("<>|=", order) || len(order) != 1 {
		fail.With("a numpy.dtype has an unknown byte order")
	}
	for _, v := range t[2:5] {
		if v != nil {
			fail.On(unreadError{errors.New("a structured numpy.dtype is not read; save its fields one by one")})
		}
	}
	d.big = order == ">"
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

// numpyReconstruct makes an empty array, which complete fills.
func numpyReconstruct(l *loader, args []any) any {
	if args[0] != (class{"numpy.ndarray"}) {
		fail.With("makes something else than a numpy.ndarray; save numpy.asarray(…)")
	}
	l.arrays++
	l.charge(128)
	return &numpyArray{}
}

// complete reads (version, shape, dtype, whether in Fortran's order, bytes).
func (a *numpyArray) complete(l *loader, state any) {
	t := as[*pickle.Tuple](state, "a numpy array is set to %s").Items
	if len(t) != 5 {
		fail.With("a numpy array is set to a tuple of %d", len(t))
	}
	fortran, ok := t[3].(bool)
	if !ok || a.whole {
		fail.With("a numpy array is set twice, or not as numpy does")
	}
	a.fill(l, t[1], t[2], t[4], fortran)
}

// numpyFromBuffer reads the call numpy.core.numeric._frombuffer(bytes, dtype, shape, order).
func numpyFromBuffer(l *loader, args []any) any {
	if args[3] != "C" && args[3] != "F" {
		fail.With("called otherwise than numpy does")
	}
	l.arrays++
	a := &numpyArray{}
	a.fill(l, args[2], args[1], args[0], args[3] == "F")
	return a
}

func (a *numpyArray) fill(l *loader, shape, dtype, data any, fortran bool) {
	d, ok := dtype.(*numpyDType)
	if !ok {
		err := fmt.Errorf("a numpy array whose type is %s", pickle.Kind(dtype))
		if _, ok := dtype.(*pickle.Object); ok {
			err = unreadError{err}
		}
		fail.On(err)
	}
	if a.dtype, ok = numpyTypes[d.name()]; !ok || d.unread {
		fail.On(unreadError{fmt.Errorf("a numpy array of the type %s is not read; save array.tolist()", d.name())})
	}
	a.shape = dims(shape, "a numpy array's shape: ")
	switch b := data.(type) {
	case []byte:
		a.data = b
	case *pickle.ByteArray:
		a.data = b.Bytes
	case string: // of Python 2
		a.data = []byte(b)
		l.charge(len(b))
	default:
		fail.With("a numpy array's elements are %s", pickle.Kind(data))
	}
	n, span := d.size, d.size // span counts an empty dimension as 1, as the strides do
	for _, s := range a.shape {
		if span, ok = mul(span, max(s, 1)); !ok {
			fail.With("a numpy array's shape, %v, is too large", a.shape)
		}
		n *= s
	}
	if n != len(a.data) {
		fail.With("a numpy array of the shape %v and the type %s has %d bytes, not %d", a.shape, d.name(), len(a.data), n)
	}
	a.big, a.fortran, a.whole = d.big, fortran, true
	l.charge(512 + 16*len(a.shape))
}

// spec describes the tensor that the array is read as.
func (a *numpyArray) spec() *tensorSpec {
	if !a.whole {
		fail.With("a numpy array without elements or type")
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
	return &tensorSpec{storage: s, dtype: a.dtype, size: a.shape, stride: stride}
}

// numpyScalar reads the call numpy.core.multiarray.scalar(dtype, bytes) as a Go
// number or text.
func numpyScalar(l *loader, args []any) any {
	d := as[*numpyDType](args[0], "the type is %s")
	var b []byte
	switch x := args[1].(type) {
	case []byte:
		b = bytes.Clone(x)
	case string: // of Python 2
		b = []byte(x)
	default:
		fail.With("the value is %s", pickle.Kind(x))
	}
	l.charge(len(b))
	if d.kind == 'U' {
		return numpyText(b, d.big)
	}
	if len(b) != d.size {
		fail.With("%d bytes for the type %s", len(b), d.name())
	}
	t, ok := numpyTypes[d.name()]
	if !ok {
		fail.On(unreadError{fmt.Errorf("a number of the type %s is not read; save float(x)", d.name())})
	}
	if d.big {
		turn(b, unitOf(t))
	}
	var word [8]byte
	copy(word[:], b)
	bits, unused := binary.LittleEndian.Uint64(word[:]), 64-8*d.size
	switch {
	case t == torch.Bool:
		return bits != 0
	case d.kind == 'i':
		return int(int64(bits<<unused) >> unused) // with its sign
	case d.kind == 'u' && bits > math.MaxInt64:
		return new(big.Int).SetUint64(bits)
	case d.kind == 'u':
		return int(bits)
	}
	e, _ := inspect.ElementOf(t.String())
	x := e.Read(b)
	if t.IsComplex() {
		return x
	}
	return real(x)
}

// numpyText reads UTF-32, padded with zeros.
func numpyText(b []byte, isBig bool) string {
	if len(b)%4 != 0 {
		fail.With("a text that is not UTF-32")
	}
	if isBig {
		turn(b, 4)
	}
	var s strings.Builder
	for ; len(b) > 0; b = b[4:] {
		r := rune(binary.LittleEndian.Uint32(b))
		if !utf8.ValidRune(r) {
			fail.With("a text that is not UTF-32")
		}
		s.WriteRune(r)
	}
	return strings.TrimRight(s.String(), "\x00")
}
