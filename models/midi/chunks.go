// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// container is a file taken apart: its header and the bodies of its tracks.
type container struct {
	format          int
	ticksPerQuarter int
	ticksPerSecond  float64
	tracks          []chunk
}

// chunk is the body of one track chunk and its place in the file.
type chunk struct {
	body   []byte
	offset int
}

// split finds the header and the track chunks. Chunks of other kinds are
// skipped, as the standard asks; a chunk that claims more bytes than are left is
// an error where it is a track, and the end of the file where it is not.
func split(file []byte, mended *mends) (*container, error) {
	data, base, err := unwrap(file)
	if err != nil {
		return nil, err
	}
	c, announced, at, err := header(data)
	if err != nil {
		return nil, err
	}
	for at < len(data) {
		if len(data)-at < 8 {
			mended.add("%d stray bytes at the end were ignored", len(data)-at)
			break
		}
		id, size := data[at:at+4], int64(binary.BigEndian.Uint32(data[at+4:]))
		left := int64(len(data) - at - 8)
		isTrack := string(id) == "MTrk"
		if size > left {
			if isTrack {
				return nil, fmt.Errorf("track %d claims %d bytes, %d are left: the file is cut short or damaged; export it again",
					len(c.tracks)+1, size, left)
			}
			mended.add("%d bytes from byte %d on were ignored: they start no chunk", left+8, base+at)
			break
		}
		body := data[at+8 : at+8+int(size)]
		if isTrack {
			c.tracks = append(c.tracks, chunk{body, base + at + 8})
		} else {
			mended.add("a chunk %q of %d bytes was skipped", id, size)
		}
		at += 8 + int(size)
	}
	switch {
	case len(c.tracks) == 0:
		return nil, fmt.Errorf("no track follows the header: the file is damaged; export it again")
	case len(c.tracks) > 1<<16-1:
		return nil, fmt.Errorf("%d tracks: a MIDI file has at most 65,535", len(c.tracks))
	case len(c.tracks) != announced:
		mended.add("the header announces %d tracks, %d are there", announced, len(c.tracks))
	}
	return c, nil
}

// header reads the MThd chunk and gives the number of tracks it announces and
// the place of the next chunk. A longer header than today's is allowed by the
// standard, and what it adds is skipped.
func header(data []byte) (c *container, announced, next int, err error) {
	short := errors.New("the header is cut short: the file is damaged; export it again")
	if len(data) < 14 {
		return nil, 0, 0, short
	}
	size := int64(binary.BigEndian.Uint32(data[4:]))
	if size < 6 {
		return nil, 0, 0, fmt.Errorf("the header's length is %d, it must be 6: the file is damaged; export it again", size)
	}
	if size > int64(len(data)-8) {
		return nil, 0, 0, short
	}
	c = &container{format: int(binary.BigEndian.Uint16(data[8:]))}
	if c.format > 2 {
		return nil, 0, 0, fmt.Errorf("format %d: only 0, 1 and 2 exist; export it again as format 1", c.format)
	}
	announced = int(binary.BigEndian.Uint16(data[10:]))
	if err := c.division(binary.BigEndian.Uint16(data[12:])); err != nil {
		return nil, 0, 0, err
	}
	return c, announced, 8 + int(size), nil
}

// division reads the meaning of a tick: a part of a quarter note, or, with the
// top bit set, of an SMPTE frame, whose rate is stored negated.
func (c *container) division(v uint16) error {
	if v&0x8000 == 0 {
		if v == 0 {
			return fmt.Errorf("the header's division is 0 ticks per quarter note; export it again")
		}
		c.ticksPerQuarter = int(v)
		return nil
	}
	rate, parts := -int(int8(v>>8)), float64(v&0xff)
	fps, known := map[int]float64{24: 24, 25: 25, 29: 30000.0 / 1001, 30: 30}[rate]
	if !known || parts == 0 {
		return fmt.Errorf("the header's division %#04x means %d SMPTE frames a second of %g ticks: the rates are 24, 25, 29 and 30, with at least 1 tick; export it again with ticks per quarter note",
			v, rate, parts)
	}
	c.ticksPerSecond = fps * parts
	return nil
}

// unwrap gives the Standard MIDI File inside data, and its place: data itself,
// or the content of a RIFF file of kind RMID (".rmi").
func unwrap(data []byte) (smf []byte, base int, err error) {
	switch {
	case len(data) == 0:
		return nil, 0, fmt.Errorf("the file is empty")
	case bytes.HasPrefix(data, []byte("MThd")):
		return data, 0, nil
	case bytes.HasPrefix(data, []byte("SMF2CLIP")):
		return nil, 0, fmt.Errorf("a MIDI 2.0 clip file: export it as a Standard MIDI File (MIDI 1.0)")
	case len(data) < 12 || !bytes.HasPrefix(data, []byte("RIFF")) || string(data[8:12]) != "RMID":
		return nil, 0, fmt.Errorf("not a Standard MIDI File: it starts with %q instead of \"MThd\"", data[:min(8, len(data))])
	}
	for at := 12; at+8 <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		inside := data[at+8:]
		if string(data[at:at+4]) == "data" {
			// A size that is too large is left to the chunks inside to settle.
			inside = inside[:min(size, int64(len(inside)))]
			if !bytes.HasPrefix(inside, []byte("MThd")) {
				break
			}
			return inside, at + 8, nil
		}
		size += size & 1 // RIFF pads to even sizes
		if size > int64(len(inside)) {
			break
		}
		at += 8 + int(size)
	}
	return nil, 0, fmt.Errorf("a RIFF file of kind RMID without a Standard MIDI File inside; export it again as .mid")
}

// maxMends keeps the list short in a file that is wrong in every event.
const maxMends = 16

// mends collects what was passed over.
type mends struct{ list []string }

func (m *mends) add(format string, args ...any) {
	switch {
	case len(m.list) < maxMends:
		m.list = append(m.list, fmt.Sprintf(format, args...))
	case len(m.list) == maxMends:
		m.list = append(m.list, "and more")
	}
}
