// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Format tags of a wav's fmt chunk.
const (
	tagPCM        = 0x0001
	tagMS         = 0x0002 // ADPCM
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagIMA        = 0x0011 // ADPCM
	tagMPEG       = 0x0050
	tagMP3        = 0x0055
	tagExtensible = 0xfffe
)

// subFormats are the GUIDs of sub-formats that carry a plain format tag in their
// first four bytes, without these: Microsoft's, and those of Ambisonic B-format.
var subFormats = []subFormat{
	{0x0000, 0x0010, "\x80\x00\x00\xaa\x00\x38\x9b\x71"},
	{0x0721, 0x11d3, "\x86\x44\xc8\xc1\xca\x00\x00\x00"},
}

// subFormat is the rest of a GUID: two numbers in the file's order, then bytes.
type subFormat struct {
	second, third uint16
	tail          string
}

// maxChunks bounds the search for the samples: a file of empty chunks could
// keep it busy for minutes.
const maxChunks = 1 << 14

// decodeWAV reads RIFF, RIFX (big-endian), RF64 and BW64. Chunk sizes are only
// claims: a data chunk that says more than the file holds, or 0 or 2³²-1 as
// writers leave it that could not seek back, ends with the file.
func decodeWAV(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	var head [12]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("RIFF header: file ends after %d of 12 bytes", r.Size())
	}
	if form := string(head[8:]); form != "WAVE" {
		return nil, fmt.Errorf("RIFF header: form is %q, want \"WAVE\"", form)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(head[:4]) == "RIFX" {
		order = binary.BigEndian
	}
	var (
		f        *pcm
		dataSize int64 = -1 // from a ds64 chunk
		at       int64 = 12
	)
	for n := 0; ; n++ {
		var h [8]byte
		if _, err := r.ReadAt(h[:], at); err != nil || n == maxChunks {
			if f == nil {
				return nil, errors.New("fmt chunk: missing")
			}
			return nil, errors.New("data chunk: missing")
		}
		id, size := string(h[:4]), int64(order.Uint32(h[4:]))
		at += 8
		left := r.Size() - at
		switch id {
		case "fmt ":
			var err error
			if f, err = readFormat(io.NewSectionReader(r, at, min(size, left)), order); err != nil {
				return nil, fmt.Errorf("fmt chunk: %w", err)
			}
		case "ds64":
			var b [16]byte // sizes of the file and of the data
			if _, err := r.ReadAt(b[:], at); err == nil && size >= 16 {
				dataSize = int64(order.Uint64(b[8:]) &^ (1 << 63))
			}
		case "data":
			if f == nil {
				return nil, errors.New("fmt chunk: missing before the data chunk")
			}
			switch {
			case size == 1<<32-1 && dataSize >= 0:
				size = dataSize
			case size == 0 && !wholeChunks(r, at, order), size >= unknownSize:
				size = left
			}
			s, err := f.decode(io.NewSectionReader(r, at, min(size, left)), size, maxSeconds)
			if err == nil && size < left && !chunkAt(r, behindChunk(r, at, size)) {
				s.cut(maxSeconds, "data chunk: behind its %d bytes stands no other chunk, but %d bytes", size, left-size)
			}
			return s, err
		}
		at = behindChunk(r, at, size)
	}
}

// unknownSize and above are the sizes of data that programs leave which write
// into a pipe: SoX 2³¹-4096, most others 2³²-1.
const unknownSize = 1<<31 - 1<<12

// wholeChunks tells whether the rest of a file is chunks to its very end. Behind a
// data chunk of size 0 it says that there are no samples; otherwise the size was
// never filled in, and samples follow.
func wholeChunks(r *io.SectionReader, at int64, order binary.ByteOrder) bool {
	for range maxChunks {
		var h [8]byte
		if at >= r.Size() {
			return true
		}
		if _, err := r.ReadAt(h[:], at); err != nil || !chunkAt(r, at) {
			return false
		}
		size := int64(order.Uint32(h[4:]))
		if at += 8; size > r.Size()-at {
			return false
		}
		at = behindChunk(r, at, size)
	}
	return false
}

// chunkAt tells whether a chunk's name, or the end of the file, is at a place.
func chunkAt(r *io.SectionReader, at int64) bool {
	var id [4]byte
	n, _ := r.ReadAt(id[:], at)
	for _, c := range id[:n] {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// behindChunk returns where the chunk behind the one of size bytes at at starts.
// Some writers forget the byte that pads an odd one.
func behindChunk(r io.ReaderAt, at, size int64) int64 {
	at += size
	if size&1 == 0 {
		return at
	}
	var pad [1]byte
	if _, err := r.ReadAt(pad[:], at); err == nil && pad[0] >= ' ' && pad[0] <= 'z' {
		return at
	}
	return at + 1
}

// readFormat reads and checks a fmt chunk.
func readFormat(r *io.SectionReader, order binary.ByteOrder) (*pcm, error) {
	var b [40]byte
	n, _ := r.ReadAt(b[:], 0)
	if n < 16 {
		return nil, fmt.Errorf("is %d bytes long, want 16 or more", n)
	}
	f := &pcm{
		tag:      int(order.Uint16(b[0:])),
		channels: int(order.Uint16(b[2:])),
		block:    int(order.Uint16(b[12:])),
		bits:     int(order.Uint16(b[14:])),
		order:    order,
	}
	rate := int64(order.Uint32(b[4:]))
	if err := checkShape(rate, int64(f.channels)); err != nil {
		return nil, err
	}
	f.rate = int(rate)
	if f.tag == tagExtensible {
		if n < 40 {
			return nil, fmt.Errorf("extensible format is %d bytes long, want 40", n)
		}
		tag := order.Uint32(b[24:])
		kind := subFormat{order.Uint16(b[28:]), order.Uint16(b[30:]), string(b[32:40])}
		if tag > 0xffff || !slices.Contains(subFormats, kind) {
			return nil, fmt.Errorf("sub-format %x is not a sound format; convert the file to PCM", b[24:40])
		}
		f.atTop = true
		f.tag = int(tag)
	}
	if f.tag == tagIMA || f.tag == tagMS {
		return f, checkADPCM(f)
	}
	return f, f.check()
}
