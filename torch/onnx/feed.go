// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package onnx

import (
	"fmt"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/etude-ml/etude/torch"
	"github.com/etude-ml/etude/torch/internal/fail"
)

// array is a tensor in Go memory, as it goes into and comes out of a run.
type array struct {
	dtype torch.DType
	shape []int
	data  []byte
}

// elementType returns v's type; an error when the wrapper of ONNX Runtime cannot
// carry it.
func elementType(v Value) (torch.DType, error) {
	d, err := torch.ParseDType(v.DType)
	if err != nil || dataTypes[d] == 0 {
		return 0, fmt.Errorf("%s: values of this type cannot be passed to ONNX Runtime here", v)
	}
	return d, nil
}

// check compares feeds with the inputs of the model.
func (m *Model) check(feeds map[string]array) {
	want := "the model wants " + strings.Join(collect(m.Inputs, Value.String), ", ")
	for name := range feeds {
		if find(m.Inputs, name) == nil {
			fail.With("there is no input %q; %s", name, want)
		}
	}
	for _, v := range m.Inputs {
		a, ok := feeds[v.Name]
		if !ok {
			fail.With("input %q is missing; %s", v.Name, want)
		}
		fits := a.dtype.String() == v.DType && (v.AnyShape || len(a.shape) == len(v.Shape))
		for i, d := range v.Shape {
			fits = fits && (d.Size < 0 || d.Size == a.shape[i])
		}
		if !fits {
			fail.With("input %q: given %s %v; %s", v.Name, a.dtype, a.shape, want)
		}
	}
}

// carrier passes tensors of one type to and from the wrapper of ONNX Runtime, which
// has a Go type for each.
type carrier struct {
	dtype  torch.DType
	scalar func(data []byte) (ort.Value, error)
	data   func(v ort.Value) ([]byte, bool) // a copy; false where v is of another type
}

var carriers = []carrier{
	carry[float32](torch.Float32), carry[float64](torch.Float64),
	carry[int64](torch.Int64), carry[int32](torch.Int32), carry[int16](torch.Int16), carry[int8](torch.Int8),
	carry[uint64](torch.UInt64), carry[uint32](torch.UInt32), carry[uint16](torch.UInt16), carry[uint8](torch.UInt8),
	carry[bool](torch.Bool),
}

func carry[T torch.Element](d torch.DType) carrier {
	return carrier{
		d,
		func(data []byte) (ort.Value, error) { return ort.NewScalar(sliceOf[T](data)[0]) },
		func(v ort.Value) ([]byte, bool) {
			t, ok := v.(*ort.Tensor[T])
			if !ok {
				return nil, false
			}
			return slices.Clone(bytesOf(t.GetData())), true
		},
	}
}

// value makes ONNX Runtime's tensor over the elements.
func (a array) value() (ort.Value, error) {
	if len(a.shape) > 0 {
		return ort.NewCustomDataTensor(integers[int64](a.shape), a.data, ort.TensorElementDataType(dataTypes[a.dtype]))
	}
	for _, c := range carriers {
		if c.dtype == a.dtype {
			return c.scalar(a.data)
		}
	}
	return nil, fmt.Errorf("a scalar of type %s cannot be passed", a.dtype)
}

// copyOut copies a result.
func copyOut(v ort.Value) (array, error) {
	a := array{shape: integers[int]([]int64(v.GetShape()))}
	for _, c := range carriers {
		if data, ok := c.data(v); ok {
			a.dtype, a.data = c.dtype, data
			return a, nil
		}
	}
	return a, fmt.Errorf("%T cannot be read", v)
}
