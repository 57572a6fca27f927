// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"strings"
	"sync"
)

// linbits are the extra bits of a 15 in tables 16 to 31, which share two codes.
var linbits = [32]int{16: 1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13}

// codebook decodes one Huffman code: short codes by the next 8 bits, longer ones then
// bit by bit through a tree.
type codebook struct {
	quick [256]entry
	tree  [][2]entry
}

// entry is a decoded value with its code's remaining length, or (bits < 0) the
// index of a tree node.
type entry struct {
	value int16
	bits  int8
}

var codebooks = sync.OnceValue(func() *[34]*codebook {
	var books [34]*codebook
	for i, code := range codes {
		if code != "" {
			books[i] = newCodebook(code)
		}
	}
	for i := 17; i < 32; i++ {
		books[i] = books[16+i/24*8]
	}
	return &books
})

// newCodebook builds a code from its values in ascending order of their codes. The
// code is complete, so its lengths determine the bits.
func newCodebook(code string) *codebook {
	b := &codebook{}
	var next uint32 // code, left-justified
	for i := 0; i < len(code); i += 3 {
		value := int16(digit(code[i])<<4 | digit(code[i+1]))
		n := digit(code[i+2])
		b.add(next, n, value)
		next += 1 << (32 - n)
	}
	return b
}

func digit(c byte) int { return strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyz", c) }

func (b *codebook) add(code uint32, n int, value int16) {
	first := code >> 24
	if n <= 8 {
		for i := range uint32(1) << (8 - n) {
			b.quick[first+i] = entry{value, int8(n)}
		}
		return
	}
	at := &b.quick[first]
	for bit := 8; bit < n; bit++ {
		if at.bits == 0 {
			*at = entry{int16(len(b.tree)), -1}
			b.tree = append(b.tree, [2]entry{})
		}
		at = &b.tree[at.value][code>>(31-bit)&1]
	}
	*at = entry{value, 1}
}

func (b *codebook) decode(r *bitReader) int {
	bits := r.peek(24)
	e := b.quick[bits>>16]
	if e.bits >= 0 {
		r.at += int(e.bits)
		return int(e.value)
	}
	n := 8
	for ; e.bits < 0; n++ {
		e = b.tree[e.value][bits>>(23-n)&1]
	}
	r.at += n
	return int(e.value)
}

// huffman decodes a granule's lines up to bit end into x and returns the number of
// lines up to the last that is not zero. sound reports that all pairs of lines are
// there and end before bit end; even good files may have a few bits after them that
// are no code.
func (r *bitReader) huffman(x *[576]float64, gr *granule, h header, end int) (last int, sound bool) {
	books := codebooks()
	sound = true
	for i := 0; i < gr.bigValues; i += 2 {
		region := 0
		if i >= gr.region[0] {
			region = 1
			if i >= gr.region[1] {
				region = 2
			}
		}
		t := gr.table[region]
		if books[t] == nil { // table 0 codes zeros; 4 and 14 do not exist
			sound = sound && t == 0
			continue
		}
		if r.at >= end {
			sound = false
			break
		}
		v := books[t].decode(r)
		for k, v := range [2]int{v >> 4, v & 15} {
			if v == 15 {
				v += r.read(linbits[t])
			}
			if v == 0 {
				continue
			}
			if last = i + k + 1; r.flag() {
				v = -v
			}
			x[i+k] = float64(v)
		}
	}
	sound = sound && r.at <= end
	quads := books[32+gr.quadTable]
	for i := gr.bigValues; i+4 <= 576 && r.at < end; i += 4 {
		v := quads.decode(r)
		var q [4]float64
		for k := range q {
			if v>>(3-k)&1 != 0 {
				if q[k] = 1; r.flag() {
					q[k] = -1
				}
			}
		}
		// A code that runs over the granule's end was padding.
		if r.at > end {
			break
		}
		for k := range q {
			if x[i+k] = q[k]; q[k] != 0 {
				last = i + k + 1
			}
		}
	}
	return last, sound
}
