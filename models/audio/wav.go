// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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

// guidTail ends every sub-format GUID that carries a plain format tag.
const guidTail = "\x80\x00\x00\xaa\x00\x38\x9b\x71"

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
			case size == 0:
				size = left
			}
			return f.decode(io.NewSectionReader(r, at, min(size, left)), maxSeconds)
		}
		at = behindChunk(r, at, size)
	}
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
		// The first three fields of the GUID are numbers in the file's order.
		tag := order.Uint32(b[24:])
		if tag > 0xffff || order.Uint16(b[28:]) != 0 || order.Uint16(b[30:]) != 0x10 || string(b[32:40]) != guidTail {
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
