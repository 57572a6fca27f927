// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"regexp"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// EMOPIA: EMOPIA_2.2/midis/Q1_SONG_0.mid (EMOPIA_1.0 alike), where Q1 to Q4 is
// the quadrant (valence and arousal: high high, low high, low low, high low),
// SONG the YouTube id, which may begin with or hold "_" and "-", and the last
// number the clip; label.csv, header "ID,4Q,annotator", repeats the quadrant
// (MusPy's loader, and others). The paper counts 1,087 clips, the archive's midis
// holds 1,078: 250, 265, 253 and 310 of Q1 to Q4. Audio of the clips is not in the
// archive; whoever cuts or renders it keeps the names, so it is taken from anywhere.
var emopia = collection{Info{
	Name:     "emopia",
	Title:    "EMOPIA: 1,078 clips of 387 pop piano songs with the quadrant of their emotion",
	Gives:    "training/midi with emotion_labels.json; training/audio with labels.csv where there is audio",
	Download: "EMOPIA_2.2.zip from Zenodo (record 5257995); audio files called Q1_SONG_0.mp3, .wav or .flac beside it, if you have them",
	Licence:  "MusPy's loader says CC BY 4.0, the Hugging Face card of Annorita/EMOPIA CC BY-NC-SA 4.0: keep to the latter until you have read the record",
}, readEMOPIA}

var emopiaName = regexp.MustCompile(`^Q([1-4])_(.+)_\d+$`)

func readEMOPIA(_ context.Context, r *reader) error {
	named := map[string]string{} // the quadrants that label.csv gives
	var order []string
	for _, index := range r.files.find(func(base string) bool { return base == "label.csv" }) {
		t, err := r.table(index, "id", "4q")
		if err != nil { // the names of the files tell the quadrants too
			r.leave(index, "not used: %v", err)
			continue
		}
		for _, row := range t.rows {
			id := row.get("id")
			named[id] = strings.TrimPrefix(row.get("4q"), "Q")
			order = append(order, id)
		}
	}
	label := func(name string, parts []string) *dataset.Label {
		if q, ok := named[stem(name)]; ok && q != parts[1] {
			r.leave(name, "label.csv puts it into quadrant %s, against its name", q)
			return nil
		}
		v, a := quadrant(parts[1] == "1" || parts[1] == "4", parts[1] == "1" || parts[1] == "2")
		return &dataset.Label{Valence: v, Arousal: a, Group: parts[2], Derived: "centre of quadrant Q" + parts[1]}
	}
	found, err := r.addNamed(emopiaName, "Q1_SONG_0, by quadrant, song and clip", "MIDI or audio", "midis", label, audioKind, midiKind)
	if err != nil {
		return err
	}
	for _, id := range order {
		if !found[id] {
			r.leave(id, "no MIDI or audio file for this label")
		}
	}
	return nil
}
