// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"cmp"
	"slices"
)

// The meta events that are used; others, and the name in reading, are skipped by their
// length.
const (
	metaTrackName     = 0x03
	metaEndOfTrack    = 0x2f
	metaTempo         = 0x51
	metaTimeSignature = 0x58
)

// The kinds of channel messages that are used: a status byte without its channel.
const (
	statusNoteOff       = 0x80
	statusNoteOn        = 0x90
	statusControlChange = 0xb0
	statusProgram       = 0xc0
	statusPressure      = 0xd0
)

// counts holds how many events of each list of a [Song] a track has.
type counts struct{ notes, controls, tempi, signatures int }

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

// newBuilder begins with a song that has no events yet, and makes room for as many as
// there will be.
func newBuilder(s Song, n counts) *builder {
	s.Notes, s.Controls = make([]Note, 0, n.notes), make([]Control, 0, n.controls)
	// The tempo and the time signature before the first change take one place more.
	s.Tempo, s.TimeSignatures = make([]TempoChange, 0, n.tempi+1), make([]TimeSignature, 0, n.signatures+1)
	return &builder{song: &s, after: make([]int32, n.notes)}
}

// begin begins a track. The tracks of format 2 follow one another, and each starts anew
// at the default tempo and time signature.
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

// channel keeps a note-on, a note-off or a controller change.
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
	slices.SortFunc(s.Notes, compareNotes)
	// Controllers of one tick act in their order, so this sort must be stable.
	slices.SortStableFunc(s.Controls, func(a, b Control) int { return cmp.Compare(a.Tick, b.Tick) })
	s.setTimes()
	return s
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
