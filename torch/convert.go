// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// put converts v to what arg wants.
func (a args) put(arg *argument, v any) {
	switch {
	case isNil(v) && arg.optional:
		a.none()
	case isNil(v):
		a.mismatch(arg, v)
	case arg.list && !a.putList(arg, v), !arg.list && !a.putOne(arg, v):
		a.mismatch(arg, v)
	}
}

// add adds x if ok is set, and returns ok.
func add[T any](put func(T) args, x T, ok bool) bool {
	if ok {
		put(x)
	}
	return ok
}

func (a args) putOne(arg *argument, v any) bool {
	switch arg.base {
	case "Tensor":
		t, ok := v.(*Tensor)
		return add(a.tensor, t, ok) || !arg.writes && a.number(v)
	case "int":
		i, ok := asInt(v)
		return add(a.int, i, ok)
	case "float":
		x, ok := asFloat(v)
		return add(a.double, x, ok)
	case "bool":
		b, ok := v.(bool)
		return add(a.bool, b, ok)
	case "Scalar":
		return a.number(v)
	case "str":
		s, ok := v.(string)
		return add(a.string, s, ok)
	case "ScalarType":
		d, ok := v.(DType)
		return add(a.dtype, d, ok)
	case "Device":
		d, ok := v.(Device)
		if name, isName := v.(string); isName {
			var err error
			if d, err = ParseDevice(name); err != nil {
				throw(a.o.fullName(), "argument %q: %v", arg.name, err)
			}
			ok = true
		}
		return add(a.device, d, ok)
	case "Layout":
		l, ok := v.(Layout)
		return ok && a.enum(arg, int(l), numLayouts)
	case "MemoryFormat":
		m, ok := v.(MemoryFormat)
		return ok && a.enum(arg, int(m), numMemoryFormats)
	}
	throw(a.o.fullName(), "argument %q: type %s is not supported here", arg.name, arg.typeName())
	return false
}

// enum adds one of libtorch's n names for something. libtorch does not check whether a
// number is one of them.
func (a args) enum(arg *argument, x, n int) bool {
	if x < 0 || x >= n {
		throw(a.o.fullName(), "argument %q: there is no %s with the number %d", arg.name, arg.base, x)
	}
	a.int(x)
	return true
}

// number adds a number or a bool as what it is in Go, and reports whether v is one.
func (a args) number(v any) bool {
	switch x := v.(type) {
	case bool:
		a.bool(x)
		return true
	case complex64:
		a.f.PutComplex(complex128(x))
		return true
	case complex128:
		a.f.PutComplex(x)
		return true
	}
	if i, ok := asInt(v); ok {
		a.int(i)
		return true
	}
	if r := reflect.ValueOf(v); r.CanUint() && r.Uint() > math.MaxInt64 {
		a.f.Put(ctorch.Uint, int64(r.Uint()))
		return true
	}
	x, ok := asFloat(v)
	if ok {
		a.double(x)
	}
	return ok
}

func (a args) putList(arg *argument, v any) bool {
	if i, ok := asInt(v); ok && arg.base == "int" && arg.length > 0 {
		// As in PyTorch, one number stands for a list of fixed length.
		a.ints(slices.Repeat([]int{i}, arg.length)...)
		return true
	}
	var ok bool
	switch arg.base {
	case "Tensor":
		var ts []*Tensor
		if ts, ok = v.([]*Tensor); ok {
			a.putTensors(arg, ts)
		}
	case "int":
		var xs []int
		if xs, ok = asInts(v); ok {
			a.ints(xs...)
		}
	case "float":
		var xs []float64
		if xs, ok = asFloats(v); ok {
			a.f.PutDoubles(ctorch.Doubles, xs...)
		}
	case "bool":
		var bs []bool
		if bs, ok = v.([]bool); ok {
			a.f.PutBools(bs...)
		}
	case "Scalar":
		if xs, isInts := asInts(v); isInts {
			a.f.PutInts(ctorch.IntScalars, xs...)
			return true
		}
		var xs []float64
		if xs, ok = asFloats(v); ok {
			a.f.PutDoubles(ctorch.DoubleScalars, xs...)
		}
	default:
		throw(a.o.fullName(), "argument %q: type %s is not supported here", arg.name, arg.typeName())
	}
	return ok
}

