// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxValues bounds the memory that a pickle can ask for: its values take many
// times the bytes that make them.
const maxValues = 1 << 24

type decoder struct {
	input
	op     int // where the opcode began
	h      Handler
	stack  []any
	marks  []int // lengths of the stack
	memo   map[uint32]any
	values int
}

// Decode reads a pickle of the protocols 2 to 5: nil, bool, int, *big.Int beyond
// 64 bits, float64, string, []byte, *ByteArray, *List, *Tuple, *Set, *Dict and
// what h returns.
func Decode(data []byte, h Handler) (any, error) {
	v, _, err := decode(input{data: data, limit: len(data)}, h)
	return v, err
}

// DecodeFrom is Decode for a pickle of at most limit bytes that more may follow.
// It returns how long the pickle is; more of r may have been read.
func DecodeFrom(r io.Reader, limit int, h Handler) (any, int, error) {
	return decode(input{rest: r, limit: limit}, h)
}

func decode(in input, h Handler) (any, int, error) {
	d := decoder{input: in, h: h, memo: map[uint32]any{}}
	v, err := d.run()
	if err != nil {
		return nil, 0, fmt.Errorf("pickle, byte %d: %w", d.op, err)
	}
	return v, d.at, nil
}

// Protocol returns which protocol a pickle that Decode reads is of.
func Protocol(data []byte) int {
	if len(data) < 2 || data[0] != opProto {
		return 0
	}
	return int(data[1])
}

var errStack = errors.New("takes a value that is not there")

// count bounds what stays in memory.
func (d *decoder) count() error {
	if d.values++; d.values > maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	return nil
}

func (d *decoder) push(v any) error {
	if err := d.count(); err != nil {
		return err
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
	if d.have(2) != nil || d.data[d.at] != opProto {
		return nil, errors.New("is not a pickle of the protocols 2 to 5, which torch.save writes")
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

// step carries out what is about the stack and its containers, and leaves the
// rest to scalar and structure.
func (d *decoder) step(op byte) error {
	switch op {
	case opProto:
		n, err := d.number(1)
		if err == nil && (n < 2 || n > 5) {
			err = fmt.Errorf("protocol %d; 2 to 5, which torch.save writes, are read", n)
		}
		return err
	case opFrame: // a hint for reading ahead
		n, err := d.number(8)
		if err == nil && n > uint64(d.limit-d.at) {
			err = errEnd
		}
		return err
	case opMark:
		d.marks = append(d.marks, len(d.stack))
		return d.count()
	case opEmptyList:
		return d.push(&List{})
	case opEmptyDict:
		return d.push(&Dict{})
	case opEmptySet:
		return d.push(&Set{})
	case opEmptyTuple:
		return d.push(&Tuple{})
	case opTuple1, opTuple2, opTuple3:
		vs, err := d.pop(int(op-opTuple1) + 1)
		if err != nil {
			return err
		}
		return d.push(&Tuple{slices.Clone(vs)})
	case opTuple, opFrozenSet, opAppends, opSetItems, opAddItems:
		vs, err := d.popMark()
		if err != nil {
			return err
		}
		return d.many(op, vs)
	case opAppend:
		vs, err := d.pop(1)
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
	case opBinPut:
		return d.put(1)
	case opLongBinPut:
		return d.put(4)
	case opMemoize:
		return d.store(uint32(len(d.memo)))
	case opBinGet:
		return d.get(1)
	case opLongBinGet:
		return d.get(4)
	case opGlobal, opStackGlobal, opReduce, opNewObj, opNewObjEx, opBuild, opBinPersID:
		return d.structure(op)
	}
	return d.scalar(op)
}

// many carries out an opcode on the values since the last mark.
func (d *decoder) many(op byte, vs []any) error {
	switch op {
	case opTuple:
		return d.push(&Tuple{slices.Clone(vs)})
	case opFrozenSet:
		return d.push(&Set{Frozen: true, Items: slices.Clone(vs)})
	case opAppends:
		return d.extend(vs)
	case opAddItems:
		target, err := d.top(1)
		if err != nil {
			return err
		}
		s, ok := target[0].(*Set)
		if !ok || s.Frozen {
			return fmt.Errorf("adds items to %s, not to a set", Kind(target[0]))
		}
		s.Items = append(s.Items, vs...)
		return nil
	}
	return d.assign(vs)
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
	return d.store(uint32(i))
}

func (d *decoder) store(i uint32) error {
	vs, err := d.top(1)
	if err != nil {
		return err
	}
	d.memo[i] = vs[0]
	return d.count()
}

func (d *decoder) get(n int) error {
	i, err := d.number(n)
	if err != nil {
		return err
	}
	v, ok := d.memo[uint32(i)]
	if !ok {
		return fmt.Errorf("refers to value %d, which was not stored", i)
	}
	return d.push(v)
}
