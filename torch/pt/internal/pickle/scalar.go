// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etude-ml/etude/torch/internal/fail"
)

// The longest operands that are read.
const (
	maxInt    = 256        // of an int, in bytes
	maxDigits = 3 * maxInt // of a number as text
	maxLine   = 1 << 30    // of a string as text
)

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

// asText carries out an opcode of the protocols 0 and 1, whose operand is a line of
// text.
func (d *decoder) asText(op byte) {
	limit := maxDigits
	if op == opString || op == opUnicode {
		limit = maxLine
	}
	line := string(d.line(limit))
	switch op {
	case opInt, opLong:
		if op == opInt && (line == "00" || line == "01") {
			d.push(line == "01")
			return
		}
		if op == opLong {
			line = strings.TrimSuffix(line, "L")
		}
		x, ok := new(big.Int).SetString(line, 10)
		if !ok {
			fail.With("%.40q is not an int", line)
		}
		d.pushInt(x)
	case opFloat:
		x, err := strconv.ParseFloat(line, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			fail.With("%.40q is not a float", line)
		}
		d.fresh(x)
	case opString:
		d.oldString(unquote(line))
	case opUnicode:
		d.fresh(unescape(line))
	}
}
