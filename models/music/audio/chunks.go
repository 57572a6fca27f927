// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"io"
	"slices"
)

// maxChunks bounds the search for the samples, because a file of empty chunks could
// take minutes.
const maxChunks = 1 << 14

// unknownSize is the least size of data that programs leave which write into a pipe:
// SoX 2³¹-4096, most others 2³²-1.
const unknownSize = 1<<31 - 1<<12

// Wave64's identifiers have four letters and this tail, except the first.
const (
	w64RIFF = "riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
	w64Tail = "\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
)

// chunks reads the heads of a file's chunks one by one. Their sizes are only claims.
type chunks struct {
	r     *io.SectionReader
	order binary.ByteOrder
	wide  bool // Wave64
	count int

	// The chunk that was read last; at first at is where the first chunk begins.
	id             string
	at, size, left int64 // start of the body, its claimed size, bytes up to the end of the file
}

// next reads the head of the next chunk. It returns false at the end of the file.
func (c *chunks) next() bool {
	head, at := 8, c.end()
	if c.wide {
		head = 24
	}
	var h [24]byte
	if _, err := c.r.ReadAt(h[:head], at); err != nil || c.count == maxChunks {
		return false
	}
	c.count++
	c.at = at + int64(head)
	c.left = c.r.Size() - c.at
	c.id, c.size = string(h[:4]), int64(c.order.Uint32(h[4:]))
	if c.wide {
		if string(h[4:16]) != w64Tail {
			c.id = ""
		}
		c.size = c.left
		if claim := binary.LittleEndian.Uint64(h[16:]); claim >= 24 && claim < 1<<62 {
			c.size = int64(claim - 24)
		}
	}
	return true
}

// end returns where the next chunk starts. Some writers forget the byte that pads
// an odd one.
func (c *chunks) end() int64 {
	if c.wide {
		return (c.at + min(c.size, c.left) + 7) &^ 7
	}
	at := c.at + c.size
	if c.size&1 == 0 {
		return at
	}
	var pad [1]byte
	if _, err := c.r.ReadAt(pad[:], at); err == nil && pad[0] >= ' ' && pad[0] <= 'z' {
		return at
	}
	return at + 1
}

// body returns what the file holds of the chunk.
func (c *chunks) body() *io.SectionReader {
	return io.NewSectionReader(c.r, c.at, min(c.size, c.left))
}

// named reports whether a chunk's name, or the end of the file, is at a place.
func (c *chunks) named(at int64) bool {
	var id [4]byte
	n, _ := c.r.ReadAt(id[:], at)
	return !slices.ContainsFunc(id[:n], func(b byte) bool { return b < ' ' || b > '~' })
}

// endsWhole reports whether the rest of the file is whole chunks to its very end.
// After a data chunk of size 0 this means that there are no samples; otherwise the
// size was never filled in, and samples follow.
func (c chunks) endsWhole() bool {
	c.count = 0
	for c.next() {
		if !c.named(c.at-8) || c.size > c.left {
			return false
		}
	}
	return c.end() >= c.r.Size()
}

// decode reads a chunk of samples, which claims to have so many bytes.
func (f *pcm) decode(r *io.SectionReader, claimed int64, maxSeconds float64) (*sound, error) {
	var s *sound
	var err error
	switch f.tag {
	case tagMP3, tagMPEG:
		s, err = decodeMP3(r, maxSeconds)
	case tagIMA, tagMS:
		s, err = decodeADPCM(f, r, maxSeconds)
	default:
		s, err = decodePCM(f, r, maxSeconds)
	}
	if err == nil && claimed > r.Size() {
		s.cut("data chunk: claims %d bytes, %d are there", claimed, r.Size())
	}
	return s, err
}