func (a args) putTensors(arg *argument, ts []*Tensor) {
	tag := ctorch.Tensors
	if arg.inner {
		tag = ctorch.OptionalTensors
	}
	for i, t := range ts {
		if t == nil && !arg.inner {
			throw(a.o.fullName(), "argument %q: tensor %d is nil", arg.name, i)
		}
	}
	a.f.PutTensors(tag, len(ts), func(i int) *ctorch.Ref {
		if ts[i] == nil {
			return nil
		}
		return &ts[i].ref
	})
}

func (a args) mismatch(arg *argument, v any) {
	given := fmt.Sprintf("%T", v)
	if isNil(v) {
		given = "nil"
	}
	throw(a.o.fullName(), "argument %q: expected %s, given %s", arg.name, arg.typeName(), given)
}

// value returns a result as a Go value.
func (a args) value(v ctorch.Value) any {
	switch v.Tag {
	case ctorch.Tensor:
		return a.wrap(v.Bits)
	case ctorch.OptionalTensors:
		return a.take(v)
	}
	return plainValue(v, a.f.List)
}

// plainValue returns an argument or a result that holds no tensors as a Go value. words
// returns the words of a list.
func plainValue(v ctorch.Value, words func(ctorch.Value) []int64) any {
	switch v.Tag {
	case ctorch.Int:
		return int(v.Bits)
	case ctorch.Uint:
		return uint64(v.Bits)
	case ctorch.Double:
		return math.Float64frombits(uint64(v.Bits))
	case ctorch.Complex:
		z := floatsOf(words(v))
		return complex(z[0], z[1])
	case ctorch.Bool:
		return v.Bits != 0
	case ctorch.Device:
		return deviceOf(int(v.N), int(v.Bits))
	case ctorch.String:
		return textOf(words(v), int(v.N))
	case ctorch.Ints, ctorch.IntScalars:
		return convertEach(words(v), func(w int64) int { return int(w) })
	case ctorch.Doubles, ctorch.DoubleScalars:
		return floatsOf(words(v))
	case ctorch.Bools:
		return convertEach(words(v), func(w int64) bool { return w != 0 })
	}
	return nil
}

func isNil(v any) bool {
	t, ok := v.(*Tensor)
	return v == nil || ok && t == nil
}

func asInt(v any) (int, bool) {
	r := reflect.ValueOf(v)
	switch v.(type) {
	case DType, MemoryFormat, Layout, DeviceType:
		return 0, false // numbers by accident, not by meaning
	}
	switch {
	case r.CanInt():
		return int(r.Int()), true
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return int(r.Uint()), true
	}
	return 0, false
}

func asFloat(v any) (float64, bool) {
	if r := reflect.ValueOf(v); r.CanFloat() {
		return r.Float(), true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

func asInts(v any) ([]int, bool) {
	switch xs := v.(type) {
	case []int:
		return xs, true
	case []int64:
		return convertEach(xs, func(x int64) int { return int(x) }), true
	}
	return nil, false
}

func asFloats(v any) ([]float64, bool) {
	switch xs := v.(type) {
	case []float64:
		return xs, true
	case []float32:
		return convertEach(xs, func(x float32) float64 { return float64(x) }), true
	}
	xs, ok := asInts(v)
	return convertEach(xs, func(x int) float64 { return float64(x) }), ok
}

// The bridge's lists and strings come as 64-bit words.

func convertEach[From, To any](xs []From, f func(From) To) []To {
	out := make([]To, len(xs))
	for i, x := range xs {
		out[i] = f(x)
	}
	return out
}

func floatsOf(words []int64) []float64 {
	return convertEach(words, func(w int64) float64 { return math.Float64frombits(uint64(w)) })
}

// textOf returns a string of n bytes.
func textOf(words []int64, n int) string {
	b := make([]byte, 0, 8*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	return string(b[:n])
}
