// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package pickle reads and writes Python's pickles as data. Reading executes nothing: a
// class or function is a name, and the caller's [Handler] decides what a call of it
// returns. It should know a few names and refuse all others.
package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/etude-ml/etude/torch/internal/fail"
)

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

// structure carries out an opcode that needs the handler.
func (d *decoder) structure(op byte) {
	switch op {
	case opGlobal:
		d.push(d.global(d.name(), d.name()))
	case opInst:
		class := d.global(d.name(), d.name())
		d.call(class, &Tuple{slices.Clone(d.popMark())})
	case opObj:
		vs := d.popMark()
		if len(vs) == 0 {
			fail.On(errStack)
		}
		d.call(vs[0], &Tuple{slices.Clone(vs[1:])})
	case opStackGlobal:
		vs := d.pop(2)
		module, ok1 := vs[0].(string)
		name, ok2 := vs[1].(string)
		if !ok1 || !ok2 {
			fail.With("names a class by %s and %s, not by two texts", Kind(vs[0]), Kind(vs[1]))
		}
		if len(module) > longestName || len(name) > longestName {
			fail.On(errName)
		}
		d.push(d.global(module, name))
	case opReduce, opNewObj:
		vs := d.pop(2)
		d.call(vs[0], vs[1])
	case opNewObjEx: // with named arguments, which only objects that are not read take
		vs := d.pop(3)
		named := vs[2]
		d.call(vs[0], vs[1])
		_, opaque := d.stack[len(d.stack)-1].(*Object)
		if m, ok := named.(*Dict); !opaque && (!ok || len(m.Keys) > 0) {
			fail.With("makes an object with named arguments")
		}
	case opBuild:
		state := d.pop(1)[0]
		fail.On(d.h.Build(d.top(1)[0], state))
	case opBinPersID:
		d.push(fail.Or(d.h.PersistentID(d.pop(1)[0])))
	}
}

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
