// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pickle reads and writes Python's pickles as data. Reading executes nothing: a
// class or function is a name, and the caller's [Handler] decides what a call of it
// returns. It should know a few names and refuse all others.
package pickle

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/etude-ml/etude/torch/internal/fail"
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

// DecodeFrom does the same as Decode for a pickle of at most limit bytes at the
// beginning of r, and returns its length. It may read more of r than that.
func DecodeFrom(r io.Reader, limit int, h Handler) (any, int, error) {
	return decode(input{rest: r, limit: limit}, h)
}

func decode(in input, h Handler) (v any, n int, err error) {
	d := decoder{input: in, h: h}
	if err := fail.Catch(func() { v = d.run() }); err != nil {
		return nil, 0, fmt.Errorf("pickle, byte %d: %w", d.op, err)
	}
	return v, d.at, nil
}

// Protocol returns the protocol of a pickle that Decode reads: "2" to "5", or
// "0 or 1", which look the same.
func Protocol(data []byte) string {
	if len(data) < 2 || data[0] != opProto {
		return "0 or 1"
	}
	return strconv.Itoa(int(data[1]))
}

var errStack = errors.New("takes a value that is not there")

// spend accounts for n bytes that stay in memory.
func (d *decoder) spend(n int) {
	if d.spent += n; d.spent > memoryAtLeast+memoryPerByte*d.at {
		fail.With("its first %d bytes make values of more than %d bytes", d.at, d.spent)
	}
}

// push puts a value on the stack that is in memory already.
func (d *decoder) push(v any) {
	d.spend(slotSize)
	d.stack = append(d.stack, v)
	d.checkStack()
}

// fresh puts a value on the stack that was made for it.
func (d *decoder) fresh(v any) {
	size := containerSize
	switch v := v.(type) {
	case string:
		size = slotSize + len(v)
	case []byte:
		size = slotSize + len(v)
	case int, float64:
		size = slotSize / 2
	}
	d.spend(size)
	d.push(v)
}

func (d *decoder) checkStack() {
	if len(d.stack)+len(d.marks) > maxStack {
		fail.With("more than %d values are in no container", maxStack)
	}
}

// bottom returns the index of the first value since the last mark.
func (d *decoder) bottom() int {
	if n := len(d.marks); n > 0 {
		return d.marks[n-1]
	}
	return 0
}

// top returns the last n values, which stay on the stack.
func (d *decoder) top(n int) []any {
	if len(d.stack)-d.bottom() < n {
		fail.On(errStack)
	}
	return d.stack[len(d.stack)-n:]
}

func (d *decoder) pop(n int) []any {
	vs := d.top(n)
	d.stack = d.stack[:len(d.stack)-n]
	return vs
}

// popMark removes the values since the last mark, and the mark.
func (d *decoder) popMark() []any {
	if len(d.marks) == 0 {
		fail.On(errStack)
	}
	vs := d.stack[d.bottom():]
	d.stack = d.stack[:d.bottom()]
	d.marks = d.marks[:len(d.marks)-1]
	return vs
}

func (d *decoder) run() any {
	for {
		d.op = d.at
		op := d.take(1)[0]
		if op == opStop {
			break
		}
		d.step(op)
	}
	if len(d.marks) > 0 || len(d.stack) != 1 {
		fail.With("ends with %d values and %d marks, not with one value", len(d.stack), len(d.marks))
	}
	return d.stack[0]
}

