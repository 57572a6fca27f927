// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import (
	"encoding/binary"
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

// None writes None.
func (e *Encoder) None() { e.op(opNone) }

// Bool writes True or False.
func (e *Encoder) Bool(b bool) {
	if b {
		e.op(opNewTrue)
	} else {
		e.op(opNewFalse)
	}
}

// Int writes an int.
func (e *Encoder) Int(i int64) {
	switch {
	case 0 <= i && i <= math.MaxUint8:
		e.op(opBinInt1, byte(i))
	case 0 <= i && i <= math.MaxUint16:
		e.op(opBinInt2, byte(i), byte(i>>8))
	case math.MinInt32 <= i && i <= math.MaxInt32:
		e.op32(opBinInt, uint32(i))
	default:
		e.BigInt(big.NewInt(i))
	}
}

// BigInt writes an int of up to 255 bytes.
func (e *Encoder) BigInt(x *big.Int) {
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

// Float writes a float.
func (e *Encoder) Float(x float64) {
	e.op(opBinFloat)
	e.buf = binary.BigEndian.AppendUint64(e.buf, math.Float64bits(x))
}

// Text writes a str, for which [IsText] must hold; the second time it writes a
// reference.
func (e *Encoder) Text(s string) {
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

// Bytes writes bytes as protocol 2 does: as a call that encodes a text in Latin-1.
func (e *Encoder) Bytes(b []byte) {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	texts := [2]string{string(runes), "latin1"}
	e.Call("_codecs", "encode", 2, func(i int) { e.Text(texts[i]) })
}

// ByteArray writes a bytearray, as a call.
func (e *Encoder) ByteArray(b []byte) {
	e.Call("__builtin__", "bytearray", min(len(b), 1), func(int) { e.Bytes(b) })
}

// Complex writes a complex, as a call.
func (e *Encoder) Complex(x complex128) {
	parts := [2]float64{real(x), imag(x)}
	e.Call("__builtin__", "complex", 2, func(i int) { e.Float(parts[i]) })
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

// Reduce calls the global written before last with the tuple written last.
func (e *Encoder) Reduce() { e.op(opReduce) }

// PersistentID replaces the value written last by the object that it identifies.
func (e *Encoder) PersistentID() { e.op(opBinPersID) }

// Call writes the call of a class or function with n arguments, which arg writes.
func (e *Encoder) Call(module, name string, n int, arg func(i int)) {
	e.Global(module, name)
	e.Tuple(n, arg)
	e.Reduce()
	e.Memo()
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

// Ints writes a tuple of ints.
func (e *Encoder) Ints(xs []int) {
	e.Tuple(len(xs), func(i int) { e.Int(int64(xs[i])) })
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
	e.Reduce()
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
