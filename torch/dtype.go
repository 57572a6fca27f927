// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package torch

import "fmt"

// DType is the type of a tensor's elements. The zero value is Float32.
type DType uint8

// The element types, by PyTorch's names.
const (
	Float32 DType = iota
	Float64
	Float16
	BFloat16
	Int64
	Int32
	Int16
	Int8
	UInt8
	Bool
	UInt16
	UInt32
	UInt64
	Complex32
	Complex64
	Complex128
	Float8E4M3FN
	Float8E5M2
	Float8E4M3FNUZ
	Float8E5M2FNUZ
	Float8E8M0FNU
	numDTypes
)

type elementType struct {
	code int // c10::ScalarType
	size int // in bytes
	name string
}

var dtypes = [numDTypes]elementType{
	Float32:        {6, 4, "float32"},
	Float64:        {7, 8, "float64"},
	Float16:        {5, 2, "float16"},
	BFloat16:       {15, 2, "bfloat16"},
	Int64:          {4, 8, "int64"},
	Int32:          {3, 4, "int32"},
	Int16:          {2, 2, "int16"},
	Int8:           {1, 1, "int8"},
	UInt8:          {0, 1, "uint8"},
	Bool:           {11, 1, "bool"},
	UInt16:         {27, 2, "uint16"},
	UInt32:         {28, 4, "uint32"},
	UInt64:         {29, 8, "uint64"},
	Complex32:      {8, 4, "complex32"},
	Complex64:      {9, 8, "complex64"},
	Complex128:     {10, 16, "complex128"},
	Float8E4M3FN:   {24, 1, "float8_e4m3fn"},
	Float8E5M2:     {23, 1, "float8_e5m2"},
	Float8E4M3FNUZ: {26, 1, "float8_e4m3fnuz"},
	Float8E5M2FNUZ: {25, 1, "float8_e5m2fnuz"},
	Float8E8M0FNU:  {44, 1, "float8_e8m0fnu"},
}

// String returns PyTorch's name without "torch.".
func (d DType) String() string {
	if d < numDTypes {
		return dtypes[d].name
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// Size returns the bytes of one element.
func (d DType) Size() int { return d.known().size }

// IsFloating reports whether d is a real floating-point type.
func (d DType) IsFloating() bool {
	switch d {
	case Float32, Float64, Float16, BFloat16, Float8E4M3FN, Float8E5M2, Float8E4M3FNUZ, Float8E5M2FNUZ, Float8E8M0FNU:
		return true
	}
	return false
}

// IsComplex reports whether d is a complex type.
func (d DType) IsComplex() bool { return d == Complex32 || d == Complex64 || d == Complex128 }

// ParseDType returns the type of a name such as "float32".
func ParseDType(name string) (DType, error) {
	for d := range numDTypes {
		if dtypes[d].name == name {
			return d, nil
		}
	}
	return 0, fmt.Errorf("torch: no element type is called %q", name)
}

func (d DType) code() int { return d.known().code }

func (d DType) known() *elementType {
	if d >= numDTypes {
		throw("", "no element type has the number %d", uint8(d))
	}
	return &dtypes[d]
}

func dtypeOf(code int) DType {
	for d := range numDTypes {
		if dtypes[d].code == code {
			return d
		}
	}
	throw("", "libtorch's element type %d is not known here", code)
	return 0
}

// MemoryFormat says how an operator lays out the elements of its result.
type MemoryFormat int

// libtorch's memory formats.
const (
	ContiguousFormat MemoryFormat = iota
	PreserveFormat
	ChannelsLast
	ChannelsLast3d
	numMemoryFormats = iota
)

// Layout is a kind of tensor; only Strided ones are of use here.
type Layout int

// Strided is the layout of ordinary tensors.
const Strided Layout = 0

const numLayouts = 8 // the others are sparse ones, MKL-DNN's and jagged
