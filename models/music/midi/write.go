// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"gitlab.com/gomidi/midi/v2"
	"gitlab.com/gomidi/midi/v2/smf"
)

// WriteOptions says how [Write] writes. Zero values mean the defaults.
type WriteOptions struct {
	BPM             float64 // quarter notes a minute, 3.6 to 60,000; default 120
	TicksPerQuarter int     // 1 to 32,767; default 480
	Program         uint8   // General MIDI program of every channel but the drums', 0–127

	// Controls are controller changes, the pedal's for example. Of each, Channel,
	// Controller, Value and Tick count.
	Controls []Control
}

// Write writes notes as a format 1 file: a track with the tempo and 4/4, then a
// track for each channel in use. Of a note, Pitch, Velocity, Channel, OnTick and
// OffTick count; the times in seconds follow from the tempo. At the same tick
// notes end first, then controllers change, in the order in which Controls has
// them, then notes begin. The same notes give the same bytes, in whatever order
// they come.
func Write(w io.Writer, notes []Note, o WriteOptions) error {
	o.BPM = cmp.Or(o.BPM, 120)
	o.TicksPerQuarter = cmp.Or(o.TicksPerQuarter, 480)
	// A tempo is stored as microseconds per quarter in 24 bits.
	if micros := 60e6 / o.BPM; !(micros >= 1000 && micros < 1<<24) {
		return fmt.Errorf("midi: write: BPM is %g, it must be between 3.6 and 60,000", o.BPM)
	}
	if o.TicksPerQuarter < 1 || o.TicksPerQuarter > math.MaxInt16 {
		return fmt.Errorf("midi: write: TicksPerQuarter is %d, it must be between 1 and 32,767", o.TicksPerQuarter)
	}
	if o.Program > 127 {
		return fmt.Errorf("midi: write: Program is %d, it must be at most 127", o.Program)
	}
	channels, err := channelEvents(notes, o.Controls)
	if err != nil {
		return err
	}

	file := smf.NewSMF1()
	file.TimeFormat = smf.MetricTicks(o.TicksPerQuarter)
	var lead smf.Track
	lead.Add(0, smf.MetaTimeSig(4, 4, 24, 8)) // 24 clocks a click, 8 32nds a quarter
	lead.Add(0, smf.MetaTempo(o.BPM))
	lead.Close(0)
	if err := file.Add(lead); err != nil {
		return fmt.Errorf("midi: write: %w", err)
	}
	for channel, events := range channels {
		if len(events) == 0 {
			continue
		}
		if err := file.Add(channelTrack(uint8(channel), o.Program, events)); err != nil {
			return fmt.Errorf("midi: write: %w", err)
		}
	}
	if _, err := file.WriteTo(w); err != nil {
		return fmt.Errorf("midi: write: %w", err)
	}
	return nil
}

// drumChannel is General MIDI's channel 10, where a program would choose a kit.
const drumChannel = 9

// event is one of a channel's: the end of a note, a controller change, or the
// start of a note.
type event struct {
	tick          int64
	kind          eventKind
	number, value uint8 // pitch and velocity, or controller and value
}

// eventKind is in the order of events at the same tick: offs go before ons, so
// that a repeated pitch sounds again.
type eventKind uint8

const (
	noteOff eventKind = iota
	controlChange
	noteOn
)

// maxTick is as far as the delta times of a file reach: 28 bits.
const maxTick = math.MaxInt32 >> 3

// channelEvents checks notes and controls and gives each channel's events in
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

func channelTrack(channel, program uint8, events []event) smf.Track {
	var t smf.Track
	if channel != drumChannel {
		t.Add(0, midi.ProgramChange(channel, program))
	}
	var now int64
	for _, e := range events {
		message := midi.NoteOff(channel, e.number)
		switch e.kind {
		case controlChange:
			message = midi.ControlChange(channel, e.number, e.value)
		case noteOn:
			message = midi.NoteOn(channel, e.number, e.value)
		}
		t.Add(uint32(e.tick-now), message)
		now = e.tick
	}
	t.Close(0)
	return t
}
