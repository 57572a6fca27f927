// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// maxInt is the longest int, in bytes.
const maxInt = 256

// scalar carries out an opcode that writes a number, a text or bytes.
func (d *decoder) scalar(op byte) error {
	switch op {
	case opNone:
		return d.push(nil)
	case opNewTrue:
		return d.push(true)
	case opNewFalse:
		return d.push(false)
	case opBinInt:
		return d.int(4)
	case opBinInt1:
		return d.int(1)
	case opBinInt2:
		return d.int(2)
	case opLong1:
		return d.long(1)
	case opLong4:
		return d.long(4)
	case opBinFloat:
		b, err := d.take(8)
		if err != nil {
			return err
		}
		return d.fresh(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opShortBinUnicode:
		return d.text(1)
	case opBinUnicode:
		return d.text(4)
	case opBinUnicode8:
		return d.text(8)
	case opShortBinBytes:
		return d.bytes(1)
	case opBinBytes:
		return d.bytes(4)
	case opBinBytes8:
		return d.bytes(8)
	case opByteArray8:
		b, err := d.sized(8)
		if err != nil {
			return err
		}
		return d.fresh(&ByteArray{bytes.Clone(b)})
	case opShortBinString:
		return d.oldString(1)
	case opBinString:
		return d.oldString(4)
	case opInt, opLong, opFloat, opString, opUnicode:
		return d.asText(op)
	}
	return refuse(op)
}

// int reads an int of n bytes, of which only four have a sign.
func (d *decoder) int(n int) error {
	x, err := d.number(n)
	if err != nil {
		return err
	}
	return d.fresh(int(int32(x)))
}

// long reads an int in two's complement, whose length takes n bytes.
func (d *decoder) long(n int) error {
	size, err := d.number(n)
	if err != nil {
		return err
	}
	if size > maxInt {
		return fmt.Errorf("an int of %d bytes; up to %d are read", size, maxInt)
	}
	b, err := d.take(int(size))
	if err != nil {
		return err
	}
	b = slices.Clone(b)
	slices.Reverse(b)
	x := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return d.pushInt(x)
}

func (d *decoder) pushInt(x *big.Int) error {
	if x.IsInt64() {
		return d.fresh(int(x.Int64()))
	}
	return d.fresh(x)
}

func (d *decoder) text(n int) error {
	b, err := d.sized(n)
	if err != nil {
		return err
	}
	if !IsText(b) {
		return errors.New("a str that is not valid UTF-8")
	}
	return d.fresh(string(b))
}

func (d *decoder) bytes(n int) error {
	b, err := d.sized(n)
	if err != nil {
		return err
	}
	return d.fresh(bytes.Clone(b))
}

// oldString reads a str of Python 2, which may be text or not.
func (d *decoder) oldString(n int) error {
	b, err := d.sized(n)
	if err != nil {
		return err
	}
	return d.pushOldString(b)
}

func (d *decoder) pushOldString(b []byte) error {
	if utf8.Valid(b) {
		return d.fresh(string(b))
	}
	return d.fresh(bytes.Clone(b))
}
