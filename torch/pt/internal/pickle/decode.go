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

// maxValues bounds the memory that a pickle can ask for: its values take many
// times the bytes that make them.
const maxValues = 1 << 24

// maxInt is the longest int, in bytes.
const maxInt = 256

type decoder struct {
	data   []byte
	at     int // the next byte
	op     int // where the opcode began
	h      Handler
	stack  []any
	marks  []int // lengths of the stack
	memo   map[uint32]any
	values int
}

// Decode reads a pickle of protocol 2: nil, bool, int, *big.Int beyond 64 bits,
// float64, string, *List, *Tuple, *Dict and what h returns.
func Decode(data []byte, h Handler) (any, error) {
	d := decoder{data: data, h: h, memo: map[uint32]any{}}
	v, err := d.run()
	if err != nil {
		return nil, fmt.Errorf("pickle, byte %d: %w", d.op, err)
	}
	return v, nil
}

var (
	errEnd   = errors.New("ends in the middle")
	errStack = errors.New("takes a value that is not there")
)

func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.data)-d.at {
		return nil, errEnd
	}
	b := d.data[d.at : d.at+n]
	d.at += n
	return b, nil
}

// number reads n bytes, little-endian.
func (d *decoder) number(n int) (uint32, error) {
	b, err := d.take(n)
	if err != nil {
		return 0, err
	}
	var word [4]byte
	copy(word[:], b)
	return binary.LittleEndian.Uint32(word[:]), nil
}

func (d *decoder) line() (string, error) {
	const longest = 1000
	rest := d.data[d.at:min(len(d.data), d.at+longest)]
	n := bytes.IndexByte(rest, '\n')
	if n < 0 {
		return "", errors.New("a name without an end")
	}
	d.at += n + 1
	if !utf8.Valid(rest[:n]) {
		return "", errors.New("a name that is not UTF-8")
	}
	return string(rest[:n]), nil
}

func (d *decoder) push(v any) error {
	d.values++
	if d.values > maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	d.stack = append(d.stack, v)
	return nil
}

// bottom is where the values since the last mark begin.
func (d *decoder) bottom() int {
	if n := len(d.marks); n > 0 {
		return d.marks[n-1]
	}
	return 0
}

// top returns the last n values, which stay on the stack.
func (d *decoder) top(n int) ([]any, error) {
	if len(d.stack)-d.bottom() < n {
		return nil, errStack
	}
	return d.stack[len(d.stack)-n:], nil
}

func (d *decoder) pop(n int) ([]any, error) {
	vs, err := d.top(n)
	if err == nil {
		d.stack = d.stack[:len(d.stack)-n]
	}
	return vs, err
}

// popMark removes the values since the last mark, and the mark.
func (d *decoder) popMark() ([]any, error) {
	if len(d.marks) == 0 {
		return nil, errStack
	}
	vs := d.stack[d.bottom():]
	d.stack = d.stack[:d.bottom()]
	d.marks = d.marks[:len(d.marks)-1]
	return vs, nil
}

