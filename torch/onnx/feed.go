// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// Array is memory of the program for an input or an output of [Session.Bind].
type Array struct {
	dtype torch.DType
	shape []int // nil where the model's says it
	data  []byte
}

// ArrayOf returns the memory of data, row-major, as an array. One size may be -1, and the
// shape may be left out where the model leaves at most one dimension free.
func ArrayOf[T torch.Element](data []T, shape ...int) Array {
	return Array{torch.DTypeFor[T](), shape, bytesOf(data)}
}

// elementType returns v's type, which the wrapper of ONNX Runtime has to carry.
func elementType(v Value) torch.DType {
	d, err := torch.ParseDType(v.DType)
	if err != nil || dataTypes[d] == 0 {
		fail.With("%s: values of this type cannot be passed to ONNX Runtime here", v)
	}
	return d
}

// arrange returns what is given for the inputs or outputs of a model, in their order.
func arrange[T any](kind string, vs []Value, given map[string]T, array func(Value, T) Array) []Array {
	want := func() string { return "the model wants " + strings.Join(collect(vs, Value.String), ", ") }
	for name := range given {
		if !slices.ContainsFunc(vs, func(v Value) bool { return v.Name == name }) {
			fail.With("there is no %s %q; %s", kind, name, want())
		}
	}
	list := make([]Array, len(vs))
	for i, v := range vs {
		x, ok := given[v.Name]
		if !ok {
			fail.With("%s %q is missing; %s", kind, v.Name, want())
		}
		a := array(v, x)
		fits := a.dtype.String() == v.DType && (v.AnyShape || len(a.shape) == len(v.Shape))
		for k, d := range v.Shape {
			fits = fits && (d.Size < 0 || d.Size == a.shape[k])
		}
		if !fits {
			fail.With("%s %q: given %s %v; %s", kind, v.Name, a.dtype, a.shape, want())
		}
		list[i] = a
	}
	return list
}

// fill returns a with the shape that it is given or v has, where one size may be free.
func (v Value) fill(a Array) Array {
	shape, free, rest, n := slices.Clone(a.shape), -1, 1, len(a.data)/a.dtype.Size()
	if a.shape == nil {
		shape = collect(v.Shape, func(d Dim) int { return d.Size })
	}
	for i, size := range shape {
		switch {
		case size >= 0:
			rest *= size
		case free >= 0:
			fail.With("%s has several free dimensions: give a shape, with Run or ArrayOf", v)
		default:
			free = i
		}
	}
	switch {
	case a.shape == nil && v.AnyShape || free >= 0 && rest == 0:
		fail.With("%s: %d elements do not say which shape they have: give it, with Run or ArrayOf", v, n)
	case free < 0 && n != rest || free >= 0 && n%rest != 0:
		fail.With("%s: %d elements do not fill the shape %v", v, n, shape)
	case free >= 0:
		shape[free] = n / rest
	}
	a.shape = shape
	return a
}

// carrier passes tensors of one type to and from the wrapper of ONNX Runtime, which
// has a Go type for each.
type carrier struct {
	dtype  torch.DType
	scalar func(data []byte) (ort.Value, error)
	data   func(v ort.Value) ([]byte, bool) // in Go memory; false where v is of another type
}

var carriers = []carrier{
	carry[float32](), carry[float64](), carry[int64](), carry[int32](), carry[int16](), carry[int8](),
	carry[uint64](), carry[uint32](), carry[uint16](), carry[uint8](), carry[bool](),
}

func carry[T torch.Element]() carrier {
	return carrier{
		torch.DTypeFor[T](),
		func(data []byte) (ort.Value, error) { return ort.NewScalar(sliceOf[T](data)[0]) },
		func(v ort.Value) ([]byte, bool) {
			switch t := v.(type) {
			case *ort.Tensor[T]:
				return bytesOf(t.GetData()), true
			case *ort.Scalar[T]:
				return bytesOf([]T{t.GetData()}), true
			}
			return nil, false
		},
	}
}

// value makes ONNX Runtime's tensor over the elements, which stay where they are, but for a
// scalar.
func (a Array) value(pin *runtime.Pinner) ort.Value {
	if len(a.shape) > 0 {
		if len(a.data) == 0 { // the wrapper wants a byte, ONNX Runtime uses none
			a.data = make([]byte, 8)
		}
		pin.Pin(unsafe.SliceData(a.data))
		return fail.Or(ort.NewCustomDataTensor(integers[int64](a.shape), a.data, ort.TensorElementDataType(dataTypes[a.dtype])))
	}
	for _, c := range carriers {
		if c.dtype == a.dtype {
			return fail.Or(c.scalar(a.data))
		}
	}
	fail.With("a scalar of type %s cannot be passed", a.dtype)
	return nil
}

// arrayOf returns the result for an output. Its memory stays when it is destroyed.
func arrayOf(v Value, result ort.Value) Array {
	for _, c := range carriers {
		if data, ok := c.data(result); ok {
			return Array{c.dtype, integers[int]([]int64(result.GetShape())), data}
		}
	}
	fail.With("output %q: %T cannot be read", v.Name, result)
	return Array{}
}

// missing reports whether there is no value. After an error the wrapper leaves a nil pointer
// of some type.
func missing(v ort.Value) bool { return v == nil || reflect.ValueOf(v).IsNil() }

// destroy frees values, of which some may be missing.
func destroy(values []ort.Value) {
	for _, v := range values {
		if !missing(v) {
			_ = v.Destroy()
		}
	}
}
