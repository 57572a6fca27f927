// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package inspect

import (
	"encoding/binary"
	"math"
)

// Element describes how an element of a type is read: from Size bytes, little-endian.
type Element struct {
	Size int
	Read func(b []byte) complex128
}

// ElementOf returns how elements of a type are read, by PyTorch's name of it without
// "torch."; false for an unknown type. Integers beyond 2^53 are rounded.
func ElementOf(dtype string) (Element, bool) {
	e, ok := elementTypes[dtype]
	return e, ok
}

func real64[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64](x T) complex128 {
	return complex(float64(x), 0)
}

var (
	u16 = binary.LittleEndian.Uint16
	u32 = binary.LittleEndian.Uint32
	u64 = binary.LittleEndian.Uint64
)

var elementTypes = map[string]Element{
	"float32":   {4, func(b []byte) complex128 { return real64(math.Float32frombits(u32(b))) }},
	"float64":   {8, func(b []byte) complex128 { return real64(math.Float64frombits(u64(b))) }},
	"float16":   {2, func(b []byte) complex128 { return real64(half(u16(b))) }},
	"bfloat16":  {2, func(b []byte) complex128 { return real64(math.Float32frombits(uint32(u16(b)) << 16)) }},
	"int64":     {8, func(b []byte) complex128 { return real64(int64(u64(b))) }},
	"int32":     {4, func(b []byte) complex128 { return real64(int32(u32(b))) }},
	"int16":     {2, func(b []byte) complex128 { return real64(int16(u16(b))) }},
	"int8":      {1, func(b []byte) complex128 { return real64(int8(b[0])) }},
	"uint8":     {1, func(b []byte) complex128 { return real64(b[0]) }},
	"bool":      {1, func(b []byte) complex128 { return real64(b[0]) }},
	"uint16":    {2, func(b []byte) complex128 { return real64(u16(b)) }},
	"uint32":    {4, func(b []byte) complex128 { return real64(u32(b)) }},
	"uint64":    {8, func(b []byte) complex128 { return real64(u64(b)) }},
	"complex32": {4, func(b []byte) complex128 { return complex(half(u16(b)), half(u16(b[2:]))) }},
	"complex64": {8, func(b []byte) complex128 { return complex(float(b), float(b[4:])) }},
	"complex128": {16, func(b []byte) complex128 {
		return complex(math.Float64frombits(u64(b)), math.Float64frombits(u64(b[8:])))
	}},
	"float8_e4m3fn":   {1, func(b []byte) complex128 { return complex(small(b[0], 3, 7, finite), 0) }},
	"float8_e5m2":     {1, func(b []byte) complex128 { return complex(small(b[0], 2, 15, ieee), 0) }},
	"float8_e4m3fnuz": {1, func(b []byte) complex128 { return complex(small(b[0], 3, 8, unsignedZero), 0) }},
	"float8_e5m2fnuz": {1, func(b []byte) complex128 { return complex(small(b[0], 2, 16, unsignedZero), 0) }},
	"float8_e8m0fnu":  {1, func(b []byte) complex128 { return complex(power(b[0]), 0) }},
}

func float(b []byte) float64 { return float64(math.Float32frombits(u32(b))) }

// specials says which bits of a small float are not a number.
type specials int

const (
	ieee         specials = iota // the largest exponent: infinity or NaN
	finite                       // all ones: NaN
	unsignedZero                 // minus zero: NaN
)

// half is an IEEE float16.
func half(bits uint16) float64 {
	return floatOf(uint32(bits), 5, 10, 15, ieee)
}

// small is a float8 with so many bits of mantissa.
func small(bits byte, mantissa, bias int, s specials) float64 {
	return floatOf(uint32(bits), 7-mantissa, mantissa, bias, s)
}

func floatOf(bits uint32, exponentBits, mantissaBits, bias int, s specials) float64 {
	sign := 1.0
	if bits>>(exponentBits+mantissaBits)&1 == 1 {
		sign = -1
	}
	exponent := int(bits >> mantissaBits & (1<<exponentBits - 1))
	mantissa := int(bits & (1<<mantissaBits - 1))
	top := 1<<exponentBits - 1
	switch {
	case s == unsignedZero && sign < 0 && exponent == 0 && mantissa == 0,
		s == finite && exponent == top && mantissa == 1<<mantissaBits-1,
		s == ieee && exponent == top && mantissa != 0:
		return math.NaN()
	case s == ieee && exponent == top:
		return sign * math.Inf(1)
	case exponent == 0:
		return sign * math.Ldexp(float64(mantissa), 1-bias-mantissaBits)
	}
	return sign * math.Ldexp(float64(mantissa|1<<mantissaBits), exponent-bias-mantissaBits)
}

// power is a float8_e8m0fnu: a power of two.
func power(bits byte) float64 {
	if bits == 0xff {
		return math.NaN()
	}
	return math.Ldexp(1, int(bits)-127)
}
