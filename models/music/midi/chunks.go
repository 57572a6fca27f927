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

// splitter takes a file apart into its header and the bodies of its tracks.
type splitter struct {
	format, announced int // announced is the header's number of tracks
	ticksPerQuarter   int
	ticksPerSecond    float64
	tracks            []chunk
	counts            // of all tracks
	faults            remarks.List

	data  []byte
	base  int   // place of data in the file
	doubt bool  // the lengths of chunks contradict their contents
	high  error // names the first data byte above 127
}

// split finds the header and the track chunks, and counts their events.
//
// The events of a track say where it ends: the length in front of them is wrong in
// many files, and following it would lose all tracks behind. As the standard asks,
// chunks of other kinds are skipped; bytes between chunks are, too. Anything that
// may have held notes is an error instead.
func split(file []byte) (*splitter, error) {
	s := &splitter{}
	if err := s.unwrap(file); err != nil {
		return nil, err
	}
	at, err := s.header()
	for err == nil && at < len(s.data) {
		if bytes.HasPrefix(s.data[at:], trackID) && len(s.data)-at >= 8 {
			at, err = s.track(at)
		} else {
			at, err = s.skip(at)
		}
	}
	switch n := len(s.tracks); {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("no track follows the header: the file is damaged; export it again")
	case n > 1<<16-1:
		return nil, fmt.Errorf("%d tracks: a MIDI file has at most 65,535", n)
	case s.high != nil && s.doubt:
		return nil, s.high
	case n < s.announced && s.doubt:
		return nil, fmt.Errorf("the header announces %d tracks, %d are there, and the lengths of chunks are wrong: tracks may be lost; export the file again", s.announced, n)
	case n != s.announced:
		s.faults.Add("the header announces %d tracks, %d are there", s.announced, n)
	}
	return s, nil
}

// track reads the track chunk at a place and returns the place behind it.
func (s *splitter) track(at int) (next int, err error) {
	number, body := len(s.tracks)+1, at+8
	size := int64(binary.BigEndian.Uint32(s.data[at+4:]))
	left := int64(len(s.data) - body)
	claimed := body + int(min(size, left))

	w, err := s.walk(body, claimed)
	if err != nil || size > MaxBytes || !w.ended && (size > left || !s.closes(claimed)) {
		// The length is too small, or the events are damaged.
		if w, err = s.longer(w, err, body, size, left); err != nil {
			return 0, fmt.Errorf("track %d%w", number, err)
		}
	}
	end := body + w.at
	w.body = w.body[:w.at]
	s.tracks = append(s.tracks, w.chunk)
	s.notes += w.notes
	s.controls += w.controls
	s.tempi += w.tempi
	s.signatures += w.signatures
	s.faults.Join(w.faults)
	s.doubt = s.doubt || bytes.Contains(w.body, trackID)
	if w.high != nil && s.high == nil {
		s.high = fmt.Errorf("track %d, %w", number, w.high)
	}
	if !w.ended {
		s.faults.Add("a track has no end-of-track event")
		s.doubt = true
	}
	if size == int64(w.at) {
		return end, nil
	}
	s.doubt = true
	if size <= left && end < claimed && !bytes.Contains(s.data[end:min(claimed+len(trackID)-1, len(s.data))], trackID) {
		s.faults.Add("%d bytes after the end of a track were ignored", claimed-end)
		return claimed, nil
	}
	s.faults.Add("track %d claims %d bytes and has %d: what follows its events is read next", number, size, w.at)
	return end, nil
}

// walk reads the events in data[from:to] as those of a track.
func (s *splitter) walk(from, to int) (*walker, error) {
	w := &walker{chunk: chunk{s.data[from:to], s.base + from}}
	return w, w.walk(nil)
}

// longer reads a track beyond its length, to its end-of-track event. If that
// fails, it returns the error of the reading within the length, if there was one.
func (s *splitter) longer(short *walker, failed error, body int, size, left int64) (*walker, error) {
	if size <= MaxBytes { // no file is longer, so a greater length is not a small error
		if long, err := s.walk(body, len(s.data)); err == nil && long.ended && !bytes.Contains(long.body[:long.at], trackID) {
			return long, nil
		}
	}
	switch {
	case size > left:
		return nil, fmt.Errorf(" claims %d bytes, %d are left: the file is cut short or damaged; export it again", size, left)
	case failed != nil:
		return nil, fmt.Errorf(", %w", failed)
	case left-size < shortestNote: // too few bytes to lose a note with
		return short, nil
	}
	return nil, fmt.Errorf(" claims %d bytes, but ends there neither with an end-of-track event nor before another chunk: the file is damaged; export it again", size)
}

// shortestNote is the length of a note-on under running status: a delta time and
// two data bytes.
const shortestNote = 3

// closes reports whether a track without an end-of-track event may end at a place:
// where the file ends, a track begins, or another chunk lies before one of these.
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

