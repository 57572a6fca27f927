// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// subFormats are the GUIDs, without their first four bytes, of sub-formats that have
// a plain format tag there: Microsoft's, and those of Ambisonic B-format.
var subFormats = []subFormat{
	{0x0000, 0x0010, "\x80\x00\x00\xaa\x00\x38\x9b\x71"},
	{0x0721, 0x11d3, "\x86\x44\xc8\xc1\xca\x00\x00\x00"},
}

// subFormat is the rest of a GUID: two numbers in the file's order, then bytes.
type subFormat struct {
	second, third uint16
	tail          string
}

// decodeWAV reads RIFF, RIFX (big-endian), RF64 and BW64.
func decodeWAV(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	var head [12]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("RIFF header: file ends after %d of 12 bytes", r.Size())
	}
	if form := string(head[8:]); form != "WAVE" {
		return nil, fmt.Errorf("RIFF header: form is %q, want \"WAVE\"", form)
	}
	c := &chunks{r: r, order: binary.LittleEndian, at: 12}
	if string(head[:4]) == "RIFX" {
		c.order = binary.BigEndian
	}
	return c.decode(maxSeconds)
}

// decodeW64 reads Sony's Wave64: a wav whose chunks have identifiers of 16 bytes
// and sizes of 64 bits, which include both, and start at multiples of 8.
func decodeW64(r *io.SectionReader, maxSeconds float64) (*sound, error) {
	var head [40]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, fmt.Errorf("riff header: file ends after %d of 40 bytes", r.Size())
	}
	if string(head[:16]) != w64RIFF || string(head[24:]) != "wave"+w64Tail {
		return nil, errors.New("riff header: is not that of a Wave64 file; convert it to wav")
	}
	return (&chunks{r: r, order: binary.LittleEndian, wide: true, at: 40}).decode(maxSeconds)
}

// decode finds format and samples, and decodes them.
func (c *chunks) decode(maxSeconds float64) (*sound, error) {
	var f *pcm
	dataSize := int64(-1) // as a ds64 chunk gives it
	for c.next() {
		switch c.id {
		case "fmt ":
			var err error
			if f, err = readFormat(c.body(), c.order); err != nil {
				return nil, fmt.Errorf("fmt chunk: %w", err)
			}
		case "ds64":
			var b [16]byte // sizes of the file and of the data
			if _, err := c.body().ReadAt(b[:], 0); err == nil {
				dataSize = int64(c.order.Uint64(b[8:]) &^ (1 << 63))
			}
		case "data":
			if f == nil {
				return nil, errors.New("fmt chunk: missing before the data chunk")
			}
			return c.decodeData(f, dataSize, maxSeconds)
		}
	}
	if f == nil {
		return nil, errors.New("fmt chunk: missing")
	}
	return nil, errors.New("data chunk: missing")
}

// decodeData decodes the data chunk. One that claims more than the file holds ends
// with the file, and so does one whose size was never filled in.
func (c *chunks) decodeData(f *pcm, dataSize int64, maxSeconds float64) (*sound, error) {
	switch {
	case c.wide:
		return f.decode(c.body(), c.size, maxSeconds)
	case c.size == 1<<32-1 && dataSize >= 0:
		c.size = dataSize
	case c.size == 0 && !c.endsWhole(), c.size >= unknownSize:
		c.size = c.left
	}
	s, err := f.decode(c.body(), c.size, maxSeconds)
	if err == nil && c.size < c.left && !c.named(c.end()) {
		s.cut("data chunk: after its %d bytes come %d bytes that are not a chunk", c.size, c.left-c.size)
	}
	return s, err
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
	return f, f.check()
}

// WriteWAV writes samples, full scale ±1 and clipped there, as a mono wav of
// 16-bit PCM at rate frames per second.
func WriteWAV(w io.Writer, samples []float64, rate int) error {
	if err := checkShape(int64(rate), 1); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	if err := checkFinite(samples); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	size := 2 * int64(len(samples))
	if size > math.MaxUint32-36 {
		return fmt.Errorf("audio: write wav: %d samples are too many for a wav file", len(samples))
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, 44+size), "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00"...)
	le.PutUint32(b[4:], uint32(36+size))
	b = le.AppendUint16(b, tagPCM)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(2*rate))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = le.AppendUint32(b, uint32(size))
	for _, v := range samples {
		v = math.Round(v * (1 << 15))
		b = le.AppendUint16(b, uint16(int16(min(max(v, -1<<15), 1<<15-1))))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("audio: write wav: %w", err)
	}
	return nil
}
