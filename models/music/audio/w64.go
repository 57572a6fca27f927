// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What follows the four letters in Wave64's identifiers, "riff" having its own.
const (
	w64RIFF = "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
	w64Tail = "\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
)

// decodeW64 reads Sony's Wave64: a wav whose chunks have identifiers of 16 bytes
// and sizes of 64 bits, which count themselves, and start at multiples of 8.
func decodeW64(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	var head [40]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("riff header: file ends after %d of 40 bytes", r.Size())
	}
	if string(head[:16]) != w64RIFF || string(head[24:]) != "wave"+w64Tail {
		return nil, errors.New("riff header: is not that of a Wave64 file; convert it to wav")
	}
	var f *pcm
	at := int64(40)
	for n := 0; ; n++ {
		var h [24]byte
		if _, err := r.ReadAt(h[:], at); err != nil || n == maxChunks {
			if f == nil {
				return nil, errors.New("fmt chunk: missing")
			}
			return nil, errors.New("data chunk: missing")
		}
		left := r.Size() - at - 24
		size, claimed := left, left
		if claim := binary.LittleEndian.Uint64(h[16:]); claim >= 24 && claim < 1<<62 {
			claimed = int64(claim - 24)
			size = min(claimed, left)
		}
		body := io.NewSectionReader(r, at+24, size)
		switch string(h[:16]) {
		case "fmt " + w64Tail:
			var err error
			if f, err = readFormat(body, binary.LittleEndian); err != nil {
				return nil, fmt.Errorf("fmt chunk: %w", err)
			}
		case "data" + w64Tail:
			if f == nil {
				return nil, errors.New("fmt chunk: missing before the data chunk")
			}
			return f.decode(body, claimed, maxSeconds)
		}
		at += (24 + size + 7) &^ 7
	}
}
