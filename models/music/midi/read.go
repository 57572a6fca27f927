// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"fmt"
	"io"

	"github.com/etude-ml/etude/torch/wholefile"
)

// Read reads a Standard MIDI File of format 0, 1 or 2, bare or in a RIFF wrapper,
// with ticks per quarter note or SMPTE ticks. It corrects small faults that leave
// no doubt about the notes and lists them in [Song.Faults]; others are errors that
// name the file and the place. A file without notes is not an error here; see
// [Song.PitchHistogram].
func Read(path string) (*Song, error) {
	data, err := readFile(path)
	var s *Song
	if err == nil {
		s, err = parse(data)
	}
	if err != nil {
		return nil, (&Song{Path: path}).Wrap("midi", err)
	}
	s.Path = path
	return s, nil
}

// Parse does what [Read] does for a file that is already in memory.
func Parse(data []byte) (*Song, error) {
	s, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("midi: %w", err)
	}
	return s, nil
}

// readFile reads a regular file. Its errors leave out the path, which the caller adds.
func readFile(path string) ([]byte, error) {
	f, size, err := wholefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > MaxBytes {
		return nil, tooLarge(size)
	}
	return io.ReadAll(io.LimitReader(f, MaxBytes+1)) // it may be growing
}

// tooLarge returns the error of a file of more than MaxBytes.
func tooLarge(size int64) error {
	return fmt.Errorf("%.1f MB is unusually large for MIDI, and files above %d MB are not read: split it", float64(size)/1e6, MaxBytes>>20)
}

// parse walks through every track twice: once in split, which finds its end and
// counts, so that each list is allocated once at its size, and once to fill them.
func parse(data []byte) (*Song, error) {
	if len(data) > MaxBytes {
		return nil, tooLarge(int64(len(data)))
	}
	c, err := split(data)
	if err != nil {
		return nil, err
	}
	b := newBuilder(Song{
		Format: c.format, Tracks: len(c.tracks),
		TicksPerQuarter: c.ticksPerQuarter, TicksPerSecond: c.ticksPerSecond, Faults: c.faults.Texts(),
	}, c.counts)
	for i, t := range c.tracks {
		b.begin(i)
		w := walker{chunk: t}
		if err := w.walk(b); err != nil {
			return nil, fmt.Errorf("track %d, %w", i+1, err)
		}
		b.end(w.tick)
	}
	return b.finish(), nil
}
