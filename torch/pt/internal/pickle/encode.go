// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Encoder writes a pickle of protocol 2, opcode by opcode, with the opcodes that
// Python's own pickler would choose. The zero value is ready.
type Encoder struct {
	buf     []byte
	started bool
	memoLen uint32
	texts   map[string]uint32
	globals map[[2]string]uint32
}

// batch is the number of items of one SETITEMS or APPENDS, as in Python.
const batch = 1000

func (e *Encoder) op(b ...byte) {
	if !e.started {
		e.started = true
		e.buf = append(e.buf, opProto, 2)
	}
	e.buf = append(e.buf, b...)
}

func (e *Encoder) op32(op byte, n uint32) {
	e.op(op)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, n)
}

// Memo stores the value that was just written and returns its number for Get.
func (e *Encoder) Memo() uint32 {
	n := e.memoLen
	e.memoLen++
	if n < 256 {
		e.op(opBinPut, byte(n))
	} else {
		e.op32(opLongBinPut, n)
	}
	return n
}

// Get writes the value that Memo stored under n.
func (e *Encoder) Get(n uint32) {
	if n < 256 {
		e.op(opBinGet, byte(n))
	} else {
		e.op32(opLongBinGet, n)
	}
}

// Value writes None, a bool, an int of up to 255 bytes, a float, a complex, bytes, a str,
// for which [IsText] must hold, or a tuple of ints. A function is called in its place.
func (e *Encoder) Value(v any) {
	switch v := v.(type) {
	case nil:
		e.op(opNone)
	case bool:
		if v {
			e.op(opNewTrue)
		} else {
			e.op(opNewFalse)
		}
	case int:
		e.int(int64(v))
	case int64:
		e.int(v)
	case *big.Int:
		if v.IsInt64() {
			e.int(v.Int64())
		} else {
			e.long(v)
		}
	case float64:
		e.op(opBinFloat)
		e.buf = binary.BigEndian.AppendUint64(e.buf, math.Float64bits(v))
	case complex128:
		e.Call("__builtin__", "complex", real(v), imag(v))
	case []byte:
		e.bytes(v)
	case string:
		e.text(v)
	case []int:
		e.Tuple(len(v), func(i int) { e.int(int64(v[i])) })
	case func():
		v()
	default:
		panic(fmt.Sprintf("pickle: a Go %T is no value", v))
	}
}

func (e *Encoder) int(i int64) {
	switch {
	case 0 <= i && i <= math.MaxUint8:
		e.op(opBinInt1, byte(i))
	case 0 <= i && i <= math.MaxUint16:
		e.op(opBinInt2, byte(i), byte(i>>8))
	case math.MinInt32 <= i && i <= math.MaxInt32:
		e.op32(opBinInt, uint32(i))
	default:
		e.long(big.NewInt(i))
	}
}

func (e *Encoder) long(x *big.Int) {
	b := twosComplement(x)
	e.op(opLong1, byte(len(b)))
	e.buf = append(e.buf, b...)
}

// twosComplement returns the shortest little-endian form.
func twosComplement(x *big.Int) []byte {
	if x.Sign() == 0 {
		return nil
	}
	n := x.BitLen()/8 + 1 // with room for the sign
	y := new(big.Int).Set(x)
	if x.Sign() < 0 {
		y.Add(y, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	b := y.FillBytes(make([]byte, n))
	slices.Reverse(b)
	if n > 1 && x.Sign() < 0 && b[n-1] == 0xff && b[n-2] >= 0x80 { // exactly -2^(8k-1)
		b = b[:n-1]
	}
	return b
}

// text writes a str; the second time it writes a reference.
func (e *Encoder) text(s string) {
	if n, ok := e.texts[s]; ok {
		e.Get(n)
		return
	}
	e.op32(opBinUnicode, uint32(len(s)))
	e.buf = append(e.buf, s...)
	if e.texts == nil {
		e.texts = map[string]uint32{}
	}
	e.texts[s] = e.Memo()
}

// bytes writes bytes as protocol 2 does: as a call that encodes a text in Latin-1.
func (e *Encoder) bytes(b []byte) {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	e.Call("_codecs", "encode", string(runes), "latin1")
}

// Build sets the attributes of the value written before last to the dict written last.
func (e *Encoder) Build() { e.op(opBuild) }

// Global writes a reference to a class or function.
func (e *Encoder) Global(module, name string) {
	key := [2]string{module, name}
	if n, ok := e.globals[key]; ok {
		e.Get(n)
		return
	}
	e.op(opGlobal)
	e.buf = append(e.buf, module+"\n"+name+"\n"...)
	if e.globals == nil {
		e.globals = map[[2]string]uint32{}
	}
	e.globals[key] = e.Memo()
}

// PersistentID replaces the value written last by the object that it identifies.
func (e *Encoder) PersistentID() { e.op(opBinPersID) }

// Call writes the call of a class or function with the arguments, see Value. It stores
// the result and returns its number for Get.
func (e *Encoder) Call(module, name string, args ...any) uint32 {
	e.Global(module, name)
	e.Tuple(len(args), func(i int) { e.Value(args[i]) })
	e.op(opReduce)
	return e.Memo()
}

// Tuple writes a tuple of n items, which item writes.
func (e *Encoder) Tuple(n int, item func(i int)) {
	if n == 0 {
		e.op(opEmptyTuple)
		return
	}
	if n > 3 {
		e.op(opMark)
	}
	for i := range n {
		item(i)
	}
	if n > 3 {
		e.op(opTuple)
	} else {
		e.op(opTuple1 + byte(n-1))
	}
	e.Memo()
}

// List writes a list of n items, which item writes.
func (e *Encoder) List(n int, item func(i int)) {
	e.op(opEmptyList)
	e.Memo()
	e.batches(n, opAppend, opAppends, item)
}

// EmptyDict writes a dict that Items may fill.
func (e *Encoder) EmptyDict() { e.op(opEmptyDict) }

// EmptyOrderedDict writes a collections.OrderedDict that Items may fill.
func (e *Encoder) EmptyOrderedDict() {
	e.Global("collections", "OrderedDict")
	e.op(opEmptyTuple)
	e.op(opReduce)
}

// Items adds n items to the dict written before; item writes key and value.
func (e *Encoder) Items(n int, item func(i int)) { e.batches(n, opSetItem, opSetItems, item) }

func (e *Encoder) batches(n int, one, many byte, item func(i int)) {
	for i := 0; i < n; {
		end := min(i+batch, n)
		op := one
		if end-i > 1 {
			op = many
			e.op(opMark)
		}
		for ; i < end; i++ {
			item(i)
		}
		e.op(op)
	}
}

// Finish ends the pickle and returns it.
func (e *Encoder) Finish() []byte {
	e.op(opStop)
	return e.buf
}
