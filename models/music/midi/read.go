// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"

	"gitlab.com/gomidi/midi/v2/smf"

	"github.com/etude-ml/etude/models/internal/remarks"
)

// MaxBytes is the size of the largest file that is read. An event takes three
// bytes at least and a [Note] forty, so this also bounds the memory, to about
// 130 MB.
const MaxBytes = 8 << 20

// Read reads a Standard MIDI File of format 0, 1 or 2, bare or in a RIFF
// wrapper, with ticks per quarter note or SMPTE ticks. Small faults that leave
// no doubt about the notes are passed over and told in [Song.Mended]; others
// are errors that name the file and the place. A file without notes is not an
// error here; see [Song.PitchHistogram].
func Read(path string) (*Song, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	s, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("midi: %s: %w", path, err)
	}
	s.Path = path
	return s, nil
}

// Parse is [Read] for a file that is in memory already.
func Parse(data []byte) (*Song, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("midi: %w", tooLarge(int64(len(data))))
	}
	s, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("midi: %w", err)
	}
	return s, nil
}

// readFile looks at what it opens first: a pipe would block, and a disk image
// would fill the memory.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("midi: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("midi: %s: not a regular file", path)
	}
	if info.Size() > MaxBytes {
		return nil, fmt.Errorf("midi: %s: %w", path, tooLarge(info.Size()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("midi: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1)) // it may be growing
	if err != nil {
		return nil, fmt.Errorf("midi: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("midi: %s: %w", path, tooLarge(int64(len(data))))
	}
	return data, nil
}

func tooLarge(size int64) error {
	return fmt.Errorf("%.1f MB is no usual size for MIDI, files above %d MB are not read: split it", float64(size)/1e6, MaxBytes>>20)
}

// parse walks every track twice: split once, to find its end and to count, so
// that each list is allocated once at its size; then once to fill.
func parse(data []byte) (*Song, error) {
	var mended, again remarks.List
	c, n, err := split(data, &mended)
	if err != nil {
		return nil, err
	}
	b := newBuilder(c, n)
	for i, t := range c.tracks {
		b.begin(i)
		end, err := walk(t, b, &again)
		if err != nil {
			return nil, fmt.Errorf("track %d, %w", i+1, err)
		}
		b.end(end.tick)
	}
	s := b.finish()
	s.Mended = mended.Texts()
	return s, nil
}

// counter is the visitor of the first pass.
type counter struct{ notes, controls, tempi, signatures int }

func (n *counter) add(m counter) {
	n.notes += m.notes
	n.controls += m.controls
	n.tempi += m.tempi
	n.signatures += m.signatures
}

func (n *counter) channel(_ int64, m smf.Message) {
	switch {
	case m.GetNoteStart(nil, nil, nil):
		n.notes++
	case m.GetControlChange(nil, nil, nil):
		n.controls++
	}
}

func (n *counter) meta(_ int64, kind byte, _ []byte) {
	switch kind {
	case metaTempo:
		n.tempi++
	case metaTimeSignature:
		n.signatures++
	}
}

// builder is the visitor of the second pass.
type builder struct {
	song  *Song
	track uint16
	start int64 // the tick at which the track begins: 0, but for format 2

	// The open notes of each channel and pitch, in the order of their onsets:
	// first and last hold positions in song.Notes plus 1, after links them.
	first, last [16 * Pitches]int32
	after       []int32
}

func newBuilder(c *container, n counter) *builder {
	s := &Song{
		Format: c.format, Tracks: len(c.tracks),
		TicksPerQuarter: c.ticksPerQuarter, TicksPerSecond: c.ticksPerSecond,
		Notes: make([]Note, 0, n.notes), Controls: make([]Control, 0, n.controls),
		// One more for what holds before the first.
		Tempo: make([]TempoChange, 0, n.tempi+1), TimeSignatures: make([]TimeSignature, 0, n.signatures+1),
	}
	return &builder{song: s, after: make([]int32, n.notes)}
}

func (b *builder) begin(track int) {
	b.track = uint16(track)
	if track == 0 || b.song.Format == 2 {
		b.start = b.song.EndTick
		b.song.Tempo = append(b.song.Tempo, TempoChange{Tick: b.start, MicrosPerQuarter: 500000})
		b.song.TimeSignatures = append(b.song.TimeSignatures, TimeSignature{Tick: b.start, Numerator: 4, Denominator: 4})
	}
}

// end closes the notes that nobody ended.
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

func (b *builder) channel(tick int64, m smf.Message) {
	tick += b.start
	var channel, first, second uint8
	switch {
	case m.GetNoteStart(&channel, &first, &second):
		b.song.Notes = append(b.song.Notes, Note{
			Pitch: first, Velocity: second, Channel: channel, Track: b.track, OnTick: tick, OffTick: tick,
		})
		i, key := int32(len(b.song.Notes)), int(channel)*Pitches+int(first)
		if b.first[key] == 0 {
			b.first[key] = i
		} else {
			b.after[b.last[key]-1] = i
		}
		b.last[key] = i
	case m.GetNoteEnd(&channel, &first):
		key := int(channel)*Pitches + int(first)
		if i := b.first[key]; i != 0 {
			b.song.Notes[i-1].OffTick = tick
			b.first[key] = b.after[i-1]
		}
	case m.GetControlChange(&channel, &first, &second):
		b.song.Controls = append(b.song.Controls, Control{
			Tick: tick, Channel: channel, Controller: first, Value: second, Track: b.track,
		})
	}
}

// meta keeps tempo and time signature. One that makes no sense (a tempo without
// duration, a bar without beats, a wrong length) is left out: players do so too.
func (b *builder) meta(tick int64, kind byte, body []byte) {
	tick += b.start
	switch {
	case kind == metaTempo && len(body) == 3:
		if micros := int(body[0])<<16 | int(body[1])<<8 | int(body[2]); micros > 0 {
			b.song.Tempo = append(b.song.Tempo, TempoChange{Tick: tick, MicrosPerQuarter: micros})
		}
	case kind == metaTimeSignature && len(body) >= 2:
		if body[0] > 0 && body[1] <= 7 {
			b.song.TimeSignatures = append(b.song.TimeSignatures,
				TimeSignature{Tick: tick, Numerator: int(body[0]), Denominator: 1 << body[1]})
		}
	}
}

// finish sorts what the tracks brought and gives every event its time.
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

// compareNotes orders notes fully, so that the result depends on no sort.
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
