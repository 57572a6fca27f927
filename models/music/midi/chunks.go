// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/etude-ml/etude/models/internal/filekind"
	"github.com/etude-ml/etude/models/internal/remarks"
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

// trackID begins a track chunk.
var trackID = []byte("MTrk")

// split finds the header and the track chunks, and counts their events.
//
// Where a track ends is what its events say: the length in front of them is
// wrong in many files, and following it would lose all tracks behind. Chunks of
// other kinds are skipped, as the standard asks, and so are bytes between chunks.
// What may have held notes is never skipped: that is an error.
func split(file []byte, mended *remarks.List) (*container, counter, error) {
	var n counter
	data, base, err := unwrap(file)
	if err != nil {
		return nil, n, err
	}
	c, announced, at, err := header(data)
	if err != nil {
		return nil, n, err
	}
	s := splitter{container: c, data: data, base: base, mended: mended, counter: &n}
	for at < len(data) && err == nil {
		if bytes.HasPrefix(data[at:], trackID) && len(data)-at >= 8 {
			at, err = s.track(at)
		} else {
			at, err = s.skip(at)
		}
	}
	switch {
	case err != nil:
		return nil, n, err
	case len(c.tracks) == 0:
		return nil, n, fmt.Errorf("no track follows the header: the file is damaged; export it again")
	case len(c.tracks) > 1<<16-1:
		return nil, n, fmt.Errorf("%d tracks: a MIDI file has at most 65,535", len(c.tracks))
	case s.high != nil && s.doubt:
		return nil, n, s.high
	case len(c.tracks) < announced && s.doubt:
		return nil, n, fmt.Errorf("the header announces %d tracks, %d are there, and the lengths of chunks are wrong: tracks may be lost; export the file again", announced, len(c.tracks))
	case len(c.tracks) != announced:
		mended.Add("the header announces %d tracks, %d are there", announced, len(c.tracks))
	}
	return c, n, nil
}

// splitter is the state of split.
type splitter struct {
	*container
	data    []byte
	base    int // of data in the file
	mended  *remarks.List
	counter *counter
	doubt   bool  // the lengths of chunks do not fit what is there
	high    error // the first data byte above 127
}

// track reads the track chunk at a place and gives the place behind it.
func (s *splitter) track(at int) (next int, err error) {
	number, body := len(s.tracks)+1, at+8
	size := int64(binary.BigEndian.Uint32(s.data[at+4:]))
	left := int64(len(s.data) - body)
	claimed := body + int(min(size, left))

	try := func(to int) (attempt, error) {
		a := attempt{chunk: chunk{s.data[body:to], s.base + body}}
		var err error
		a.ending, err = walk(a.chunk, &a.counter, &a.mended)
		return a, err
	}
	a, err := try(claimed)
	end := body + a.read
	if err != nil || size > MaxBytes || !a.marked && (size > left || !s.closes(claimed)) {
		// The length is too small, or the events are damaged.
		a, err = s.longer(try, a, err, size, left)
		if err != nil {
			return 0, fmt.Errorf("track %d%w", number, err)
		}
		end = body + a.read
	}
	a.body = a.body[:a.read]
	s.tracks = append(s.tracks, a.chunk)
	s.counter.add(a.counter)
	s.mended.Join(a.mended)
	s.doubt = s.doubt || bytes.Contains(a.body, trackID)
	if a.high != nil && s.high == nil {
		s.high = fmt.Errorf("track %d, %w", number, a.high)
	}
	if !a.marked {
		s.mended.Add("a track has no end-of-track event")
		s.doubt = true
	}
	if size == int64(a.read) {
		return end, nil
	}
	s.doubt = true
	if size <= left && end < claimed && !bytes.Contains(s.data[end:min(claimed+len(trackID)-1, len(s.data))], trackID) {
		s.mended.Add("%d bytes after the end of a track were ignored", claimed-end)
		return claimed, nil
	}
	s.mended.Add("track %d claims %d bytes and has %d: what follows its events is read next", number, size, a.read)
	return end, nil
}

