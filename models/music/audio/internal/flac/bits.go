// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package flac

import (
	"bufio"
	"errors"
	"io"
	"math/bits"
)

// bitReader reads bits, most significant first. It takes no byte from r before
// it is needed, so a frame's checksums cover just its bytes. The first error
// sticks, and zeros are read from then on.
type bitReader struct {
	r     *bufio.Reader
	cache uint64 // the low n bits are unread
	n     int
	crc8  byte
	crc16 uint16
	err   error
}

func (b *bitReader) reset() { b.n, b.crc8, b.crc16 = 0, 0, 0 }

// more tells whether another byte follows; an error other than the end sticks.
func (b *bitReader) more() bool {
	_, err := b.r.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
		return true
	}
	return err == nil
}

func (b *bitReader) align() { b.n = 0 }

func (b *bitReader) fill() bool {
	if b.err != nil {
		return false
	}
	c, err := b.r.ReadByte()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		b.err = err
		return false
	}
	b.cache = b.cache<<8 | uint64(c)
	b.n += 8
	b.crc8 = table8[b.crc8^c]
	b.crc16 = b.crc16<<8 ^ table16[byte(b.crc16>>8)^c]
	return true
}

// read returns the next n bits, n up to 33.
func (b *bitReader) read(n int) uint64 {
	for b.n < n {
		if !b.fill() {
			return 0
		}
	}
	b.n -= n
	return b.cache >> b.n & (1<<n - 1)
}

// signed reads an n-bit number in two's complement.
func (b *bitReader) signed(n int) int64 {
	return int64(b.read(n)<<(64-n)) >> (64 - n)
}

var errRun = errors.New("residual: code longer than a sample can need")

// unary counts zeros up to the next one. More than limit is an error.
func (b *bitReader) unary(limit uint64) uint64 {
	var zeros uint64
	for {
		if rest := b.cache & (1<<b.n - 1); rest != 0 {
			left := bits.Len64(rest) - 1
			zeros += uint64(b.n - left - 1)
			b.n = left
			break
		}
		zeros += uint64(b.n)
		b.n = 0
		if zeros > limit || !b.fill() {
			break
		}
	}
	if zeros > limit && b.err == nil {
		b.err = errRun
	}
	return zeros
}

var table8, table16 = func() (t8 [256]byte, t16 [256]uint16) {
	for i := range 256 {
		c8, c16 := byte(i), uint16(i)<<8
		for range 8 {
			c8 = c8<<1 ^ -(c8>>7)&0x07
			c16 = c16<<1 ^ -(c16>>15)&0x8005
		}
		t8[i], t16[i] = c8, c16
	}
	return
}()