// skip passes over bytes that are not a track, where a chunk should begin.
func (s *splitter) skip(at int) (next int, err error) {
	rest := s.data[at:]
	if len(rest) >= 8 {
		size := 8 + int64(binary.BigEndian.Uint32(rest[4:]))
		if size <= int64(len(rest)) && !bytes.Contains(rest[:size], trackID) {
			next = at + int(size)
			// A chunk that is a track by its content has a damaged name.
			if w, err := s.walk(at+8, next); err == nil && w.ended && w.at == len(w.body) && w.notes > 0 {
				return 0, fmt.Errorf("the chunk %q holds notes as a track does: the file is damaged; export it again", rest[:4])
			}
			s.faults.Add("a chunk %q of %d bytes was skipped", rest[:4], size-8)
			return next, nil
		}
	}
	s.doubt = true
	switch follows := bytes.Index(rest, trackID); {
	case follows > 0:
		s.faults.Add("%d stray bytes before track %d were skipped", follows, len(s.tracks)+1)
		return at + follows, nil
	case len(rest) < 8:
		s.faults.Add("%d stray bytes at the end were ignored", len(rest))
	default:
		s.faults.Add("%d bytes from byte %d on were ignored: they start no chunk", len(rest), s.base+at)
	}
	return len(s.data), nil
}

// header reads the MThd chunk and returns the place of the next. The standard
// allows a longer header than today's; what it adds is skipped.
func (s *splitter) header() (next int, err error) {
	short := errors.New("the header is cut short: the file is damaged; export it again")
	if len(s.data) < 14 {
		return 0, short
	}
	size := int64(binary.BigEndian.Uint32(s.data[4:]))
	if size < 6 {
		return 0, fmt.Errorf("the header's length is %d, it must be 6: the file is damaged; export it again", size)
	}
	if size > int64(len(s.data)-8) {
		return 0, short
	}
	s.format = int(binary.BigEndian.Uint16(s.data[8:]))
	if s.format > 2 {
		return 0, fmt.Errorf("format %d: only 0, 1 and 2 exist; export it again as format 1", s.format)
	}
	s.announced = int(binary.BigEndian.Uint16(s.data[10:]))
	return 8 + int(size), s.division(binary.BigEndian.Uint16(s.data[12:]))
}

// division reads the length of a tick: a part of a quarter note, or, with the top
// bit set, of an SMPTE frame, whose rate is stored negated.
func (s *splitter) division(v uint16) error {
	if v&0x8000 == 0 {
		if v == 0 {
			return fmt.Errorf("the header's division is 0 ticks per quarter note; export it again")
		}
		s.ticksPerQuarter = int(v)
		return nil
	}
	rate, parts := -int(int8(v>>8)), float64(v&0xff)
	fps, known := map[int]float64{24: 24, 25: 25, 29: 30000.0 / 1001, 30: 30}[rate]
	if !known || parts == 0 {
		return fmt.Errorf("the header's division %#04x means %d SMPTE frames a second of %g ticks: the rates are 24, 25, 29 and 30, with at least 1 tick; export it again with ticks per quarter note",
			v, rate, parts)
	}
	s.ticksPerSecond = fps * parts
	return nil
}

// unwrap finds the Standard MIDI File in a file: all of it, or the content of a
// RIFF file of kind RMID (".rmi").
func (s *splitter) unwrap(data []byte) error {
	switch {
	case len(data) == 0:
		return fmt.Errorf("the file is empty")
	case bytes.HasPrefix(data, []byte("MThd")):
		s.data = data
		return nil
	case bytes.HasPrefix(data, []byte("SMF2CLIP")):
		return fmt.Errorf("a MIDI 2.0 clip file: export it as a Standard MIDI File (MIDI 1.0)")
	case len(data) < 12 || !bytes.HasPrefix(data, []byte("RIFF")) || string(data[8:12]) != "RMID":
		if kind, remedy := filekind.Of(data[:min(filekind.HeadSize, len(data))]); kind != "" {
			if remedy == filekind.Convert {
				remedy = "take it out of the folder of MIDI files"
			}
			return fmt.Errorf("not a Standard MIDI File but %s; %s", kind, remedy)
		}
		return fmt.Errorf("not a Standard MIDI File: it starts with %q instead of \"MThd\"", data[:min(8, len(data))])
	}
	for at := 12; at+8 <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		inside := data[at+8:]
		if string(data[at:at+4]) == "data" {
			// Where the size is too large, or would cut off tracks, the chunks inside
			// decide.
			if size < int64(len(inside)) && !bytes.Contains(inside[size:], trackID) {
				inside = inside[:size]
			}
			if !bytes.HasPrefix(inside, []byte("MThd")) {
				break
			}
			s.data, s.base = inside, at+8
			return nil
		}
		size += size & 1 // RIFF pads to even sizes
		if size > int64(len(inside)) {
			break
		}
		at += 8 + int(size)
	}
	return fmt.Errorf("a RIFF file of kind RMID without a Standard MIDI File inside; export it again as .mid")
}
