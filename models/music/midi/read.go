// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// MaxBytes is the size of the largest file that Read reads. An event takes at least
// three bytes and a [Note] forty, so this also bounds the memory, to about 130 MB.
const MaxBytes = 8 << 20

// Read reads a Standard MIDI File of format 0, 1 or 2, bare or in a RIFF wrapper,
// with ticks per quarter note or SMPTE ticks. It corrects small faults that leave
// no doubt about the notes and lists them in [Song.Mended]; others are errors that
// name the file and the place. A file without notes is no error here; see
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

// readFile checks the file before it opens it: a pipe would block. Its errors
// leave out the path, which the caller adds.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, errors.Unwrap(err) // of a PathError
	}
	defer f.Close()
	if info.Size() > MaxBytes {
		return nil, tooLarge(info.Size())
	}
	return io.ReadAll(io.LimitReader(f, MaxBytes+1)) // it may be growing
}

func tooLarge(size int64) error {
	return fmt.Errorf("%.1f MB is no usual size for MIDI, files above %d MB are not read: split it", float64(size)/1e6, MaxBytes>>20)
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
	b := newBuilder(c)
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

// builder makes a song of the events.
type builder struct {
	song  *Song
	track uint16
	start int64 // tick at which the track begins: 0, except in format 2

	// The open notes of each channel and pitch, in the order of their onsets:
	// first and last hold positions in song.Notes plus 1, after links them.
	first, last [16 * Pitches]int32
	after       []int32
}

func newBuilder(c *splitter) *builder {
	s := &Song{
		Format: c.format, Tracks: len(c.tracks),
		TicksPerQuarter: c.ticksPerQuarter, TicksPerSecond: c.ticksPerSecond, Mended: c.mended.Texts(),
		Notes: make([]Note, 0, c.notes), Controls: make([]Control, 0, c.controls),
		// One more for what holds before the first.
		Tempo: make([]TempoChange, 0, c.tempi+1), TimeSignatures: make([]TimeSignature, 0, c.signatures+1),
	}
	return &builder{song: s, after: make([]int32, c.notes)}
}

func (b *builder) begin(track int) {
	b.track = uint16(track)
	if track == 0 || b.song.Format == 2 {
		b.start = b.song.EndTick
		b.song.Tempo = append(b.song.Tempo, TempoChange{Tick: b.start, MicrosPerQuarter: 500000})
		b.song.TimeSignatures = append(b.song.TimeSignatures, TimeSignature{Tick: b.start, Numerator: 4, Denominator: 4})
	}
}

// end ends the notes that the track leaves open.
func (b *builder) end(tick int64) {
	tick += b.start
	for key, i := range b.first {
		for ; i != 0; i = b.after[i-1] {
			b.song.Notes[i-1].OffTick = tick
		}
		b.first[key], b.last[key] = 0, 0
	}
	b.song.EndTick = max(b.song.EndTick, tick)
}

func (b *builder) channel(tick int64, kind, channel, first, second uint8) {
	tick += b.start
	key := int(channel)*Pitches + int(first)
	switch {
	case kind == statusNoteOn && second > 0:
		b.song.Notes = append(b.song.Notes, Note{
			Pitch: first, Velocity: second, Channel: channel, Track: b.track, OnTick: tick, OffTick: tick,
		})
		i := int32(len(b.song.Notes))
		if b.first[key] == 0 {
			b.first[key] = i
		} else {
			b.after[b.last[key]-1] = i
		}
		b.last[key] = i
	case kind == statusNoteOn || kind == statusNoteOff:
		if i := b.first[key]; i != 0 {
			b.song.Notes[i-1].OffTick = tick
			b.first[key] = b.after[i-1]
		}
	case kind == statusControlChange:
		b.song.Controls = append(b.song.Controls, Control{
			Tick: tick, Channel: channel, Controller: first, Value: second, Track: b.track,
		})
	}
}

// meta keeps tempo and time signature. As players do, it skips those that make no
// sense: a tempo without duration, a bar without beats, a wrong length.
func (b *builder) meta(tick int64, kind byte, body []byte) {
	tick += b.start
	switch {
	case kind == metaTempo && len(body) == 3:
		if micros := int(body[0])<<16 | int(body[1])<<8 | int(body[2]); micros > 0 {
			b.song.Tempo = append(b.song.Tempo, TempoChange{Tick: tick, MicrosPerQuarter: micros})
		}
	case kind == metaTimeSignature && len(body) >= 2 && body[0] > 0 && body[1] <= 7:
		b.song.TimeSignatures = append(b.song.TimeSignatures,
			TimeSignature{Tick: tick, Numerator: int(body[0]), Denominator: 1 << body[1]})
	}
}

// finish sorts the events of all tracks and computes their times.
func (b *builder) finish() *Song {
	s := b.song
	slices.SortStableFunc(s.Tempo, func(a, b TempoChange) int { return cmp.Compare(a.Tick, b.Tick) })
	s.Tempo = lastOfEachTick(s.Tempo, func(t TempoChange) int64 { return t.Tick })
	slices.SortStableFunc(s.TimeSignatures, func(a, b TimeSignature) int { return cmp.Compare(a.Tick, b.Tick) })
	s.TimeSignatures = lastOfEachTick(s.TimeSignatures, func(t TimeSignature) int64 { return t.Tick })
	for i := range s.Tempo {
		// The time of a change follows from the tempo before it alone.
		s.Tempo[i].Time = s.seconds(s.Tempo[i].Tick, i-1)
	}

	slices.SortFunc(s.Notes, compareNotes)
	for i := range s.Notes {
		n := &s.Notes[i]
		n.On, n.Off = s.Seconds(n.OnTick), s.Seconds(n.OffTick)
	}
	// Controllers of one tick act in their order, so this sort must be stable.
	slices.SortStableFunc(s.Controls, func(a, b Control) int { return cmp.Compare(a.Tick, b.Tick) })
	for i := range s.Controls {
		s.Controls[i].Time = s.Seconds(s.Controls[i].Tick)
	}
	return s
}

// compareNotes orders notes fully, so that the result does not depend on how they
// are sorted.
func compareNotes(a, b Note) int {
	if c := cmp.Compare(a.OnTick, b.OnTick); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.Track, b.Track), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Pitch, b.Pitch),
		cmp.Compare(a.OffTick, b.OffTick), cmp.Compare(a.Velocity, b.Velocity))
}

// lastOfEachTick keeps the last of the events that share a tick.
func lastOfEachTick[T any](list []T, tick func(T) int64) []T {
	kept := list[:0]
	for i, e := range list {
		if i+1 == len(list) || tick(list[i+1]) != tick(e) {
			kept = append(kept, e)
		}
	}
	return kept
}
