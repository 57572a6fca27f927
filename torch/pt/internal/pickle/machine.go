// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"

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

func (d *decoder) global(module, name string) any { return fail.Or(d.h.Global(module, name)) }

func (d *decoder) call(function, arguments any) {
	args, ok := arguments.(*Tuple)
	if !ok {
		fail.With("calls something with %s, not with a tuple", Kind(arguments))
	}
	d.push(fail.Or(d.h.Reduce(function, args.Items)))
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
