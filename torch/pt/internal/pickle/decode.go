// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// The memory that a pickle can ask for is bounded by its bytes: one byte can make a
// dict of many. Values that real programs write take less than memoryPerByte.
const (
	memoryAtLeast = 64 << 20
	memoryPerByte = 32

	// maxStack bounds the values that no container holds yet, and the marks between
	// them. Python writes lists and dicts in parts of 1000 items.
	maxStack = 1 << 22

	slotSize      = 16 // of a value on the stack, in a list or in the memo
	containerSize = 64 // of the largest container, which is a dict
	mapEntrySize  = 64 // of a value in a map
)

type decoder struct {
	input
	op    int // where the opcode began
	h     Handler
	stack []any
	marks []int // lengths of the stack
	memo  memo
	spent int // bytes of memory, about
}

// Decode reads a pickle of the protocols 0 to 5: nil, bool, int, *big.Int beyond
// 64 bits, float64, string, []byte, *ByteArray, *List, *Tuple, *Set, *Dict, *Object
// and what h returns. A string can hold lone surrogates; see [IsText].
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
	d := decoder{input: in, h: h}
	v, err := d.run()
	if err != nil {
		return nil, 0, fmt.Errorf("pickle, byte %d: %w", d.op, err)
	}
	return v, d.at, nil
}

// Protocol returns which protocol a pickle that Decode reads is of: "2" to "5", or
// "0 or 1", which do not tell.
func Protocol(data []byte) string {
	if len(data) < 2 || data[0] != opProto {
		return "0 or 1"
	}
	return strconv.Itoa(int(data[1]))
}

var errStack = errors.New("takes a value that is not there")

// spend accounts for n bytes that stay in memory.
func (d *decoder) spend(n int) error {
	if d.spent += n; d.spent > memoryAtLeast+memoryPerByte*d.at {
		return fmt.Errorf("its first %d bytes make values of more than %d bytes", d.at, d.spent)
	}
	return nil
}

// push puts a value on the stack that is in memory already.
func (d *decoder) push(v any) error {
	if err := d.spend(slotSize); err != nil {
		return err
	}
	d.stack = append(d.stack, v)
	return d.checkStack()
}

// fresh puts a value on the stack that was made for it.
func (d *decoder) fresh(v any) error {
	size := containerSize
	switch v := v.(type) {
	case string:
		size = slotSize + len(v)
	case []byte:
		size = slotSize + len(v)
	case int, float64:
		size = slotSize / 2
	}
	if err := d.spend(size); err != nil {
		return err
	}
	return d.push(v)
}

func (d *decoder) checkStack() error {
	if len(d.stack)+len(d.marks) > maxStack {
		return fmt.Errorf("more than %d values are in no container", maxStack)
	}
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
		if err == nil && n > 5 {
			err = fmt.Errorf("protocol %d; 0 to 5 are read", n)
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
		return d.checkStack()
	case opEmptyList:
		return d.fresh(&List{})
	case opEmptyDict:
		return d.fresh(&Dict{})
	case opEmptySet:
		return d.fresh(&Set{})
	case opEmptyTuple:
		return d.push(emptyTuple)
	case opTuple1, opTuple2, opTuple3:
		vs, err := d.pop(int(op-opTuple1) + 1)
		if err != nil {
			return err
		}
		return d.fill(&Tuple{slices.Clone(vs)}, len(vs))
	case opPop:
		if len(d.stack) == d.bottom() && len(d.marks) > 0 {
			_, err := d.popMark()
			return err
		}
		_, err := d.pop(1)
		return err
	case opPopMark:
		_, err := d.popMark()
		return err
	case opDup:
		vs, err := d.top(1)
		if err != nil {
			return err
		}
		return d.push(vs[0])
	case opTuple, opList, opDict, opFrozenSet, opAppends, opSetItems, opAddItems:
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
	case opBinPut, opLongBinPut, opPut, opBinGet, opLongBinGet, opGet:
		return d.reference(op)
	case opMemoize:
		return d.store(uint64(d.memo.stored))
	case opGlobal, opStackGlobal, opInst, opObj, opReduce, opNewObj, opNewObjEx, opBuild, opBinPersID:
		return d.structure(op)
	}
	return d.scalar(op)
}