// step carries out the opcodes that work on the stack and its containers, and leaves
// the others to scalar and structure.
func (d *decoder) step(op byte) {
	switch op {
	case opProto:
		if n := d.number(1); n > 5 {
			fail.With("protocol %d; 0 to 5 are read", n)
		}
	case opFrame: // a hint for reading ahead
		if d.number(8) > uint64(d.limit-d.at) {
			fail.On(errEnd)
		}
	case opMark:
		d.marks = append(d.marks, len(d.stack))
		d.checkStack()
	case opEmptyList:
		d.fresh(&List{})
	case opEmptyDict:
		d.fresh(&Dict{})
	case opEmptySet:
		d.fresh(&Set{})
	case opEmptyTuple:
		d.push(emptyTuple)
	case opTuple1, opTuple2, opTuple3:
		vs := d.pop(int(op-opTuple1) + 1)
		d.fill(&Tuple{slices.Clone(vs)}, len(vs))
	case opPop:
		if len(d.stack) == d.bottom() && len(d.marks) > 0 {
			d.popMark()
		} else {
			d.pop(1)
		}
	case opPopMark:
		d.popMark()
	case opDup:
		d.push(d.top(1)[0])
	case opTuple:
		vs := d.popMark()
		d.fill(&Tuple{slices.Clone(vs)}, len(vs))
	case opList:
		vs := d.popMark()
		d.fill(&List{slices.Clone(vs)}, len(vs))
	case opFrozenSet:
		vs := d.popMark()
		d.fill(&Set{Frozen: true, Items: slices.Clone(vs)}, len(vs))
	case opDict:
		items := slices.Clone(d.popMark())
		d.fresh(&Dict{})
		d.assign(items)
	case opAppends:
		d.extend(d.popMark())
	case opAppend:
		d.extend(d.pop(1))
	case opAddItems:
		d.include(d.popMark())
	case opSetItems:
		d.assign(d.popMark())
	case opSetItem:
		d.assign(d.pop(2))
	case opBinPut, opLongBinPut, opPut, opBinGet, opLongBinGet, opGet:
		d.reference(op)
	case opMemoize:
		d.store(uint64(d.memo.stored))
	case opGlobal, opStackGlobal, opInst, opObj, opReduce, opNewObj, opNewObjEx, opBuild, opBinPersID:
		d.structure(op)
	default:
		d.scalar(op)
	}
}

// fill pushes a container of n items.
func (d *decoder) fill(v any, n int) {
	d.spend(slotSize * n)
	d.fresh(v)
}

// extend appends to the list on top of the stack.
func (d *decoder) extend(vs []any) {
	switch l := d.top(1)[0].(type) {
	case *List:
		l.Items = append(l.Items, vs...)
		d.spend(slotSize * len(vs))
	case *Object:
	default:
		fail.With("appends to %s, not to a list", Kind(l))
	}
}

// include adds to the set on top of the stack.
func (d *decoder) include(vs []any) {
	target := d.top(1)[0]
	s, ok := target.(*Set)
	if _, unread := target.(*Object); unread {
		return
	}
	if !ok || s.Frozen {
		fail.With("adds items to %s, not to a set", Kind(target))
	}
	s.Items = append(s.Items, vs...)
	d.spend(slotSize * len(vs))
}

// assign sets items of the dict on top of the stack.
func (d *decoder) assign(vs []any) {
	if len(vs)%2 != 0 {
		fail.With("sets a key without a value")
	}
	switch m := d.top(1)[0].(type) {
	case *Dict:
		for i := 0; i < len(vs); i += 2 {
			m.Keys = append(m.Keys, vs[i])
			m.Values = append(m.Values, vs[i+1])
		}
		d.spend(slotSize * len(vs))
	case *Object:
	default:
		fail.With("sets items of %s, not of a dict", Kind(m))
	}
}

// memo holds the values that a pickle refers to again, by number. Picklers count
// them from 0 or 1; numbers far beyond those before are kept in a map.
type memo struct {
	dense  []any // absent for a number that was not stored
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
func (d *decoder) reference(op byte) {
	var i uint64
	switch op {
	case opBinPut, opBinGet:
		i = d.number(1)
	case opLongBinPut, opLongBinGet:
		i = d.number(4)
	default:
		i = fail.Or(strconv.ParseUint(string(d.line(maxDigits)), 10, 63))
	}
	switch op {
	case opBinPut, opLongBinPut, opPut:
		d.store(i)
		return
	}
	v, ok := d.memo.get(i)
	if !ok {
		fail.With("refers to value %d, which was not stored", i)
	}
	d.push(v)
}

func (d *decoder) store(i uint64) {
	v := d.top(1)[0]
	m := &d.memo
	if _, ok := m.get(i); !ok {
		m.stored++
	}
	if n := uint64(len(m.dense)); i < 2*n+16 {
		for ; n <= i; n++ {
			m.dense = append(m.dense, absent{})
			d.spend(slotSize)
		}
		m.dense[i] = v
		return
	}
	if m.sparse == nil {
		m.sparse = map[uint64]any{}
	}
	m.sparse[i] = v
	d.spend(mapEntrySize)
}
