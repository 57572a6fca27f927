// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"math"
	"reflect"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// put converts v to what arg wants.
func (a args) put(arg *argument, v any) {
	if isNil(v) {
		if !arg.optional {
			a.mismatch(arg, v)
		}
		a.none()
		return
	}
	if arg.list {
		a.putList(arg, v)
		return
	}
	switch arg.base {
	case "Tensor":
		if t, ok := v.(*Tensor); ok {
			a.optional(t)
			return
		}
		if !arg.writes && a.number(v) {
			return
		}
	case "int":
		if i, ok := asInt(v); ok {
			a.int(i)
			return
		}
	case "float":
		if x, ok := asFloat(v); ok {
			a.double(x)
			return
		}
	case "bool":
		if b, ok := v.(bool); ok {
			a.bool(b)
			return
		}
	case "Scalar":
		if a.number(v) {
			return
		}
	case "str":
		if s, ok := v.(string); ok {
			a.string(s)
			return
		}
	case "ScalarType":
		if d, ok := v.(DType); ok {
			a.dtype(d)
			return
		}
	case "Device":
		switch d := v.(type) {
		case Device:
			a.device(d)
			return
		case string:
			dev, err := ParseDevice(d)
			if err != nil {
				throw(a.o.fullName(), "argument %q: %v", arg.name, err)
			}
			a.device(dev)
			return
		}
	case "Layout":
		if l, ok := v.(Layout); ok {
			a.enum(arg, int(l), numLayouts)
			return
		}
	case "MemoryFormat":
		if m, ok := v.(MemoryFormat); ok {
			a.enum(arg, int(m), numMemoryFormats)
			return
		}
	default:
		throw(a.o.fullName(), "argument %q: type %s is not supported here", arg.name, arg.typeName())
	}
	a.mismatch(arg, v)
}

// enum adds one of libtorch's n names for something. libtorch does not look whether a
// number is one of them.
func (a args) enum(arg *argument, x, n int) {
	if x < 0 || x >= n {
		throw(a.o.fullName(), "argument %q: there is no %s with the number %d", arg.name, arg.base, x)
	}
	a.int(x)
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

func (a args) putList(arg *argument, v any) {
	if i, ok := asInt(v); ok && arg.base == "int" && arg.length > 0 {
		// As in PyTorch, one number stands for a list of fixed length.
		all := make([]int, arg.length)
		for k := range all {
			all[k] = i
		}
		a.ints(all...)
		return
	}
	switch arg.base {
	case "Tensor":
		if ts, ok := v.([]*Tensor); ok {
			a.putTensors(arg, ts)
			return
		}
	case "int":
		if xs, ok := asInts(v); ok {
			a.ints(xs...)
			return
		}
	case "float":
		if xs, ok := asFloats(v); ok {
			a.f.PutDoubles(ctorch.Doubles, xs...)
			return
		}
	case "bool":
		if bs, ok := v.([]bool); ok {
			a.f.PutBools(bs...)
			return
		}
	case "Scalar":
		if xs, ok := asInts(v); ok {
			a.f.PutInts(ctorch.IntScalars, xs...)
			return
		}
		if xs, ok := asFloats(v); ok {
			a.f.PutDoubles(ctorch.DoubleScalars, xs...)
			return
		}
	default:
		throw(a.o.fullName(), "argument %q: type %s is not supported here", arg.name, arg.typeName())
	}
	a.mismatch(arg, v)
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

func (a args) value(v ctorch.Value) any {
	switch v.Tag {
	case ctorch.None:
		return (any)(nil)
	case ctorch.Tensor:
		return a.wrap(v.Bits)
	case ctorch.Int:
		return int(v.Bits)
	case ctorch.Uint:
		return uint64(v.Bits)
	case ctorch.Complex:
		z := floatsOf(a.f.List(v))
		return complex(z[0], z[1])
	case ctorch.Double:
		return math.Float64frombits(uint64(v.Bits))
	case ctorch.Bool:
		return v.Bits != 0
	case ctorch.Device:
		return deviceOf(int(v.N), int(v.Bits))
	case ctorch.OptionalTensors:
		return a.take(v)
	case ctorch.String:
		return textOf(a.f.List(v), int(v.N))
	case ctorch.Ints:
		return intsOf(a.f.List(v))
	case ctorch.Doubles:
		return floatsOf(a.f.List(v))
	case ctorch.Bools:
		return boolsOf(a.f.List(v))
	}
	return nil
}

func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch x := v.(type) {
	case *Tensor:
		return x == nil
	}
	return false
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
		return intsOf(xs), true
	}
	return nil, false
}

func asFloats(v any) ([]float64, bool) {
	switch xs := v.(type) {
	case []float64:
		return xs, true
	case []float32:
		out := make([]float64, len(xs))
		for i, x := range xs {
			out[i] = float64(x)
		}
		return out, true
	}
	if xs, ok := asInts(v); ok {
		out := make([]float64, len(xs))
		for i, x := range xs {
			out[i] = float64(x)
		}
		return out, true
	}
	return nil, false
}
