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
	tagFloat      = 0x0003
	tagALaw       = 0x0006
	tagMuLaw      = 0x0007
	tagMPEG       = 0x0050
	tagMP3        = 0x0055
	tagExtensible = 0xfffe
)

// guidTail ends every sub-format GUID that carries a plain format tag.
const guidTail = "\x80\x00\x00\xaa\x00\x38\x9b\x71"

// wavFormat is a fmt chunk.
type wavFormat struct {
	tag        int
	channels   int
	rate       int
	block      int // bytes of a frame
	bits       int
	extensible bool
	order      binary.ByteOrder
}

// decodeWAV reads RIFF, RIFX (big-endian), RF64 and BW64. Chunk sizes are only
// claims: a data chunk that says more than the file holds, or 0 or 2³²-1 as
// writers leave it that could not seek back, ends with the file.
func decodeWAV(r *io.SectionReader, maxSeconds float64) (*Clip, error) {
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
		f        *wavFormat
		dataSize int64 = -1 // from a ds64 chunk
		at       int64 = 12
	)
	for {
		var h [8]byte
		if _, err := r.ReadAt(h[:], at); err != nil {
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
		at += size + size&1
		// Some writers forget the byte that pads an odd chunk.
		var pad [1]byte
		if size&1 == 1 {
			if _, err := r.ReadAt(pad[:], at-1); err == nil && pad[0] >= ' ' && pad[0] <= 'z' {
				at--
			}
		}
	}
}

// readFormat reads and checks a fmt chunk.
func readFormat(r *io.SectionReader, order binary.ByteOrder) (*wavFormat, error) {
	var b [40]byte
	n, _ := r.ReadAt(b[:], 0)
	if n < 16 {
		return nil, fmt.Errorf("is %d bytes long, want 16 or more", n)
	}
	f := &wavFormat{
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
		f.extensible = true
		f.tag = int(tag)
	}
	return f, f.check()
}

// check refuses what decode cannot read and settles the size of a frame.
func (f *wavFormat) check() error {
	least := (f.bits + 7) / 8
	switch f.tag {
	case tagPCM:
		if f.bits < 1 || f.bits > 64 {
			return fmt.Errorf("%d bits a sample, want 1 to 64", f.bits)
		}
	case tagFloat:
		if f.bits != 32 && f.bits != 64 {
			return fmt.Errorf("%d bits a float sample, want 32 or 64", f.bits)
		}
	case tagALaw, tagMuLaw:
		if f.bits != 8 {
			return fmt.Errorf("%d bits a logarithmic sample, want 8", f.bits)
		}
	case tagMP3, tagMPEG:
		return nil
	default:
		return fmt.Errorf("format tag %#04x is not decoded; convert the file to PCM", f.tag)
	}
	// A frame that is no whole number of samples, or is too small for them,
	// contradicts the other fields: believe those.
	if f.block%f.channels != 0 || f.block/f.channels < least || f.block/f.channels > 8 ||
		f.tag != tagPCM && f.block/f.channels != least {
		f.block = least * f.channels
	}
	return nil
}

// decode reads the data chunk.
func (f *wavFormat) decode(r *io.SectionReader, maxSeconds float64) (*Clip, error) {
	if f.tag == tagMP3 || f.tag == tagMPEG {
		return decodeMP3(r, maxSeconds)
	}
	frames := int(min(r.Size()/int64(f.block), int64(frameLimit(f.rate, maxSeconds))))
	clip := &Clip{Samples: make([]float64, 0, frames), Rate: f.rate, Channels: f.channels}
	if n := r.Size(); n > 0 && n < int64(f.block) {
		return nil, fmt.Errorf("data chunk: %d bytes, less than one frame of %d", r.Size(), f.block)
	}
	bytes := f.block / f.channels
	value := f.sample(bytes)
	buf := make([]byte, max(1, 1<<16/f.block)*f.block)
	scale := 1 / float64(f.channels)
	for left := frames; left > 0; {
		b := buf[:min(len(buf), left*f.block)]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, fmt.Errorf("data chunk: %w", err)
		}
		left -= len(b) / f.block
		for len(b) > 0 {
			var sum float64
			for i := 0; i < f.block; i += bytes {
				sum += value(b[i : i+bytes])
			}
			clip.Samples = append(clip.Samples, sum*scale)
			b = b[f.block:]
		}
	}
	return clip, nil
}
