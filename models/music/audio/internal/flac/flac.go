// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package flac decodes FLAC streams (RFC 9639): 4 to 32 bits a sample, 1 to 8
// channels, inside the streamable subset or not. It is made for untrusted files:
// memory is bounded by one block (65,535 samples of 8 channels) whatever a header
// claims, and damage is an error, never a panic.
package flac

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Stream is a FLAC stream, positioned at a frame.
type Stream struct {
	Rate     int   // frames per second
	Channels int   // 1 to 8
	Bits     int   // 4 to 32
	Total    int64 // samples a channel; 0 where the encoder did not know

	r   *bitReader
	buf [8][]int64

	started bool
	next    int64 // number of the next frame, or of its first sample
}

// Block is one decoded FLAC frame.
type Block struct {
	Bits     int       // of its samples, in [-2^(Bits-1), 2^(Bits-1))
	Channels [][]int64 // all of one length; valid until the next call
	Gap      bool      // frames are missing between the block before and this one
	Rate     int       // as the frame itself gives it; 0 if it leaves that to STREAMINFO
}

// maxBlocks bounds the metadata, because empty blocks could go on without end.
const maxBlocks = 1 << 14

// New reads the marker and STREAMINFO, and skips the other metadata.
func New(r *io.SectionReader) (*Stream, error) {
	var b [42]byte
	n, err := r.ReadAt(b[:], 0)
	if n >= 4 && string(b[:4]) != "fLaC" {
		return nil, fmt.Errorf("marker is %q, want \"fLaC\"", b[:4])
	}
	last, kind, size := blockHeader(b[4:])
	if n >= 8 && (kind != 0 || size < 34) {
		return nil, fmt.Errorf("STREAMINFO: first metadata block is of type %d and %d bytes, want 0 and 34", kind, size)
	}
	if n < len(b) {
		return nil, fmt.Errorf("STREAMINFO: %w", cut(err))
	}
	info := b[8:]
	s := &Stream{
		Rate:     int(info[10])<<12 | int(info[11])<<4 | int(info[12])>>4,
		Channels: int(info[12]>>1&7) + 1,
		Bits:     int(info[12]&1)<<4 + int(info[13]>>4) + 1,
		Total:    int64(info[13]&15)<<32 | int64(binary.BigEndian.Uint32(info[14:])),
	}
	if s.Bits < 4 {
		return nil, fmt.Errorf("STREAMINFO: %d bits a sample, want 4 to 32", s.Bits)
	}
	at := int64(4)
	for range maxBlocks {
		if at += 4 + int64(size); at > r.Size() {
			return nil, fmt.Errorf("metadata block of type %d claims %d bytes: %w", kind, size, errCut)
		}
		if last {
			s.r = &bitReader{r: io.NewSectionReader(r, at, r.Size()-at), buf: make([]byte, 0, 1<<14)}
			return s, nil
		}
		if _, err := r.ReadAt(b[:4], at); err != nil {
			return nil, fmt.Errorf("metadata: %w", cut(err))
		}
		if last, kind, size = blockHeader(b[:4]); kind == 127 {
			return nil, errors.New("metadata: block of the forbidden type 127")
		}
	}
	return nil, fmt.Errorf("metadata: more than %d blocks", maxBlocks)
}

func blockHeader(b []byte) (last bool, kind, size int) {
	return b[0]&0x80 != 0, int(b[0] & 0x7f), int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}

var errCut = errors.New("file ends inside it")

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// Next decodes the next frame. Its error is io.EOF if the stream ended between two
// frames; after any other error nothing more can be read.
func (s *Stream) Next() (*Block, error) {
	h, err := s.header()
	if errors.Is(err, io.EOF) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("frame header: %w", cut(err))
	}
	if err := s.body(h); err != nil {
		return nil, fmt.Errorf("frame: %w", cut(err))
	}
	gap := s.started && h.number != s.next
	s.started, s.next = true, h.number+1
	if h.variable {
		s.next = h.number + int64(h.size)
	}
	return &Block{h.bits, s.buf[:h.channels], gap, h.rate}, nil
}

// Ways to store two channels, by the header's code.
const (
	leftSide = iota + 8
	sideRight
	midSide
)

