// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
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

// pcm describes how samples are stored in a file, frame by frame. It names
// encodings by a wav's format tags.
type pcm struct {
	tag      int // encoding
	channels int
	rate     int
	block    int  // bytes of a frame; of ADPCM: of a block of frames
	bits     int  // of a sample
	atTop    bool // samples of fewer bits than their bytes hold are in the top bits
	signed   bool // samples of up to 8 bits are signed
	order    binary.ByteOrder
}

// check refuses what decode cannot read, and determines the size of a frame.
func (f *pcm) check() error {
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
	case tagIMA, tagMS:
		if f.bits != 4 {
			return fmt.Errorf("%d bits an ADPCM sample, want 4", f.bits)
		}
		if least := f.adpcmHead(); f.block < least {
			return fmt.Errorf("ADPCM block of %d bytes, want %d or more for %d channels", f.block, least, f.channels)
		}
		return nil
	case tagMP3, tagMPEG:
		return nil
	default:
		return fmt.Errorf("format tag %#04x is not decoded; convert the file to PCM", f.tag)
	}
	// A frame that is not a whole number of samples, or is too small for them,
	// contradicts the other fields, which are trusted more.
	if f.block%f.channels != 0 || f.block/f.channels < least || f.block/f.channels > 8 ||
		f.tag != tagPCM && f.block/f.channels != least {
		f.block = least * f.channels
	}
	return nil
}

// adpcmHead returns the size of a block's head for all channels.
func (f *pcm) adpcmHead() int {
	if f.tag == tagIMA {
		return 4 * f.channels
	}
	return 7 * f.channels
}

// decodePCM reads samples that are stored one by one.
func decodePCM(f *pcm, r *io.SectionReader, maxSeconds float64) (*sound, error) {
	s := newSound(f.rate, f.channels, f.full(), maxSeconds)
	frames := int(min(r.Size()/int64(f.block), int64(s.limit)))
	s.Samples = make([]float64, 0, frames)
	if n := r.Size(); n > 0 && n < int64(f.block) {
		return nil, fmt.Errorf("data chunk: %d bytes, less than one frame of %d", r.Size(), f.block)
	}
	bytes := f.block / f.channels
	read := f.samples(bytes)
	chunk := max(1, 1<<14/f.block) // frames
	buf := make([]byte, chunk*f.block+8)
	channels := make([][]float64, f.channels)
	for left := frames; left > 0; {
		n := min(chunk, left)
		if _, err := io.ReadFull(r, buf[:n*f.block]); err != nil {
			return nil, fmt.Errorf("data chunk: %w", err)
		}
		left -= n
		for c := range channels {
			if channels[c] == nil {
				channels[c] = make([]float64, n)
			}
			channels[c] = channels[c][:n]
			read(channels[c], buf[c*bytes:], f.block)
		}
		s.add(channels, 0, s.limit)
	}
	return s, nil
}

// full returns the level of the encoding that counts as full scale.
func (f *pcm) full() float64 {
	switch f.tag {
	case tagMuLaw:
		return muLaw(0x80)
	case tagALaw:
		return aLaw(0xaa)
	case tagPCM:
		return fullScale(f.bits)
	}
	return fullScale(16)
}

// samples returns the function that turns bytes, so many steps apart, into values in
// [-1, 1), or the values themselves in a float file. It reads, and does not use, up to 7
// bytes behind the last sample.
func (f *pcm) samples(bytes int) func(dst []float64, b []byte, step int) {
	each := func(value func(b []byte) float64) func([]float64, []byte, int) {
		return func(dst []float64, b []byte, step int) {
			for i := range dst {
				dst[i] = value(b[i*step:])
			}
		}
	}
	switch {
	case f.tag == tagMuLaw:
		return each(func(b []byte) float64 { return muLaw(b[0]) })
	case f.tag == tagALaw:
		return each(func(b []byte) float64 { return aLaw(b[0]) })
	case f.tag == tagFloat && bytes == 4:
		return each(func(b []byte) float64 { return float64(math.Float32frombits(f.order.Uint32(b))) })
	case f.tag == tagFloat:
		return each(func(b []byte) float64 { return math.Float64frombits(f.order.Uint64(b)) })
	case bytes == 1 && !f.signed:
		return each(func(b []byte) float64 { return (float64(b[0]) - 128) / 128 })
	}
	// Samples of fewer bits than their bytes hold are in the top bits. The exception
	// is the plain format with whole bytes to spare, which is outside the standard:
	// files that have it keep the sample in the low bytes.
	used := bytes
	if !f.atTop {
		used = (f.bits + 7) / 8
	}
	up, down := 64-8*used, 64-8*bytes
	if f.order == binary.ByteOrder(binary.BigEndian) {
		return each(func(b []byte) float64 {
			return float64(int64(binary.BigEndian.Uint64(b)>>down<<up)) / (1 << 63)
		})
	}
	return func(dst []float64, b []byte, step int) { // of most files
		for i := range dst {
			dst[i] = float64(int64(binary.LittleEndian.Uint64(b[i*step:])<<up)) / (1 << 63)
		}
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
