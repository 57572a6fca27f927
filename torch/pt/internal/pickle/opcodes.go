// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

import "fmt"

// The opcodes that Python writes for plain data. Those with text are from the protocols
// 0 and 1, and Python 2 wrote some of them in protocol 2 too.
const (
	opMark            = '('
	opStop            = '.'
	opPop             = '0'
	opPopMark         = '1'
	opDup             = '2'
	opBinBytes        = 'B'
	opShortBinBytes   = 'C'
	opFloat           = 'F'
	opBinFloat        = 'G'
	opInt             = 'I'
	opBinInt          = 'J'
	opBinInt1         = 'K'
	opBinInt2         = 'M'
	opLong            = 'L'
	opNone            = 'N'
	opBinPersID       = 'Q'
	opReduce          = 'R'
	opString          = 'S'
	opBinString       = 'T'
	opShortBinString  = 'U'
	opUnicode         = 'V'
	opBinUnicode      = 'X'
	opAppend          = 'a'
	opBuild           = 'b'
	opGlobal          = 'c'
	opDict            = 'd'
	opAppends         = 'e'
	opGet             = 'g'
	opBinGet          = 'h'
	opInst            = 'i'
	opLongBinGet      = 'j'
	opList            = 'l'
	opObj             = 'o'
	opPut             = 'p'
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
	'P':  "PERSID, a persistent id as text, which torch.save never writes",
	0x82: "EXT1, an extension code, which stands for a class that only the writing program knows",
	0x83: "EXT2, an extension code, which stands for a class that only the writing program knows",
	0x84: "EXT4, an extension code, which stands for a class that only the writing program knows",
	0x97: "NEXT_BUFFER, a buffer outside the pickle, which no file holds",
	0x98: "READONLY_BUFFER, a buffer outside the pickle, which no file holds",
}

func refuse(op byte) error {
	if why, ok := refusedOps[op]; ok {
		return fmt.Errorf("opcode 0x%02x is not read: it is %s", op, why)
	}
	return fmt.Errorf("0x%02x is no opcode", op)
}
