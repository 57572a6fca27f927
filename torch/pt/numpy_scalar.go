// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/internal/fail"
	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// numpyScalar reads the call numpy.core.multiarray.scalar(dtype, bytes) as a Go
// number or text.
func numpyScalar(l *loader, args []any) any {
	d := as[*numpyDType](args[0], "the type is %s")
	var b []byte
	switch x := args[1].(type) {
	case []byte:
		b = bytes.Clone(x)
	case string: // of Python 2
		b = []byte(x)
	default:
		fail.With("the value is %s", pickle.Kind(x))
	}
	l.charge(len(b))
	if d.kind == 'U' {
		return numpyText(b, d.big)
	}
	if len(b) != d.size {
		fail.With("%d bytes for the type %s", len(b), d.name())
	}
	unit := d.size
	if d.kind == 'c' {
		unit /= 2
	}
	if d.big {
		turn(b, unit)
	}
	return numpyNumber(d.name(), b)
}

func numpyNumber(name string, b []byte) any {
	var word [16]byte
	copy(word[:], b)
	u, v := binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(word[8:])
	switch name {
	case "b1":
		return u != 0
	case "i1":
		return int(int8(u))
	case "i2":
		return int(int16(u))
	case "i4":
		return int(int32(u))
	case "i8":
		return int(u)
	case "u1", "u2", "u4", "u8":
		if u > math.MaxInt64 {
			return new(big.Int).SetUint64(u)
		}
		return int(u)
	case "f2":
		return half(uint16(u))
	case "f4":
		return float64(math.Float32frombits(uint32(u)))
	case "f8":
		return math.Float64frombits(u)
	case "c8":
		return complex(float64(math.Float32frombits(uint32(u))), float64(math.Float32frombits(uint32(u>>32))))
	case "c16":
		return complex(math.Float64frombits(u), math.Float64frombits(v))
	}
	fail.On(unreadError{fmt.Errorf("a number of the type %s is not read; save float(x)", name)})
	return nil
}

// half converts a number of 16 bits (IEEE 754 binary16).
func half(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&0x1f), float64(h&0x3ff)
	if h>>15 == 1 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1+fraction/1024, exponent-15)
}

// numpyText reads UTF-32, padded with zeros.
func numpyText(b []byte, isBig bool) string {
	if len(b)%4 != 0 {
		fail.With("a text that is not UTF-32")
	}
	if isBig {
		turn(b, 4)
	}
	var s strings.Builder
	for ; len(b) > 0; b = b[4:] {
		r := rune(binary.LittleEndian.Uint32(b))
		if !utf8.ValidRune(r) {
			fail.With("a text that is not UTF-32")
		}
		s.WriteRune(r)
	}
	return strings.TrimRight(s.String(), "\x00")
}
