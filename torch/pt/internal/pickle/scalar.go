// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// maxInt is the longest int, in bytes.
const maxInt = 256

// scalar carries out an opcode that writes a number, a text or bytes.
func (d *decoder) scalar(op byte) {
	switch op {
	case opNone:
		d.push(nil)
	case opNewTrue:
		d.push(true)
	case opNewFalse:
		d.push(false)
	case opBinInt: // the only one with a sign
		d.fresh(int(int32(d.number(4))))
	case opBinInt1:
		d.fresh(int(d.number(1)))
	case opBinInt2:
		d.fresh(int(d.number(2)))
	case opLong1:
		d.long(d.number(1))
	case opLong4:
		d.long(d.number(4))
	case opBinFloat:
		d.fresh(math.Float64frombits(binary.BigEndian.Uint64(d.take(8))))
	case opShortBinUnicode:
		d.text(1)
	case opBinUnicode:
		d.text(4)
	case opBinUnicode8:
		d.text(8)
	case opShortBinBytes:
		d.fresh(bytes.Clone(d.sized(1)))
	case opBinBytes:
		d.fresh(bytes.Clone(d.sized(4)))
	case opBinBytes8:
		d.fresh(bytes.Clone(d.sized(8)))
	case opByteArray8:
		d.fresh(&ByteArray{bytes.Clone(d.sized(8))})
	case opShortBinString:
		d.oldString(d.sized(1))
	case opBinString:
		d.oldString(d.sized(4))
	case opInt, opLong, opFloat, opString, opUnicode:
		d.asText(op)
	default:
		fail.On(refuse(op))
	}
}

// long reads an int of size bytes in two's complement.
func (d *decoder) long(size uint64) {
	if size > maxInt {
		fail.With("an int of %d bytes; up to %d are read", size, maxInt)
	}
	b := slices.Clone(d.take(int(size)))
	slices.Reverse(b)
	x := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	d.pushInt(x)
}

func (d *decoder) pushInt(x *big.Int) {
	if x.IsInt64() {
		d.fresh(int(x.Int64()))
	} else {
		d.fresh(x)
	}
}

func (d *decoder) text(n int) {
	b := d.sized(n)
	if !IsText(b) {
		fail.With("a str that is not valid UTF-8")
	}
	d.fresh(string(b))
}

// oldString pushes a str of Python 2, which may be text or not.
func (d *decoder) oldString(b []byte) {
	if utf8.Valid(b) {
		d.fresh(string(b))
	} else {
		d.fresh(bytes.Clone(b))
	}
}
