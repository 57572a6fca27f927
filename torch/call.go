// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"errors"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Named holds keyword arguments of [Call].
type Named map[string]any

// MemoryFormat is how an operator lays out the elements of its result.
type MemoryFormat int

// libtorch's memory formats.
const (
	ContiguousFormat MemoryFormat = iota
	PreserveFormat
	ChannelsLast
	ChannelsLast3d
	numMemoryFormats = iota
)

// Layout is a tensor's layout; only Strided is of use here.
type Layout int

// Strided is the layout of ordinary tensors.
const Strided Layout = 0

const numLayouts = 8 // the others are sparse ones, MKL-DNN's and jagged

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
// a [Named] at the end, which may also name others; what is left out takes the
// schema's default. Go values become what the schema asks for:
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
// A number in the place of a tensor counts as in Python: it does not change the type of
// the tensor beside it, unless it is of a higher kind (a float beside integers).
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
		for k, v := range n {
			named[k] = v
		}
		values = values[:len(values)-1]
	}
	a := args{o, ctorch.NewFrame()}
	if e := catch(func() { a.convert(values, named) }); e != nil {
		a.f.Done()
		panic(e)
	}
	a.do(false)
	r := Result{op: o.fullName(), values: make([]any, a.f.N)}
	for i := range a.f.N {
		r.values[i] = a.value(a.f.Results[i])
	}
	a.f.Done()
	return r
}

// catch is Try with the error's own type.
func catch(f func()) *Error {
	var e *Error
	errors.As(Try(f), &e)
	return e
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
			if !o.has(k) {
				throw(o.fullName(), "has no argument %q", k)
			}
		}
	}
}

func (o *op) has(name string) bool {
	for i := range o.args {
		if o.args[i].name == name {
			return true
		}
	}
	return false
}
