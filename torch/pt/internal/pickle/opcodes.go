// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import "fmt"

// What Python writes for plain data in the protocols 2 to 5. The strings of
// Python 2 are among them, for files of its time.
const (
	opMark            = '('
	opStop            = '.'
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opBinFloat        = 'G'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opNone            = 'N'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opBinString       = 'T'
	opShortBinString  = 'U'
	opBinUnicode      = 'X'
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opAppends         = 'e'
	opBinGet          = 'h'
	opLongBinGet      = 'j'
	opBinPut          = 'q'
	opLongBinPut      = 'r'
	opSetItem         = 's'
	opTuple           = 't'
	opSetItems        = 'u'
	opEmptyDict       = '}'
	opEmptyList       = ']'
	opEmptyTuple      = ')'
	opProto           = 0x80
	opNewObj          = 0x81
	opTuple1          = 0x85
	opTuple2          = 0x86
	opTuple3          = 0x87
	opNewTrue         = 0x88
	opNewFalse        = 0x89
	opLong1           = 0x8a
	opLong4           = 0x8b
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95
	opByteArray8      = 0x96
)

// refusedOps are the others, and why a file with them is not read.
var refusedOps = map[byte]string{
	'0': "POP, which only self-referring values need", '1': "POP_MARK, which only self-referring values need",
	'2':  "DUP, which no pickler writes",
	'i':  "INST, which makes an object of a class as protocol 0 does",
	'o':  "OBJ, which makes an object of a class as protocol 1 does",
	'P':  "PERSID, a persistent id as text, which torch.save never writes",
	0x82: "EXT1, an extension code, which stands for a class that only the writing program knows",
	0x83: "EXT2, an extension code, which stands for a class that only the writing program knows",
	0x84: "EXT4, an extension code, which stands for a class that only the writing program knows",
	0x97: "NEXT_BUFFER, a buffer outside the pickle, which no file holds",
	0x98: "READONLY_BUFFER, a buffer outside the pickle, which no file holds",
}

func init() {
	for _, op := range []byte("FILSVdglp") {
		refusedOps[op] = "of the protocols 0 and 1, which are not read"
	}
}

func refuse(op byte) error {
	if why, ok := refusedOps[op]; ok {
		return fmt.Errorf("opcode 0x%02x is not read: it is %s", op, why)
	}
	return fmt.Errorf("0x%02x is no opcode", op)
}
