// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package crc makes tables for the cyclic redundancy checks of sound files, which
// take the most significant bit first. hash/crc32 has only the other order.
package crc

// Table returns the remainder of each byte. The polynomial has an implicit top bit.
func Table[T uint8 | uint16 | uint32](polynomial T) (table [256]T) {
	top := ^(^T(0) >> 1)
	for i := range table {
		crc := T(i) * (top >> 7)
		for range 8 {
			if crc&top != 0 {
				crc = crc<<1 ^ polynomial
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}
