// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package midi_test

import (
	"bytes"
	"fmt"

	"github.com/etude-ml/etude/models/music/midi"
)

func ExampleParse() {
	var file bytes.Buffer
	notes := []midi.Note{
		{Pitch: 60, Velocity: 80, OnTick: 0, OffTick: 480},
		{Pitch: 67, Velocity: 90, OnTick: 480, OffTick: 960},
	}
	if err := midi.Write(&file, notes, midi.WriteOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	song, err := midi.Parse(file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	histogram, err := song.PitchHistogram() // what melody learns: shares of the pitches
	fmt.Println(len(song.Notes), histogram[60], histogram[67], err)
	// Output: 2 0.5 0.5 <nil>
}
