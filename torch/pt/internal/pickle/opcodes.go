// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package pickle

// What Python 3 writes in protocol 2. NEWOBJ is missing: it makes objects of
// classes, none of which is known here.
const (
	opMark        = '('
	opStop        = '.'
	opBinFloat    = 'G'
	opBinInt      = 'J'
	opBinInt1     = 'K'
	opBinInt2     = 'M'
	opNone        = 'N'
	opBinPersID   = 'Q'
	opReduce      = 'R'
	opBinUnicode  = 'X'
	opAppend      = 'a'
	opBuild       = 'b'
	opGlobal      = 'c'
	opAppends     = 'e'
	opBinGet      = 'h'
	opLongBinGet  = 'j'
	opBinPut      = 'q'
	opLongBinPut  = 'r'
	opSetItem     = 's'
	opTuple       = 't'
	opSetItems    = 'u'
	opEmptyDict   = '}'
	opEmptyList   = ']'
	opEmptyTuple  = ')'
	opProto       = 0x80
	opTuple1      = 0x85
	opTuple2      = 0x86
	opTuple3      = 0x87
	opNewTrue     = 0x88
	opNewFalse    = 0x89
	opLong1       = 0x8a
	opLong4       = 0x8b
	highestOpcode = 0x98 // of protocol 5
)
