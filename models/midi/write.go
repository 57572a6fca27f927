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
}

// Write writes notes as a format 1 file: a track with the tempo and 4/4, then a
// track for each channel in use. Of a note, Pitch, Velocity, Channel, OnTick and
// OffTick count; the times in seconds follow from the tempo. The same notes give
// the same bytes, in whatever order they come.
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
	channels, err := noteEvents(notes)
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

// noteEvent is one end of a note: velocity 0 is a note-off.
type noteEvent struct {
	tick            int64
	pitch, velocity uint8
}

// noteEvents checks the notes and gives each channel's events in order. Offs go
// before ons of the same tick, so that a repeated pitch sounds again.
func noteEvents(notes []Note) (channels [16][]noteEvent, err error) {
	for i, n := range notes {
		switch {
		case n.Pitch > 127 || n.Velocity < 1 || n.Velocity > 127 || n.Channel > 15:
			return channels, fmt.Errorf("midi: write: note %d: pitch %d, velocity %d, channel %d: they must be 0–127, 1–127 and 0–15",
				i, n.Pitch, n.Velocity, n.Channel)
		case n.OnTick < 0 || n.OffTick <= n.OnTick || n.OffTick > math.MaxInt32>>3:
			return channels, fmt.Errorf("midi: write: note %d: from tick %d to %d: it must start at 0 or later, end after it starts, and before tick 2^28",
				i, n.OnTick, n.OffTick)
		}
		channels[n.Channel] = append(channels[n.Channel],
			noteEvent{n.OnTick, n.Pitch, n.Velocity}, noteEvent{n.OffTick, n.Pitch, 0})
	}
	for _, events := range channels {
		slices.SortFunc(events, func(a, b noteEvent) int {
			return cmp.Or(cmp.Compare(a.tick, b.tick), cmp.Compare(min(a.velocity, 1), min(b.velocity, 1)),
				cmp.Compare(a.pitch, b.pitch), cmp.Compare(a.velocity, b.velocity))
		})
	}
	return channels, nil
}

func channelTrack(channel, program uint8, events []noteEvent) smf.Track {
	var t smf.Track
	if channel != drumChannel {
		t.Add(0, midi.ProgramChange(channel, program))
	}
	var now int64
	for _, e := range events {
		message := midi.NoteOff(channel, e.pitch)
		if e.velocity > 0 {
			message = midi.NoteOn(channel, e.pitch, e.velocity)
		}
		t.Add(uint32(e.tick-now), message)
		now = e.tick
	}
	t.Close(0)
	return t
}