// many carries out an opcode on the values since the last mark.
func (d *decoder) many(op byte, vs []any) error {
	switch op {
	case opTuple:
		return d.fill(&Tuple{slices.Clone(vs)}, len(vs))
	case opList:
		return d.fill(&List{slices.Clone(vs)}, len(vs))
	case opFrozenSet:
		return d.fill(&Set{Frozen: true, Items: slices.Clone(vs)}, len(vs))
	case opDict:
		items := slices.Clone(vs)
		if err := d.fresh(&Dict{}); err != nil {
			return err
		}
		return d.assign(items)
	case opAppends:
		return d.extend(vs)
	case opAddItems:
		target, err := d.top(1)
		if err != nil {
			return err
		}
		switch s := target[0].(type) {
		case *Object:
			return nil
		case *Set:
			if !s.Frozen {
				s.Items = append(s.Items, vs...)
				return d.spend(slotSize * len(vs))
			}
		}
		return fmt.Errorf("adds items to %s, not to a set", Kind(target[0]))
	}
	return d.assign(vs)
}

// fill pushes a container of n items.
func (d *decoder) fill(v any, n int) error {
	if err := d.spend(slotSize * n); err != nil {
		return err
	}
	return d.fresh(v)
}

func (d *decoder) extend(vs []any) error {
	target, err := d.top(1)
	if err != nil {
		return err
	}
	switch l := target[0].(type) {
	case *List:
		l.Items = append(l.Items, vs...)
		return d.spend(slotSize * len(vs))
	case *Object:
		return nil
	}
	return fmt.Errorf("appends to %s, not to a list", Kind(target[0]))
}

func (d *decoder) assign(vs []any) error {
	if len(vs)%2 != 0 {
		return errors.New("sets a key without a value")
	}
	target, err := d.top(1)
	if err != nil {
		return err
	}
	switch m := target[0].(type) {
	case *Dict:
		for i := 0; i < len(vs); i += 2 {
			m.Keys = append(m.Keys, vs[i])
			m.Values = append(m.Values, vs[i+1])
		}
		return d.spend(slotSize * len(vs))
	case *Object:
		return nil
	}
	return fmt.Errorf("sets items of %s, not of a dict", Kind(target[0]))
}

// memo holds the values that a pickle refers to again, by number. Picklers count
// them from 0 or 1; numbers far beyond those before are kept in a map.
type memo struct {
	dense  []any // absent where a number was left out
	sparse map[uint64]any
	stored int
}

type absent struct{}

func (m *memo) get(i uint64) (any, bool) {
	if i < uint64(len(m.dense)) {
		v := m.dense[i]
		return v, v != absent{}
	}
	v, ok := m.sparse[i]
	return v, ok
}

// reference carries out an opcode that stores a value under a number or gets it.
func (d *decoder) reference(op byte) error {
	var i uint64
	var err error
	switch op {
	case opBinPut, opBinGet:
		i, err = d.number(1)
	case opLongBinPut, opLongBinGet:
		i, err = d.number(4)
	default:
		var text []byte
		if text, err = d.line(maxDigits); err == nil {
			i, err = strconv.ParseUint(string(text), 10, 63)
		}
	}
	if err != nil {
		return err
	}
	switch op {
	case opBinPut, opLongBinPut, opPut:
		return d.store(i)
	}
	v, ok := d.memo.get(i)
	if !ok {
		return fmt.Errorf("refers to value %d, which was not stored", i)
	}
	return d.push(v)
}

func (d *decoder) store(i uint64) error {
	vs, err := d.top(1)
	if err != nil {
		return err
	}
	m := &d.memo
	if _, ok := m.get(i); !ok {
		m.stored++
	}
	if n := uint64(len(m.dense)); i < 2*n+16 {
		for ; n <= i; n++ {
			m.dense = append(m.dense, absent{})
			if err := d.spend(slotSize); err != nil {
				return err
			}
		}
		m.dense[i] = vs[0]
		return nil
	}
	if m.sparse == nil {
		m.sparse = map[uint64]any{}
	}
	m.sparse[i] = vs[0]
	return d.spend(mapEntrySize)
}
