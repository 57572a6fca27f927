// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// WriteOptions holds the options of [Write]. Zero values mean the defaults.
type WriteOptions struct {
	BPM             float64 // quarter notes a minute, 3.6 to 60,000; default 120
	TicksPerQuarter int     // 1 to 32,767; default 480
	Program         uint8   // General MIDI program of every channel but the drums', 0–127

	// Names are those of the tracks, by channel; a channel without one gets none.
	Names [16]string

	// Controls are controller changes, for example of the pedal. Channel, Controller,
	// Value and Tick are used.
	Controls []Control
}

// Write writes notes as a format 1 file: a track with the tempo and 4/4, then a
// track for each channel in use. It uses a note's Pitch, Velocity, Channel, OnTick
// and OffTick; the times in seconds follow from the tempo. At the same tick notes
// end first, then controllers change, in the order of Controls, then notes begin.
// The same notes give the same bytes, whatever their order.
func Write(w io.Writer, notes []Note, o WriteOptions) error {
	o.BPM = cmp.Or(o.BPM, 120)
	o.TicksPerQuarter = cmp.Or(o.TicksPerQuarter, 480)
	// A tempo is stored as microseconds per quarter in 24 bits.
	micros := 60e6 / o.BPM
	if !(micros >= 1000 && micros < 1<<24) {
		return fmt.Errorf("midi: write: BPM is %g, it must be between 3.6 and 60,000", o.BPM)
	}
	if o.TicksPerQuarter < 1 || o.TicksPerQuarter > math.MaxInt16 {
		return fmt.Errorf("midi: write: TicksPerQuarter is %d, it must be between 1 and 32,767", o.TicksPerQuarter)
	}
	if o.Program > 127 {
		return fmt.Errorf("midi: write: Program is %d, it must be at most 127", o.Program)
	}
	for channel, name := range o.Names {
		if len(name) > 127 {
			return fmt.Errorf("midi: write: the name of channel %d has %d bytes, it must have at most 127", channel, len(name))
		}
	}
	channels, err := channelEvents(notes, o.Controls)
	if err != nil {
		return err
	}

	// 4/4, with 24 clocks a click and 8 thirty-seconds a quarter, and the tempo.
	lead := []byte{0, 0xff, metaTimeSignature, 4, 4, 2, 24, 8, 0, 0xff, metaTempo, 3}
	tempo := uint32(math.Round(micros))
	tracks := [][]byte{append(lead, byte(tempo>>16), byte(tempo>>8), byte(tempo))}
	for channel, events := range channels {
		if len(events) > 0 {
			tracks = append(tracks, channelTrack(uint8(channel), o, events))
		}
	}
	file := []byte("MThd\x00\x00\x00\x06\x00\x01")
	file = binary.BigEndian.AppendUint16(file, uint16(len(tracks)))
	file = binary.BigEndian.AppendUint16(file, uint16(o.TicksPerQuarter))
	for _, t := range tracks {
		t = append(t, 0, 0xff, metaEndOfTrack, 0)
		file = append(file, trackID...)
		file = binary.BigEndian.AppendUint32(file, uint32(len(t)))
		file = append(file, t...)
	}
	if _, err := w.Write(file); err != nil {
		return fmt.Errorf("midi: write: %w", err)
	}
	return nil
}

// event is an event of one channel: the end of a note, a controller change, or
// the start of a note.
type event struct {
	tick          int64
	kind          eventKind
	number, value uint8 // pitch and velocity, or controller and value
}

// eventKind is in the order of events at the same tick: notes end before others
// start, so that a repeated pitch sounds again.
type eventKind uint8

const (
	noteOff eventKind = iota
	controlChange
	noteOn
)

var statuses = [...]byte{noteOff: statusNoteOff, controlChange: statusControlChange, noteOn: statusNoteOn}

// maxTick is the greatest tick that the delta times of a file reach: 28 bits.
const maxTick = math.MaxInt32 >> 3

// channelEvents checks notes and controls and returns each channel's events in
// order.
func channelEvents(notes []Note, controls []Control) (channels [16][]event, err error) {
	for i, n := range notes {
		switch {
		case n.Pitch > 127 || n.Velocity < 1 || n.Velocity > 127 || n.Channel > 15:
			return channels, fmt.Errorf("midi: write: note %d: pitch %d, velocity %d, channel %d: they must be 0–127, 1–127 and 0–15",
				i, n.Pitch, n.Velocity, n.Channel)
		case n.OnTick < 0 || n.OffTick <= n.OnTick || n.OffTick > maxTick:
			return channels, fmt.Errorf("midi: write: note %d: from tick %d to %d: it must start at 0 or later, end after it starts, and before tick 2^28",
				i, n.OnTick, n.OffTick)
		}
		channels[n.Channel] = append(channels[n.Channel],
			event{n.OnTick, noteOn, n.Pitch, n.Velocity}, event{n.OffTick, noteOff, n.Pitch, 0})
	}
	for i, c := range controls {
		switch {
		case c.Controller > 127 || c.Value > 127 || c.Channel > 15:
			return channels, fmt.Errorf("midi: write: control %d: controller %d, value %d, channel %d: they must be 0–127, 0–127 and 0–15",
				i, c.Controller, c.Value, c.Channel)
		case c.Tick < 0 || c.Tick > maxTick:
			return channels, fmt.Errorf("midi: write: control %d: at tick %d: it must be at 0 or later, and before tick 2^28", i, c.Tick)
		}
		channels[c.Channel] = append(channels[c.Channel], event{c.Tick, controlChange, c.Controller, c.Value})
	}
	for _, events := range channels {
		slices.SortStableFunc(events, func(a, b event) int {
			order := cmp.Or(cmp.Compare(a.tick, b.tick), cmp.Compare(a.kind, b.kind))
			if order != 0 || a.kind == controlChange {
				return order
			}
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.value, b.value))
		})
	}
	return channels, nil
}

// channelTrack encodes a channel's events, with running status, as a track without
// its end.
func channelTrack(channel uint8, o WriteOptions, events []event) []byte {
	var t []byte
	if name := o.Names[channel]; name != "" {
		t = append(t, 0, 0xff, metaTrackName, byte(len(name)))
		t = append(t, name...)
	}
	if channel != DrumChannel { // there a program would choose a kit
		t = append(t, 0, statusProgram|channel, o.Program)
	}
	var now int64
	var running byte
	for _, e := range events {
		delta := e.tick - now
		for shift := 21; shift > 0; shift -= 7 {
			if delta>>shift > 0 {
				t = append(t, byte(delta>>shift)|0x80)
			}
		}
		t = append(t, byte(delta&0x7f))
		if status := statuses[e.kind] | channel; status != running {
			t, running = append(t, status), status
		}
		t = append(t, e.number, e.value)
		now = e.tick
	}
	return t
}
