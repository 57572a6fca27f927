// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// Groove MIDI Dataset: groove/info.csv, header
// "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split",
// where session is drummer1/session1 (some copies write session1 alone) and
// midi_filename drummer1/session1/1_funk_80_beat_4-4.mid, from the index's folder
// on (Magenta's page and public loaders).
//
// It has no labels of emotion. Arousal is taken from the tempo, 0 at 60 and 1 at
// 200 beats a minute; valence is not known and stands at 0. Both are marked.
var groove = collection{Info{
	Name:     "groove",
	Title:    "Groove MIDI Dataset: 1,150 drum performances of 10 drummers",
	Gives:    "training/drums with drum_labels.json, where arousal is made from the tempo and valence is unknown",
	Download: "groove-v1.0.0-midionly.zip from magenta.tensorflow.org/datasets/groove",
	Licence:  "CC BY 4.0, Google LLC; cite Gillick et al., ICML 2019",
}, readGroove}

func readGroove(_ context.Context, r *reader) error {
	t, err := r.index("name the folder groove that holds one, or the publisher's zip", []string{"info.csv"},
		"drummer", "session", "bpm", "midi_filename")
	if err != nil {
		return err
	}
	for _, row := range t.rows {
		bpm, fault := number("bpm", row.get("bpm"), 1, 1000)
		if fault != "" {
			r.leave(row.where(), "%s", fault)
			continue
		}
		drummer, session := row.get("drummer"), row.get("session")
		if !strings.HasPrefix(session, drummer+"/") {
			session = drummer + "/" + session
		}
		r.addListed(drumsKind, t.name, row.path("midi_filename"), row.where(), &dataset.Label{
			Arousal: tempoArousal(bpm), Derived: "arousal from tempo; valence unknown",
			Style: row.get("style"), BPM: bpm, BeatType: row.get("beat_type"),
			Group: strings.ReplaceAll(session, "/", "_"),
		})
	}
	r.unused(drumsKind, "not in the index")
	return nil
}

func tempoArousal(bpm float64) float64 {
	return round(min(max((bpm-60)/140, 0), 1), 3)
}
