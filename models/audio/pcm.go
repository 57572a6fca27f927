// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"math"
)

// sample returns the function that turns the bytes of one sample into a value
// in [-1, 1), or whatever a float file holds.
func (f *wavFormat) sample(bytes int) func([]byte) float64 {
	big := f.order == binary.ByteOrder(binary.BigEndian)
	switch {
	case f.tag == tagMuLaw:
		return func(b []byte) float64 { return muLaw(b[0]) }
	case f.tag == tagALaw:
		return func(b []byte) float64 { return aLaw(b[0]) }
	case f.tag == tagFloat && bytes == 4:
		return func(b []byte) float64 { return float64(math.Float32frombits(f.order.Uint32(b))) }
	case f.tag == tagFloat:
		return func(b []byte) float64 { return math.Float64frombits(f.order.Uint64(b)) }
	case bytes == 1: // up to 8 bits are unsigned
		return func(b []byte) float64 { return (float64(b[0]) - 128) / 128 }
	case bytes == 2 && !big:
		return func(b []byte) float64 { return float64(int16(uint16(b[0])|uint16(b[1])<<8)) / (1 << 15) }
	}
	// Fewer bits than the container holds are at its top. The exception is the
	// plain format with bytes to spare, which is outside the standard: what is
	// found there has the sample in the low bytes.
	used := bytes
	if !f.extensible {
		used = (f.bits + 7) / 8
	}
	shift := 64 - 8*used
	return func(b []byte) float64 {
		var v uint64
		for i := range b {
			if big {
				v = v<<8 | uint64(b[i])
			} else {
				v |= uint64(b[i]) << (8 * i)
			}
		}
		return float64(int64(v<<shift)) / (1 << 63)
	}
}

// muLaw expands a byte of ITU-T G.711 mu-law.
func muLaw(c byte) float64 {
	c = ^c
	v := float64((int(c&0x0f)<<3+0x84)<<(c>>4&7) - 0x84)
	if c&0x80 != 0 {
		v = -v
	}
	return v / (1 << 15)
}

// aLaw expands a byte of ITU-T G.711 A-law.
func aLaw(c byte) float64 {
	c ^= 0x55
	v := int(c&0x0f)<<4 + 8
	if e := c >> 4 & 7; e > 0 {
		v = (v + 0x100) << (e - 1)
	}
	if c&0x80 == 0 {
		v = -v
	}
	return float64(v) / (1 << 15)
}
