// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// decodeAIFF reads AIFF and AIFF-C. The chunks may come in any order. As in a
// wav, sizes are only claims, and so is COMM's number of frames: a writer that
// could not seek back leaves a zero there.
func decodeAIFF(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	var head [12]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("FORM header: file ends after %d of 12 bytes", r.Size())
	}
	form := string(head[8:])
	if form != "AIFF" && form != "AIFC" {
		return nil, fmt.Errorf("FORM header: form is %q, want \"AIFF\" or \"AIFC\"", form)
	}
	var (
		f       *pcm
		data    *io.SectionReader
		claimed int64 // bytes of samples
		frames  int64 // that COMM announces
		at      int64 = 12
	)
	for n := 0; f == nil || data == nil; n++ {
		var h [8]byte
		if _, err := r.ReadAt(h[:], at); err != nil || n == maxChunks {
			switch {
			case f == nil:
				return nil, errors.New("COMM chunk: missing")
			case frames == 0: // the format allows to leave the chunk out
				return newSound(f.rate, f.channels, f.full()), nil
			}
			return nil, errors.New("SSND chunk: missing")
		}
		id, size := string(h[:4]), int64(binary.BigEndian.Uint32(h[4:]))
		at += 8
		left := r.Size() - at
		switch id {
		case "COMM":
			var err error
			if f, frames, err = readCOMM(io.NewSectionReader(r, at, min(size, left)), form == "AIFC"); err != nil {
				return nil, fmt.Errorf("COMM chunk: %w", err)
			}
		case "SSND":
			if size == 0 {
				size = left
			}
			var b [8]byte // offset of the samples behind these bytes, block size
			if _, err := io.ReadFull(io.NewSectionReader(r, at, min(size, left)), b[:]); err != nil {
				return nil, fmt.Errorf("SSND chunk: is %d bytes long, want 8 or more", min(size, left))
			}
			skip := 8 + int64(binary.BigEndian.Uint32(b[:]))
			data, claimed = io.NewSectionReader(r, at+skip, max(0, min(size, left)-skip)), size-skip
		}
		at = behindChunk(r, at, size)
	}
	if claimed >= unknownSize {
		claimed = 0
	}
	s, err := f.decode(data, claimed, maxSeconds)
	if err == nil && claimed <= data.Size() && frames > int64(len(s.Samples)) && frames < unknownSize {
		s.cut(maxSeconds, "COMM chunk: announces %d frames, %d are there", frames, len(s.Samples))
	}
	return s, err
}

// readCOMM reads and checks a COMM chunk. The second result is the number of
// frames that it announces.
func readCOMM(r *io.SectionReader, compressed bool) (*pcm, int64, error) {
	var b [22]byte
	n, _ := r.ReadAt(b[:], 0)
	if want := map[bool]int{false: 18, true: 22}[compressed]; n < want {
		return nil, 0, fmt.Errorf("is %d bytes long, want %d or more", n, want)
	}
	be := binary.BigEndian
	f := &pcm{
		tag:      tagPCM,
		channels: int(be.Uint16(b[0:])),
		bits:     int(be.Uint16(b[6:])),
		atTop:    true,
		signed:   true,
		order:    be,
	}
	rate := extended(b[8:18])
	if err := checkShape(rate, int64(f.channels)); err != nil {
		return nil, 0, err
	}
	f.rate = int(rate)
	if compressed {
		if err := f.setCompression(string(b[18:22])); err != nil {
			return nil, 0, err
		}
	}
	if f.tag == tagPCM && (f.bits < 1 || f.bits > 32) {
		return nil, 0, fmt.Errorf("%d bits a sample, want 1 to 32", f.bits)
	}
	f.block = (f.bits + 7) / 8 * f.channels
	return f, int64(be.Uint32(b[2:])), nil
}

// setCompression sets what AIFF-C's compression type tells. Some fix the size of
// a sample; the chunk's own number of bits is then often that of the source.
func (f *pcm) setCompression(kind string) error {
	switch kind {
	case "NONE", "twos":
	case "sowt":
		f.order = binary.LittleEndian
	case "in24":
		f.bits = 24
	case "in32":
		f.bits = 32
	case "42n1", "42ni": // both spellings are found
		f.bits, f.order = 24, binary.LittleEndian
	case "23ni":
		f.bits, f.order = 32, binary.LittleEndian
	case "raw ":
		if f.bits != 8 {
			return fmt.Errorf("%d bits an unsigned sample, want 8", f.bits)
		}
		f.signed = false
	case "fl32", "FL32":
		f.tag, f.bits = tagFloat, 32
	case "fl64", "FL64":
		f.tag, f.bits = tagFloat, 64
	case "ulaw", "ULAW":
		f.tag, f.bits = tagMuLaw, 8
	case "alaw", "ALAW":
		f.tag, f.bits = tagALaw, 8
	default:
		return fmt.Errorf("compression %q is not decoded; convert the file to uncompressed AIFF or wav", kind)
	}
	return nil
}

// extended gives the whole part of an 80-bit float of the IEEE, or -1 where that
// is no possible sample rate.
func extended(b []byte) int64 {
	exponent := int(binary.BigEndian.Uint16(b)) - 16383
	if exponent < 0 || exponent > 31 { // negative, infinite and NaN come out above
		return min(-1, int64(exponent))
	}
	return int64(math.Ldexp(float64(binary.BigEndian.Uint64(b[2:])), exponent-63))
}
