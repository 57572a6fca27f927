// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"unsafe"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Element is a Go type that a tensor's elements can have.
type Element interface {
	float32 | float64 | int64 | int32 | int16 | int8 | uint8 | uint16 | uint32 | uint64 | bool
}

func dtypeFor[T Element]() DType {
	var x T
	switch any(x).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int64:
		return Int64
	case int32:
		return Int32
	case int16:
		return Int16
	case int8:
		return Int8
	case uint8:
		return UInt8
	case uint16:
		return UInt16
	case uint32:
		return UInt32
	case uint64:
		return UInt64
	}
	return Bool
}

// FromSlice copies data, in row-major order, into a new CPU tensor. Without a
// shape the tensor has one dimension.
func FromSlice[T Element](data []T, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(data)}
	}
	size := int(unsafe.Sizeof(*new(T)))
	return fromMemory(unsafe.Pointer(unsafe.SliceData(data)), len(data)*size, len(data), shape, dtypeFor[T]())
}

// FromBytes copies little-endian elements into a new CPU tensor, for types that
// Go does not have, such as Float16.
func FromBytes(data []byte, dtype DType, shape ...int) *Tensor {
	return fromMemory(unsafe.Pointer(unsafe.SliceData(data)), len(data), len(data)/dtype.Size(), shape, dtype)
}

// Scalar returns a tensor without dimensions.
func Scalar[T Element](x T) *Tensor { return FromSlice([]T{x}, []int{}...) }

func fromMemory(p unsafe.Pointer, bytes, elements int, shape []int, d DType) *Tensor {
	mustInit("FromSlice")
	n := 1
	sizes := make([]int64, len(shape))
	for i, s := range shape {
		if s < 0 {
			throw("FromSlice", "shape %v has a negative size", shape)
		}
		n *= s
		sizes[i] = int64(s)
	}
	if n != elements {
		throw("FromSlice", "%d elements do not fill the shape %v, which holds %d", elements, shape, n)
	}
	h, scope, err := ctorch.From(p, bytes, sizes, d.code())
	check("FromSlice", err)
	return wrap(h, scope)
}

// ToSlice copies the elements out, in row-major order, from whatever device. T
// must be the tensor's own type; ToDType converts.
func ToSlice[T Element](t *Tensor) []T {
	if want, have := dtypeFor[T](), t.DType(); want != have {
		throw("ToSlice", "the tensor's elements are %s, not %s; ToDType converts", have, want)
	}
	out := make([]T, t.Numel())
	t.read(unsafe.Pointer(unsafe.SliceData(out)), len(out)*int(unsafe.Sizeof(*new(T))))
	return out
}

// Float32s copies the elements out as float32, converting other types.
func (t *Tensor) Float32s() []float32 {
	if t.DType() == Float32 {
		return ToSlice[float32](t)
	}
	var out []float32
	Scope(func() { out = ToSlice[float32](t.Detach().ToDType(Float32)) })
	return out
}

// Float64s copies the elements out as float64, converting other types.
func (t *Tensor) Float64s() []float64 {
	var out []float64
	Scope(func() { out = ToSlice[float64](t.Detach().ToDType(Float64)) })
	return out
}

// Bytes copies the elements out as little-endian bytes, in row-major order.
func (t *Tensor) Bytes() []byte {
	i := t.describe("Bytes")
	out := make([]byte, i.Numel*i.ItemSize)
	t.read(unsafe.Pointer(unsafe.SliceData(out)), len(out))
	return out
}

func (t *Tensor) read(dst unsafe.Pointer, bytes int) {
	src := t
	if i := t.describe("read"); i.DeviceType != int(DeviceCPU) || !i.IsContiguous || i.IsLazy {
		Scope(func() {
			src = t.Detach().To(CPU)
			src = opResolveNeg.on(opResolveConj.on(src).one()).one().Contiguous().Keep()
		})
		if src != t {
			defer src.Close()
		}
	}
	h := src.enter("read")
	defer src.ref.Leave()
	check("read", ctorch.Read(h, dst, bytes), t)
}

// Item returns the value of a tensor with one element. On an accelerator the
// host waits for it.
func (t *Tensor) Item() float64 { return opItem.on(t).number() }

// ItemInt returns the value of an integer tensor with one element.
func (t *Tensor) ItemInt() int { return opItem.on(t).integer() }

// String describes the tensor, with its elements when they are few.
func (t *Tensor) String() string { return format(t) }
