// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gitlab.com/gomidi/midi/v2"
	"gitlab.com/gomidi/midi/v2/smf"
)

func TestWriteReadsBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var notes []Note
	for tick := int64(0); tick < 4000; tick += rng.Int64N(200) {
		notes = append(notes, Note{
			Pitch: uint8(20 + rng.IntN(80)), Velocity: uint8(1 + rng.IntN(127)), Channel: []uint8{0, 3, 9}[rng.IntN(3)],
			OnTick: tick, OffTick: tick + 1 + rng.Int64N(100),
		})
	}
	options := WriteOptions{BPM: 90, TicksPerQuarter: 240, Program: 24}
	options.Names[0], options.Names[DrumChannel] = "melody", "drums"
	var file, again bytes.Buffer
	require.NoError(t, Write(&file, notes, options))
	backwards := slices.Clone(notes)
	slices.Reverse(backwards)
	require.NoError(t, Write(&again, backwards, options))
	assert.Equal(t, file.Bytes(), again.Bytes())

	s, err := Parse(file.Bytes())
	require.NoError(t, err)
	assert.Empty(t, s.Faults)
	assert.Equal(t, []int{1, 4, 240}, []int{s.Format, s.Tracks, s.TicksPerQuarter})
	for i := range notes {
		notes[i].Track = map[uint8]uint16{0: 1, 3: 2, 9: 3}[notes[i].Channel]
		notes[i].On, notes[i].Off = s.Seconds(notes[i].OnTick), s.Seconds(notes[i].OffTick)
	}
	slices.SortFunc(notes, compareNotes)
	assert.Equal(t, notes, s.Notes)
	// 90 a minute is 666,667 microseconds a quarter.
	assert.InDelta(t, 0.666667*10, s.Seconds(2400), 1e-9)

	theirs, err := smf.ReadFrom(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	programs := 0
	var names []string
	for _, track := range theirs.Tracks {
		for _, e := range track {
			var name string
			if e.Message.GetMetaTrackName(&name) {
				names = append(names, name)
			}
			var channel, program uint8
			if e.Message.GetProgramChange(&channel, &program) {
				programs++
				assert.Equal(t, uint8(24), program)
				assert.NotEqual(t, uint8(DrumChannel), channel)
			}
		}
	}
	assert.Equal(t, 2, programs)
	assert.Equal(t, []string{"melody", "drums"}, names)
	options.Names[2] = strings.Repeat("a", 128)
	assert.ErrorContains(t, Write(&file, notes, options), "the name of channel 2 has 128 bytes")
}

// gomidi writes the same bytes.
func TestWriteAgreesWithLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var notes []Note
		var controls []Control
		for tick := int64(0); len(notes) < 100; tick += rng.Int64N(1 << rng.IntN(19)) {
			notes = append(notes, Note{
				Pitch: uint8(60 + rng.IntN(3)), Velocity: uint8(1 + rng.IntN(127)), Channel: uint8(8 + rng.IntN(3)),
				OnTick: tick, OffTick: tick + 1 + rng.Int64N(1<<rng.IntN(15)),
			})
			controls = append(controls, Control{Tick: tick, Channel: uint8(8 + rng.IntN(2)), Controller: 64, Value: uint8(rng.IntN(128))})
		}
		o := WriteOptions{BPM: math.Exp(1.3 + 9.7*rng.Float64()), TicksPerQuarter: 1 + rng.IntN(32767), Program: uint8(rng.IntN(128)), Controls: controls}
		var got, want bytes.Buffer
		require.NoError(t, Write(&got, notes, o))

		file := smf.NewSMF1()
		file.TimeFormat = smf.MetricTicks(o.TicksPerQuarter)
		var lead smf.Track
		lead.Add(0, smf.MetaTimeSig(4, 4, 24, 8))
		lead.Add(0, smf.MetaTempo(o.BPM))
		lead.Close(0)
		require.NoError(t, file.Add(lead))
		channels, err := channelEvents(notes, controls)
		require.NoError(t, err)
		for c, events := range channels {
			if len(events) == 0 {
				continue
			}
			channel, now := uint8(c), int64(0)
			var track smf.Track
			if channel != DrumChannel {
				track.Add(0, midi.ProgramChange(channel, o.Program))
			}
			for _, e := range events {
				message := midi.NoteOff(channel, e.number)
				switch e.kind {
				case controlChange:
					message = midi.ControlChange(channel, e.number, e.value)
				case noteOn:
					message = midi.NoteOn(channel, e.number, e.value)
				}
				track.Add(uint32(e.tick-now), message)
				now = e.tick
			}
			track.Close(0)
			require.NoError(t, file.Add(track))
		}
		_, err = file.WriteTo(&want)
		require.NoError(t, err)
		require.Equal(t, want.Bytes(), got.Bytes())
	}
}

