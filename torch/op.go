// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"math"
	"reflect"
	"strings"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// args collects the arguments of one call of an operator whose schema is known
// to the code that writes them. Its methods chain:
//
//	on("aten::softmax.int", t).int(dim).none().one()
//
// A call allocates its results and nothing else.
type args struct {
	o *op
	f *ctorch.Frame
}

// on begins a call of an operator, named with its overload, with tensors.
func on(name string, ts ...*Tensor) args {
	if !ctorch.Loaded() {
		op, _, _ := strings.Cut(name, ".")
		mustInit(op)
	}
	a := args{findOp(name), ctorch.NewFrame()}
	for _, t := range ts {
		a.tensor(t)
	}
	return a
}

// tensor adds a tensor.
func (a args) tensor(t *Tensor) args {
	if t == nil {
		a.refuse("argument %q is a nil tensor", a.o.args[len(a.f.Args)].name)
	}
	a.f.PutTensor(&t.ref)
	return a
}

// optional adds a tensor that may be nil.
func (a args) optional(t *Tensor) args {
	if t == nil {
		return a.none()
	}
	a.f.PutTensor(&t.ref)
	return a
}

func (a args) none() args            { a.f.Put(ctorch.None, 0); return a }
func (a args) omit() args            { a.f.Put(ctorch.Default, 0); return a }
func (a args) int(x int) args        { a.f.Put(ctorch.Int, int64(x)); return a }
func (a args) double(x float64) args { a.f.PutDouble(x); return a }
func (a args) bool(b bool) args      { a.f.PutBool(b); return a }
func (a args) scalar(x any) args {
	if !a.number(x) {
		a.refuse("expected a number, given %T", x)
	}
	return a
}
func (a args) string(s string) args { a.f.PutString(s); return a }
func (a args) ints(xs ...int) args  { a.f.PutInts(ctorch.Ints, xs...); return a }
func (a args) device(d Device) args { a.f.PutDevice(int(d.Type), d.index()); return a }
func (a args) tensors(ts []*Tensor) args {
	a.f.PutTensors(ctorch.Tensors, len(ts), func(i int) *ctorch.Ref {
		if ts[i] == nil {
			a.refuse("tensor %d of a list is nil", i)
		}
		return &ts[i].ref
	})
	return a
}

func (a args) dtype(d DType) args {
	if d >= numDTypes {
		a.refuse("no element type has the number %d", uint8(d))
	}
	a.f.Put(ctorch.Int, int64(d.code()))
	return a
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

// refuse gives the call up: the tensors in it can be freed again.
func (a args) refuse(format string, values ...any) {
	a.f.Done()
	throw(a.o.name, format, values...)
}

// do makes the call. The caller ends the use of the frame, also when do panics.
func (a args) do(discard bool) {
	if r := a.f.Refused; r != nil {
		throw(a.o.name, "%s", unusable(r))
	}
	if err := a.f.Call(a.o.handle, discard); err != nil {
		panic(&Error{Op: a.o.name, Shapes: a.shapes(), Message: reason(err)})
	}
	if tr := a.tracer(); tr != nil {
		tr.record(a.o, a.f, discard)
	}
}

// tracer returns the trace that the call is part of, nil for none.
func (a args) tracer() recorder { return tracerIn(a.f.Scope) }

// shapes returns the shapes of the call's tensors, for an error.
func (a args) shapes() [][]int {
	var shapes [][]int
	for _, v := range a.f.Args {
		for _, h := range a.f.Handles(v) {
			if info, err := ctorch.Describe(h); err == nil && len(shapes) < 8 {
				shapes = append(shapes, info.Sizes)
			}
		}
	}
	return shapes
}

// wrap makes a tensor of a result. The first one answers for the bytes of all of them.
func (a args) wrap(bits int64) *Tensor {
	bytes := a.f.Fresh
	a.f.Fresh = 0
	return wrap(ctorch.Handle(bits), a.f.Scope, bytes)
}

// result takes the i-th result, a tensor; nil for None.
func (a args) result(i int) *Tensor {
	v := a.f.Results[i]
	switch v.Tag {
	case ctorch.Tensor:
		return a.wrap(v.Bits)
	case ctorch.None:
		return nil
	}
	throw(a.o.name, "result %d is not a tensor", i)
	return nil
}

// one returns the call's only tensor.
func (a args) one() *Tensor {
	defer a.f.Done()
	a.do(false)
	return a.result(0)
}

func (a args) two() (*Tensor, *Tensor) {
	defer a.f.Done()
	a.do(false)
	return a.result(0), a.result(1)
}

func (a args) three() (*Tensor, *Tensor, *Tensor) {
	defer a.f.Done()
	a.do(false)
	return a.result(0), a.result(1), a.result(2)
}

// first returns the first of a call's tensors. The others are freed with the scope.
func (a args) first() *Tensor {
	defer a.f.Done()
	a.do(false)
	first := a.result(0)
	for i := 1; i < a.f.N; i++ {
		a.result(i)
	}
	return first
}

// list returns the call's list of tensors.
func (a args) list() []*Tensor {
	defer a.f.Done()
	a.do(false)
	return a.take(a.f.Results[0])
}

func (a args) take(v ctorch.Value) []*Tensor {
	words := a.f.List(v)
	if tr := a.tracer(); tr != nil {
		tr.recordList(words)
	}
	ts := make([]*Tensor, len(words))
	for i, w := range words {
		if w != 0 {
			ts[i] = a.wrap(w)
		}
	}
	return ts
}

// void drops the results: for operators that work in place.
func (a args) void() {
	defer a.f.Done()
	a.do(true)
}

// item returns a call's only result, which is not a tensor.
func (a args) item() any {
	defer a.f.Done()
	a.do(false)
	return a.value(a.f.Results[0])
}

// holds returns a call's only result, a bool.
func (a args) holds() bool { return a.item() == true }

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