func (d *decoder) run() (any, error) {
	if len(d.data) < 2 || d.data[0] != opProto {
		return nil, errors.New("is not a pickle of protocol 2, torch.save's default")
	}
	for {
		d.op = d.at
		b, err := d.take(1)
		if err != nil {
			return nil, err
		}
		if b[0] == opStop {
			if len(d.marks) > 0 || len(d.stack) != 1 {
				return nil, fmt.Errorf("ends with %d values and %d marks, not with one value", len(d.stack), len(d.marks))
			}
			return d.stack[0], nil
		}
		if err := d.step(b[0]); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) step(op byte) error {
	switch op {
	case opProto:
		n, err := d.number(1)
		if err == nil && n != 2 {
			err = fmt.Errorf("protocol %d; only 2, torch.save's default, is read", n)
		}
		return err
	case opMark:
		if d.values++; d.values > maxValues {
			return fmt.Errorf("more than %d values", maxValues)
		}
		d.marks = append(d.marks, len(d.stack))
		return nil
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
		return d.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opBinUnicode:
		return d.text()
	case opEmptyList:
		return d.push(&List{})
	case opEmptyDict:
		return d.push(&Dict{})
	case opEmptyTuple:
		return d.push(&Tuple{})
	case opTuple1, opTuple2, opTuple3:
		vs, err := d.pop(int(op-opTuple1) + 1)
		if err != nil {
			return err
		}
		return d.push(&Tuple{slices.Clone(vs)})
	case opTuple:
		vs, err := d.popMark()
		if err != nil {
			return err
		}
		return d.push(&Tuple{slices.Clone(vs)})
	case opAppend:
		vs, err := d.pop(1)
		if err != nil {
			return err
		}
		return d.extend(vs)
	case opAppends:
		vs, err := d.popMark()
		if err != nil {
			return err
		}
		return d.extend(vs)
	case opSetItem:
		vs, err := d.pop(2)
		if err != nil {
			return err
		}
		return d.assign(vs)
	case opSetItems:
		vs, err := d.popMark()
		if err != nil {
			return err
		}
		return d.assign(vs)
	case opBinPut:
		return d.put(1)
	case opLongBinPut:
		return d.put(4)
	case opBinGet:
		return d.get(1)
	case opLongBinGet:
		return d.get(4)
	case opGlobal:
		return d.global()
	case opReduce:
		return d.reduce()
	case opBuild:
		vs, err := d.pop(1)
		if err != nil {
			return err
		}
		state := vs[0]
		object, err := d.top(1)
		if err != nil {
			return err
		}
		return d.h.Build(object[0], state)
	case opBinPersID:
		vs, err := d.pop(1)
		if err != nil {
			return err
		}
		v, err := d.h.PersistentID(vs[0])
		if err != nil {
			return err
		}
		return d.push(v)
	}
	if op <= ' ' || op > '~' && op < opProto || op > highestOpcode {
		return fmt.Errorf("0x%02x is no opcode", op)
	}
	return fmt.Errorf("opcode 0x%02x is not used by protocol 2 for plain data, and not read", op)
}

// int reads an int of n bytes, of which only four have a sign.
func (d *decoder) int(n int) error {
	x, err := d.number(n)
	if err != nil {
		return err
	}
	return d.push(int(int32(x)))
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
	if x.IsInt64() {
		return d.push(int(x.Int64()))
	}
	return d.push(x)
}

func (d *decoder) text() error {
	size, err := d.number(4)
	if err != nil {
		return err
	}
	if int64(size) > int64(len(d.data)) {
		return errEnd
	}
	b, err := d.take(int(size))
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		return errors.New("a str that is not valid UTF-8")
	}
	return d.push(string(b))
}

func (d *decoder) extend(vs []any) error {
	target, err := d.top(1)
	if err != nil {
		return err
	}
	l, ok := target[0].(*List)
	if !ok {
		return fmt.Errorf("appends to %s, not to a list", Kind(target[0]))
	}
	l.Items = append(l.Items, vs...)
	return nil
}

func (d *decoder) assign(vs []any) error {
	if len(vs)%2 != 0 {
		return errors.New("sets a key without a value")
	}
	target, err := d.top(1)
	if err != nil {
		return err
	}
	m, ok := target[0].(*Dict)
	if !ok {
		return fmt.Errorf("sets items of %s, not of a dict", Kind(target[0]))
	}
	for i := 0; i < len(vs); i += 2 {
		m.Keys = append(m.Keys, vs[i])
		m.Values = append(m.Values, vs[i+1])
	}
	return nil
}

func (d *decoder) put(n int) error {
	i, err := d.number(n)
	if err != nil {
		return err
	}
	vs, err := d.top(1)
	if err != nil {
		return err
	}
	d.memo[i] = vs[0]
	return nil
}

func (d *decoder) get(n int) error {
	i, err := d.number(n)
	if err != nil {
		return err
	}
	v, ok := d.memo[i]
	if !ok {
		return fmt.Errorf("refers to value %d, which was not stored", i)
	}
	return d.push(v)
}

func (d *decoder) global() error {
	module, err := d.line()
	if err != nil {
		return err
	}
	name, err := d.line()
	if err != nil {
		return err
	}
	v, err := d.h.Global(module, name)
	if err != nil {
		return err
	}
	return d.push(v)
}

func (d *decoder) reduce() error {
	vs, err := d.pop(2)
	if err != nil {
		return err
	}
	args, ok := vs[1].(*Tuple)
	if !ok {
		return fmt.Errorf("calls something with %s, not with a tuple", Kind(vs[1]))
	}
	v, err := d.h.Reduce(vs[0], args.Items)
	if err != nil {
		return err
	}
	return d.push(v)
}
