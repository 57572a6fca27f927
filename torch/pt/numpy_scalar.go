// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/pt/internal/pickle"
)

// numpyScalar reads the call numpy.core.multiarray.scalar(dtype, bytes) as a Go
// number or text.
func numpyScalar(l *loader, args []any) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("%d arguments", len(args))
	}
	d, ok := args[0].(*numpyDType)
	if !ok {
		return nil, fmt.Errorf("the type is %s", pickle.Kind(args[0]))
	}
	var b []byte
	switch x := args[1].(type) {
	case []byte:
		b = bytes.Clone(x)
	case string: // of Python 2
		b = []byte(x)
	default:
		return nil, fmt.Errorf("the value is %s", pickle.Kind(x))
	}
	if err := l.charge(len(b)); err != nil {
		return nil, err
	}
	if d.kind == 'U' {
		return numpyText(b, d.big)
	}
	if len(b) != d.size {
		return nil, fmt.Errorf("%d bytes for the type %s", len(b), d.name())
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

func numpyNumber(name string, b []byte) (any, error) {
	var word [8]byte
	copy(word[:], b)
	u := binary.LittleEndian.Uint64(word[:])
	switch name {
	case "b1":
		return u != 0, nil
	case "i1":
		return int(int8(u)), nil
	case "i2":
		return int(int16(u)), nil
	case "i4":
		return int(int32(u)), nil
	case "i8":
		return int(u), nil
	case "u1", "u2", "u4", "u8":
		if u > math.MaxInt64 {
			return new(big.Int).SetUint64(u), nil
		}
		return int(u), nil
	case "f2":
		return half(uint16(u)), nil
	case "f4":
		return float64(math.Float32frombits(uint32(u))), nil
	case "f8":
		return math.Float64frombits(u), nil
	case "c8":
		im := binary.LittleEndian.Uint32(b[4:])
		return complex(float64(math.Float32frombits(uint32(u))), float64(math.Float32frombits(im))), nil
	case "c16":
		return complex(math.Float64frombits(u), math.Float64frombits(binary.LittleEndian.Uint64(b[8:]))), nil
	}
	return nil, unreadError{fmt.Errorf("a number of the type %s is not read; save float(x)", name)}
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
func numpyText(b []byte, isBig bool) (any, error) {
	if len(b)%4 != 0 {
		return nil, errors.New("a text that is not UTF-32")
	}
	if isBig {
		turn(b, 4)
	}
	var s strings.Builder
	for ; len(b) > 0; b = b[4:] {
		r := rune(binary.LittleEndian.Uint32(b))
		if !utf8.ValidRune(r) {
			return nil, errors.New("a text that is not UTF-32")
		}
		s.WriteRune(r)
	}
	return strings.TrimRight(s.String(), "\x00"), nil
}
