// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package mp3

import (
	"sort"
	"strings"
	"sync"
)

// linbits are the extra bits of a 15 in tables 16 to 31, which share two codes.
var linbits = [32]int{16: 1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13}

// codebook is a complete Huffman code, in ascending order of its codes.
type codebook struct {
	starts []uint32 // codes, left-justified in 24 bits
	values []int
	bits   []int
	first  [257]int // index of the code that begins with, or contains, each 8 bits
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

// newCodebook builds a code from its values. The code is complete, so the lengths
// determine the bits.
func newCodebook(code string) *codebook {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	digit := func(i int) int { return strings.IndexByte(digits, code[i]) }
	b := &codebook{}
	next := uint32(0)
	for i := 0; i < len(code); i += 3 {
		n := digit(i + 2)
		b.starts, b.bits = append(b.starts, next), append(b.bits, n)
		b.values = append(b.values, digit(i)<<4|digit(i+1))
		next += 1 << (24 - n)
	}
	for p := range b.first {
		b.first[p] = sort.Search(len(b.starts), func(i int) bool { return b.starts[i] > uint32(p)<<16 }) - 1
	}
	return b
}

func (b *codebook) decode(r *bitReader) int {
	bits := r.peek(24)
	i := b.first[bits>>16]
	if b.bits[i] > 8 { // search among the codes with the same first 8 bits
		for end := b.first[bits>>16+1]; i < end; {
			if mid := (i + end + 1) / 2; b.starts[mid] <= bits {
				i = mid
			} else {
				end = mid - 1
			}
		}
	}
	r.at += b.bits[i]
	return b.values[i]
}

// huffman decodes a granule's lines up to bit end into x, raised to the power 4/3, and
// returns the number of lines up to the last that is not zero. sound reports that all
// pairs of lines are there and end before bit end; even good files may have a few bits
// after them that are not a code.
func (r *bitReader) huffman(x *[576]float64, gr *granule, end int) (last int, sound bool) {
	books, powers := codebooks(), pow43()
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
			last = i + k + 1
			if x[i+k] = powers[v]; r.flag() {
				x[i+k] = -powers[v]
			}
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
