// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import (
	"math"
	"reflect"
	"unsafe"

	"github.com/etude-ml/etude/torch/internal/ctorch"
)

// Element is a Go type that a tensor's elements can have.
type Element interface {
	float32 | float64 | int64 | int32 | int16 | int8 | uint8 | uint16 | uint32 | uint64 | bool
}

var elementTypes = map[reflect.Kind]DType{
	reflect.Float32: Float32, reflect.Float64: Float64, reflect.Bool: Bool,
	reflect.Int64: Int64, reflect.Int32: Int32, reflect.Int16: Int16, reflect.Int8: Int8,
	reflect.Uint8: UInt8, reflect.Uint16: UInt16, reflect.Uint32: UInt32, reflect.Uint64: UInt64,
}

// DTypeFor returns the type of a tensor whose elements are T in Go.
func DTypeFor[T Element]() DType { return elementTypes[reflect.TypeFor[T]().Kind()] }

// FromSlice copies data, in row-major order, into a new CPU tensor. Without a
// shape the tensor has one dimension.
func FromSlice[T Element](data []T, shape ...int) *Tensor {
	if shape == nil {
		shape = []int{len(data)}
	}
	size := int(unsafe.Sizeof(*new(T)))
	return fromMemory(unsafe.Pointer(unsafe.SliceData(data)), len(data)*size, len(data), shape, DTypeFor[T]())
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
	return wrap(h, scope, int64(bytes))
}

// ToSlice copies the elements out, in row-major order, from whatever device. T
// must be the tensor's own type; ToDType converts.
func ToSlice[T Element](t *Tensor) []T {
	if want, have := DTypeFor[T](), t.DType(); want != have {
		throw("ToSlice", "the tensor's elements are %s, not %s; ToDType converts", have, want)
	}
	var out []T
	t.read("ToSlice", func(i ctorch.Info) unsafe.Pointer {
		out = make([]T, i.Numel)
		return unsafe.Pointer(unsafe.SliceData(out))
	})
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
	var out []byte
	t.read("Bytes", func(i ctorch.Info) unsafe.Pointer {
		out = make([]byte, i.Numel*i.ItemSize)
		return unsafe.Pointer(unsafe.SliceData(out))
	})
	return out
}

// largeRead is how many bytes are asked of libtorch before they are asked of Go.
const largeRead = 256 << 20

// read copies the elements to the memory that allocate returns. What an expanded view
// would fill may be more than any machine has: libtorch, whose allocator returns an error,
// is asked first, since Go's ends the process.
func (t *Tensor) read(op string, allocate func(ctorch.Info) unsafe.Pointer) {
	Scope(func() {
		src := t
		i := t.describe(op)
		if i.DeviceType != int(DeviceCPU) || !i.IsContiguous || i.IsLazy {
			src = on("aten::resolve_neg", on("aten::resolve_conj", t.Detach().To(CPU)).one()).one().Contiguous()
		}
		bytes := i.Numel * i.ItemSize
		if bytes > largeRead {
			Empty([]int{bytes}, Options{DType: UInt8}).Close()
		}
		dst := allocate(i)
		h := src.enter(op)
		defer src.ref.Leave()
		check(op, ctorch.Read(h, dst, bytes), t)
	})
}

// Item returns the value of a tensor with one element, a bool as 0 or 1; of an int64
// beyond 2⁵³ the nearest float64 (ItemInt is exact). It refuses a complex number, which
// ItemComplex returns. On an accelerator the host waits for it.
func (t *Tensor) Item() float64 {
	switch x := on("aten::item", t).item().(type) {
	case float64:
		return x
	case int:
		return float64(x)
	case uint64:
		return float64(x)
	case bool:
		return float64(toInt(x))
	}
	throw("item", "the element is %s; ItemComplex returns it", t.DType())
	return 0
}

// ItemInt returns the value of a tensor with one element, without what stands behind
// the point. It refuses what is no int: NaN, numbers beyond the range of int, complex ones.
func (t *Tensor) ItemInt() int {
	switch x := on("aten::item", t).item().(type) {
	case int:
		return x
	case bool:
		return toInt(x)
	case float64:
		if x >= math.MinInt64 && x < math.MaxInt64 { // the latter is rounded up to 2⁶³
			return int(x)
		}
		throw("item", "%v is not within the range of int", x)
	case uint64:
		throw("item", "%d is not within the range of int", x)
	}
	throw("item", "the element is %s; ItemComplex returns it", t.DType())
	return 0
}

// ItemComplex returns the value of a tensor with one element of any type as a complex
// number.
func (t *Tensor) ItemComplex() complex128 {
	if z, ok := on("aten::item", t).item().(complex128); ok {
		return z
	}
	return complex(t.Item(), 0)
}
