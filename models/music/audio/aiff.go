// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// decodeAIFF reads AIFF and AIFF-C. The chunks may come in any order. As in a wav,
// sizes are only claims, and so is COMM's number of frames: a writer that could not
// seek back leaves a zero there.
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
		c       = &chunks{r: r, order: binary.BigEndian, at: 12}
	)
	for f == nil || data == nil {
		if !c.next() {
			switch {
			case f == nil:
				return nil, errors.New("COMM chunk: missing")
			case frames == 0: // then the format allows to leave the chunk out
				return newSound(f.rate, f.channels, f.full(), maxSeconds), nil
			}
			return nil, errors.New("SSND chunk: missing")
		}
		switch c.id {
		case "COMM":
			var err error
			if f, frames, err = readCOMM(c.body(), form == "AIFC"); err != nil {
				return nil, fmt.Errorf("COMM chunk: %w", err)
			}
		case "SSND":
			if c.size == 0 {
				c.size = c.left
			}
			body := c.body()
			var b [8]byte // offset of the samples after these bytes, block size
			if _, err := body.ReadAt(b[:], 0); err != nil {
				return nil, fmt.Errorf("SSND chunk: is %d bytes long, want 8 or more", body.Size())
			}
			skip := 8 + int64(binary.BigEndian.Uint32(b[:]))
			data, claimed = io.NewSectionReader(r, c.at+skip, max(0, body.Size()-skip)), c.size-skip
		}
	}
	if claimed >= unknownSize {
		claimed = 0
	}
	s, err := f.decode(data, claimed, maxSeconds)
	if err == nil && claimed <= data.Size() && frames > int64(len(s.Samples)) && frames < unknownSize {
		s.cut("COMM chunk: announces %d frames, %d are there", frames, len(s.Samples))
	}
	return s, err
}

// readCOMM reads and checks a COMM chunk. It returns the number of frames that the
// chunk announces, too.
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
		kind := string(b[18:22])
		c, known := compressions[kind]
		switch {
		case !known:
			return nil, 0, fmt.Errorf("compression %q is not decoded; convert the file to uncompressed AIFF or wav", kind)
		case c.unsigned && f.bits != 8:
			return nil, 0, fmt.Errorf("%d bits an unsigned sample, want 8", f.bits)
		case c.little:
			f.order = binary.LittleEndian
		}
		f.tag, f.bits, f.signed = c.tag, cmp.Or(c.bits, f.bits), !c.unsigned
	}
	if f.tag == tagPCM && (f.bits < 1 || f.bits > 32) {
		return nil, 0, fmt.Errorf("%d bits a sample, want 1 to 32", f.bits)
	}
	f.block = (f.bits + 7) / 8 * f.channels
	return f, int64(be.Uint32(b[2:])), nil
}

// compressions are AIFF-C's compression types. Some fix the size of a sample, whatever
// number of bits the chunk itself has, often that of the source.
var compressions = map[string]struct {
	tag, bits        int // 0 bits: as the chunk says
	little, unsigned bool
}{
	"NONE": {tag: tagPCM}, "twos": {tag: tagPCM}, "sowt": {tag: tagPCM, little: true},
	"in24": {tag: tagPCM, bits: 24}, "in32": {tag: tagPCM, bits: 32}, "23ni": {tag: tagPCM, bits: 32, little: true},
	"42n1": {tag: tagPCM, bits: 24, little: true}, "42ni": {tag: tagPCM, bits: 24, little: true}, // both spellings are found
	"raw ": {tag: tagPCM, unsigned: true},
	"fl32": {tag: tagFloat, bits: 32}, "FL32": {tag: tagFloat, bits: 32},
	"fl64": {tag: tagFloat, bits: 64}, "FL64": {tag: tagFloat, bits: 64},
	"ulaw": {tag: tagMuLaw, bits: 8}, "ULAW": {tag: tagMuLaw, bits: 8},
	"alaw": {tag: tagALaw, bits: 8}, "ALAW": {tag: tagALaw, bits: 8},
}

// extended returns the whole part of an 80-bit IEEE float, or -1 if it cannot be a
// sample rate.
func extended(b []byte) int64 {
	exponent := int(binary.BigEndian.Uint16(b)) - 16383
	if exponent < 0 || exponent > 31 { // negative, infinite and NaN come out above
		return min(-1, int64(exponent))
	}
	return int64(math.Ldexp(float64(binary.BigEndian.Uint64(b[2:])), exponent-63))
}