func TestWriteRepeatsAPitch(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, Write(&file, []Note{
		{Pitch: 60, Velocity: 1, OnTick: 0, OffTick: 10}, {Pitch: 60, Velocity: 2, OnTick: 10, OffTick: 20},
	}, WriteOptions{}))
	s, err := Parse(file.Bytes())
	require.NoError(t, err)
	require.Len(t, s.Notes, 2)
	assert.Equal(t, []int64{10, 20}, []int64{s.Notes[0].OffTick, s.Notes[1].OffTick})
	assert.Equal(t, 480, s.TicksPerQuarter)
}

// Controls are read back as they were written, those of one tick in their order, and a
// note that starts at the tick of a change starts after it.
func TestWriteControls(t *testing.T) {
	notes := []Note{
		{Pitch: 60, Velocity: 64, OnTick: 100, OffTick: 200},
		{Pitch: 62, Velocity: 64, OnTick: 200, OffTick: 300}, {Pitch: 36, Velocity: 64, Channel: 9, OnTick: 200, OffTick: 201},
	}
	controls := []Control{
		{Tick: 400, Controller: 64, Value: 0}, // after the last note, and out of order
		{Tick: 200, Controller: 64, Value: 0},
		{Tick: 200, Controller: 64, Value: 127},
		{Tick: 200, Controller: 1, Value: 90},
		{Tick: 0, Controller: 64, Value: 127},
		{Tick: 50, Channel: 5, Controller: 11, Value: 100}, // a channel without notes
	}
	var file, again bytes.Buffer
	require.NoError(t, Write(&file, notes, WriteOptions{Controls: controls}))
	slices.Reverse(notes)
	require.NoError(t, Write(&again, notes, WriteOptions{Controls: controls}))
	assert.Equal(t, file.Bytes(), again.Bytes())

	s, err := Parse(file.Bytes())
	require.NoError(t, err)
	assert.Empty(t, s.Faults)
	assert.Len(t, s.Notes, 3)
	assert.EqualValues(t, 400, s.EndTick)
	want := []Control{controls[4], controls[5], controls[1], controls[2], controls[3], controls[0]}
	for i := range want {
		want[i].Track = map[uint8]uint16{0: 1, 5: 2}[want[i].Channel]
		want[i].Time = s.Seconds(want[i].Tick)
	}
	assert.Equal(t, want, s.Controls)

	// As another reader sees the first channel's track: the note's end, the three
	// changes, the next note.
	theirs, err := smf.ReadFrom(bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	var kinds []string
	tick := uint32(0)
	for _, e := range theirs.Tracks[1] {
		if tick += e.Delta; tick == 200 {
			kinds = append(kinds, e.Message.Type().String())
		}
	}
	assert.Equal(t, []string{"NoteOff", "ControlChange", "ControlChange", "ControlChange", "NoteOn"}, kinds)
}

func TestWriteRefuses(t *testing.T) {
	good := Note{Pitch: 60, Velocity: 64, OffTick: 10}
	for want, tc := range map[string]struct {
		change  func(*Note)
		options WriteOptions
	}{
		"pitch 128":             {change: func(n *Note) { n.Pitch = 128 }},
		"velocity 0":            {change: func(n *Note) { n.Velocity = 0 }},
		"channel 16":            {change: func(n *Note) { n.Channel = 16 }},
		"from tick 10 to 10":    {change: func(n *Note) { n.OnTick = 10 }},
		"before tick 2^28":      {change: func(n *Note) { n.OffTick = 1 << 28 }},
		"BPM is 3":              {options: WriteOptions{BPM: 3}},
		"BPM is -120":           {options: WriteOptions{BPM: -120}},
		"TicksPerQuarter":       {options: WriteOptions{TicksPerQuarter: 40000}},
		"Program is 128":        {options: WriteOptions{Program: 128}},
		"controller 128":        {options: WriteOptions{Controls: []Control{{Controller: 128}}}},
		"value 200":             {options: WriteOptions{Controls: []Control{{Value: 200}}}},
		"value 0, channel 16":   {options: WriteOptions{Controls: []Control{{Channel: 16}}}},
		"control 1: at tick -1": {options: WriteOptions{Controls: []Control{{}, {Tick: -1}}}},
		"at tick 268435456":     {options: WriteOptions{Controls: []Control{{Tick: 1 << 28}}}},
	} {
		n := good
		if tc.change != nil {
			tc.change(&n)
		}
		var file bytes.Buffer
		require.ErrorContains(t, Write(&file, []Note{n}, tc.options), want)
		assert.Zero(t, file.Len())
	}
}
