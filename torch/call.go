// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Named holds keyword arguments of [Call].
type Named map[string]any

// Result holds what an operator returned: *Tensor, []*Tensor, int (uint64 from 2⁶³ on),
// float64, complex128, bool, string, []int, []float64, []bool, Device or nil, one for
// each result.
type Result struct {
	op     string
	values []any
}

// Len returns the number of results.
func (r Result) Len() int { return len(r.values) }

// At returns the i-th result.
func (r Result) At(i int) any {
	if i < 0 || i >= len(r.values) {
		throw(r.op, "there is no result %d of %d", i, len(r.values))
	}
	return r.values[i]
}

func result[T any](r Result, i int) T {
	v, ok := r.At(i).(T)
	if !ok {
		throw(r.op, "result %d is %T, not %T", i, r.values[i], v)
	}
	return v
}

// Tensor returns the first result, a tensor.
func (r Result) Tensor() *Tensor { return result[*Tensor](r, 0) }

// TensorAt returns the i-th result, a tensor.
func (r Result) TensorAt(i int) *Tensor { return result[*Tensor](r, i) }

// Tensors returns the first result, a list of tensors.
func (r Result) Tensors() []*Tensor { return result[[]*Tensor](r, 0) }

// Int returns the first result, an int.
func (r Result) Int() int { return result[int](r, 0) }

// Float returns the first result, a float.
func (r Result) Float() float64 { return result[float64](r, 0) }

// Bool returns the first result, a bool.
func (r Result) Bool() bool { return result[bool](r, 0) }

// Call calls any ATen operator by name, "aten::roll" or with its overload,
// "aten::add.Tensor". Arguments come in the schema's order, keyword-only ones in
// a [Named] at the end, which may also name others; an argument that is not given
// takes the schema's default. Go values become what the schema asks for:
//
//	Tensor, Tensor?          *Tensor, nil; for one that is only read also any number
//	Tensor[], Tensor?[]      []*Tensor
//	int, SymInt              any integer
//	float                    any number
//	Scalar                   any number (also complex), bool
//	bool, str                bool, string
//	int[], int[2]            []int, []int64; for a fixed length also one integer
//	float[], bool[], Scalar[] []float64, []float32; []bool; []float64, []int
//	ScalarType               DType
//	Device, MemoryFormat     Device or its name, MemoryFormat
//
// A number in place of a tensor counts as in Python: it does not change the type of the
// other tensor, unless it is of a higher kind (a float and a tensor of integers).
//
// It panics with an *[Error] that names the operator, the argument, what was
// expected and what was given.
func Call(name string, values ...any) Result {
	mustInit(name)
	o := findOp(name)
	named := Named{}
	for len(values) > 0 {
		n, ok := values[len(values)-1].(Named)
		if !ok {
			break
		}
		maps.Copy(named, n)
		values = values[:len(values)-1]
	}
	a := args{o, ctorch.NewFrame()}
	defer a.f.Done()
	a.convert(values, named)
	a.do(false)
	r := Result{op: o.fullName(), values: make([]any, a.f.N)}
	for i := range a.f.N {
		r.values[i] = a.value(a.f.Results[i])
	}
	return r
}

func (a args) convert(values []any, named Named) {
	o := a.o
	positional := 0
	for i := range o.args {
		if !o.args[i].keyword {
			positional++
		}
	}
	if len(values) > positional {
		throw(o.fullName(), "takes %d positional arguments, got %d; keyword-only ones go into a torch.Named", positional, len(values))
	}
	used := 0
	for i := range o.args {
		arg := &o.args[i]
		v, isNamed := named[arg.name]
		if isNamed {
			used++
		}
		switch {
		case i < len(values) && isNamed:
			throw(o.fullName(), "argument %q is given twice", arg.name)
		case i < len(values):
			a.put(arg, values[i])
		case isNamed:
			a.put(arg, v)
		case arg.fallback != "-":
			a.omit()
		default:
			throw(o.fullName(), "argument %q of type %s is missing", arg.name, arg.typeName())
		}
	}
	if used < len(named) {
		for k := range named {
			if !slices.ContainsFunc(o.args, func(a argument) bool { return a.name == k }) {
				throw(o.fullName(), "has no argument %q", k)
			}
		}
	}
}

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
		if d >= numDTypes { // a.dtype would end the use of the frame, as Call does
			throw(a.o.fullName(), "argument %q: no element type has the number %d", arg.name, uint8(d))
		}
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

func (a args) putList(arg *argument, v any) bool {
	if i, ok := asInt(v); ok && arg.base == "int" && arg.length > 0 {
		// As in PyTorch, one number stands for a list of fixed length.
		a.ints(slices.Repeat([]int{i}, arg.length)...)
		return true
	}
	switch arg.base {
	case "Tensor":
		ts, ok := v.([]*Tensor)
		return ok && a.putTensors(arg, ts)
	case "int":
		return putEach(asInts, v, func(xs []int) { a.ints(xs...) })
	case "float":
		return putEach(asFloats, v, func(xs []float64) { a.f.PutDoubles(ctorch.Doubles, xs...) })
	case "bool":
		bs, ok := v.([]bool)
		if ok {
			a.f.PutBools(bs...)
		}
		return ok
	case "Scalar":
		return putEach(asInts, v, func(xs []int) { a.f.PutInts(ctorch.IntScalars, xs...) }) ||
			putEach(asFloats, v, func(xs []float64) { a.f.PutDoubles(ctorch.DoubleScalars, xs...) })
	}
	throw(a.o.fullName(), "argument %q: type %s is not supported here", arg.name, arg.typeName())
	return false
}

// putEach adds v if it is a list of the kind that as reads, and reports whether it is.
func putEach[T any](as func(any) ([]T, bool), v any, put func([]T)) bool {
	xs, ok := as(v)
	if ok {
		put(xs)
	}
	return ok
}

func (a args) putTensors(arg *argument, ts []*Tensor) bool {
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
	return true
}

func (a args) mismatch(arg *argument, v any) {
	given := fmt.Sprintf("%T", v)
	if isNil(v) {
		given = "nil"
	}
	throw(a.o.fullName(), "argument %q: expected %s, given %s", arg.name, arg.typeName(), given)
}