// attempt is a reading of a track.
type attempt struct {
	chunk
	ending
	counter counter
	mended  remarks.List
}

// longer reads a track beyond its length, to its end-of-track event. Where that
// fails the error is that of the reading within the length, if there was one.
func (s *splitter) longer(try func(to int) (attempt, error), short attempt, failed error, size, left int64) (attempt, error) {
	if size <= MaxBytes { // otherwise it is no slip: no file is so long
		if long, err := try(len(s.data)); err == nil && long.marked && !bytes.Contains(long.body[:long.read], trackID) {
			return long, nil
		}
	}
	switch {
	case size > left:
		return short, fmt.Errorf(" claims %d bytes, %d are left: the file is cut short or damaged; export it again", size, left)
	case failed != nil:
		return short, fmt.Errorf(", %w", failed)
	case left-size < shortestNote: // nothing is lost with them
		return short, nil
	}
	return short, fmt.Errorf(" claims %d bytes, but ends there neither with an end-of-track event nor before another chunk: the file is damaged; export it again", size)
}

// shortestNote is the length of a note-on under running status: a delta time and
// two data bytes.
const shortestNote = 3

// closes tells whether a track without an end-of-track event may end at a place:
// there the file ends, a track begins, or another chunk lies before one of these.
func (s *splitter) closes(at int) bool {
	border := func(at int64) bool {
		return at == int64(len(s.data)) || at < int64(len(s.data)) && bytes.HasPrefix(s.data[at:], trackID)
	}
	if border(int64(at)) {
		return true
	}
	if len(s.data)-at < 8 || bytes.ContainsFunc(s.data[at:at+4], func(r rune) bool { return r < ' ' || r > '~' }) {
		return false
	}
	return border(int64(at) + 8 + int64(binary.BigEndian.Uint32(s.data[at+4:])))
}

// skip passes over what stands at a place where a chunk should, and is no track.
func (s *splitter) skip(at int) (next int, err error) {
	rest := s.data[at:]
	if len(rest) >= 8 {
		size := 8 + int64(binary.BigEndian.Uint32(rest[4:]))
		if size <= int64(len(rest)) && !bytes.Contains(rest[:size], trackID) {
			s.mended.Add("a chunk %q of %d bytes was skipped", rest[:4], size-8)
			return at + int(size), s.holdsNotes(rest[:4], rest[8:size])
		}
	}
	s.doubt = true
	switch follows := bytes.Index(rest, trackID); {
	case follows > 0:
		s.mended.Add("%d stray bytes before track %d were skipped", follows, len(s.tracks)+1)
		return at + follows, nil
	case len(rest) < 8:
		s.mended.Add("%d stray bytes at the end were ignored", len(rest))
	default:
		s.mended.Add("%d bytes from byte %d on were ignored: they start no chunk", len(rest), s.base+at)
	}
	return len(s.data), nil
}

// holdsNotes refuses a chunk of an unknown kind that is a track by its content:
// then its name is damaged.
func (s *splitter) holdsNotes(id, body []byte) error {
	var n counter
	if e, err := walk(chunk{body: body}, &n, &remarks.List{}); err == nil && e.marked && e.read == len(body) && n.notes > 0 {
		return fmt.Errorf("the chunk %q holds notes as a track does: the file is damaged; export it again", id)
	}
	return nil
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
		if kind, remedy := filekind.Of(data[:min(filekind.HeadSize, len(data))]); kind != "" {
			if remedy == filekind.Convert {
				remedy = "a folder of MIDI files is no place for it"
			}
			return nil, 0, fmt.Errorf("not a Standard MIDI File but %s; %s", kind, remedy)
		}
		return nil, 0, fmt.Errorf("not a Standard MIDI File: it starts with %q instead of \"MThd\"", data[:min(8, len(data))])
	}
	for at := 12; at+8 <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		inside := data[at+8:]
		if string(data[at:at+4]) == "data" {
			// A size that is too large, or cuts tracks off, is left to the chunks
			// inside to settle.
			if size < int64(len(inside)) && !bytes.Contains(inside[size:], trackID) {
				inside = inside[:size]
			}
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