type header struct {
	size     int // samples a channel
	coding   int // channels-1, or one of the three above
	channels int
	bits     int
	rate     int   // 0: as STREAMINFO says
	variable bool  // blocks differ in size, and number counts samples, not frames
	number   int64 // of the frame, or of its first sample
}

// rates are the sample rates that have a code in the frame header.
var rates = [16]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}

// header reads a frame header up to its CRC.
func (s *Stream) header() (header, error) {
	r := s.r
	r.begin()
	if !r.more() {
		return header{}, io.EOF
	}
	sync := r.read(15)
	variable := r.read(1) != 0
	sizeCode, rateCode := r.read(4), r.read(4)
	coding, bitsCode := int(r.read(4)), r.read(3)
	reserved := r.read(1)
	if r.err != nil {
		return header{}, r.err
	}
	if sync != 0x7ffc || reserved != 0 {
		return header{}, errors.New("no sync code")
	}
	h := header{coding: coding, channels: coding + 1, variable: variable}
	switch {
	case coding > midSide:
		return header{}, fmt.Errorf("reserved channel assignment %d", coding)
	case coding >= leftSide:
		h.channels = 2
	}
	switch h.bits = [8]int{0, 8, 12, -1, 16, 20, 24, 32}[bitsCode]; h.bits {
	case 0:
		h.bits = s.Bits
	case -1:
		return header{}, errors.New("reserved sample size")
	}
	// The number, coded as UTF-8 codes up to 36 bits.
	first := r.read(8)
	h.number = int64(first)
	if first >= 0x80 {
		ones := bits.LeadingZeros8(^uint8(first))
		h.number = int64(first & (0x7f >> ones))
		for range ones - 1 {
			h.number = h.number<<6 | int64(r.read(8)&0x3f)
		}
	}
	switch {
	case sizeCode == 0:
		return header{}, errors.New("reserved block size")
	case sizeCode == 1:
		h.size = 192
	case sizeCode <= 5:
		h.size = 576 << (sizeCode - 2)
	case sizeCode == 6:
		h.size = int(r.read(8)) + 1
	case sizeCode == 7:
		h.size = int(r.read(16)) + 1
	default:
		h.size = 256 << (sizeCode - 8)
	}
	switch h.rate = rates[rateCode]; rateCode {
	case 12:
		h.rate = int(r.read(8)) * 1000
	case 13:
		h.rate = int(r.read(16))
	case 14:
		h.rate = int(r.read(16)) * 10
	case 15:
		return header{}, errors.New("reserved sample rate")
	}
	var want byte
	for _, c := range r.buf[r.start:r.used()] {
		want = table8[want^c]
	}
	if got := r.read(8); r.err == nil && byte(got) != want {
		return header{}, fmt.Errorf("checksum is %#02x, want %#02x", got, want)
	}
	return h, r.err
}

// body reads the subframes and the frame's CRC.
func (s *Stream) body(h header) error {
	for c := range h.channels {
		if cap(s.buf[c]) < h.size {
			s.buf[c] = make([]int64, h.size)
		}
		s.buf[c] = s.buf[c][:h.size]
		bits := h.bits
		if h.coding == sideRight && c == 0 || (h.coding == leftSide || h.coding == midSide) && c == 1 {
			bits++ // a difference of two samples
		}
		if err := s.r.subframe(s.buf[c], bits); err != nil {
			return fmt.Errorf("channel %d: %w", c, cut(err))
		}
	}
	s.r.align()
	want := s.r.sum()
	if got := s.r.read(16); s.r.err == nil && uint16(got) != want {
		return fmt.Errorf("checksum is %#04x, want %#04x", got, want)
	}
	if s.r.err != nil {
		return s.r.err
	}
	a, b := s.buf[0], s.buf[1]
	switch h.coding {
	case leftSide:
		for i := range a {
			b[i] = a[i] - b[i]
		}
	case sideRight:
		for i := range a {
			a[i] += b[i]
		}
	case midSide:
		for i, m := range a {
			side := b[i]
			m = m<<1 | side&1
			a[i], b[i] = (m+side)>>1, (m-side)>>1
		}
	}
	return nil
}
