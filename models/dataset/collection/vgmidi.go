// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"path"
	"regexp"

	"github.com/etude-ml/etude/models/dataset"
)

// VGMIDI: vgmidi_labelled.csv, header
// "id,series,console,game,piece,midi,valence,arousal", where midi is
// labelled/phrases/SERIES_CONSOLE_GAME_PIECE_0.mid and both numbers are -1 or 1;
// the phrases are in labelled/phrases.zip, which is opened in its place (the
// repository lucasnfe/vgmidi itself, commit 01b6e0d). An older vgmidi.csv beside
// labelled/src has "../phrases/…" and 0 for -1 in both columns (commit 46416ef);
// it is read likewise. Phrases of a piece are one group.
var vgmidi = collection{Info{
	Name:     "vgmidi",
	Title:    "VGMIDI: phrases of 200 piano arrangements of video game music with signs of valence and arousal",
	Gives:    "training/midi with emotion_labels.json",
	Download: "github.com/lucasnfe/vgmidi, as a clone or as the zip of its main branch",
	Licence:  "its repository states none and asks to cite Ferreira, Whitehead, ISMIR 2019; the games' music is copyrighted",
}, readVGMIDI}

var phraseNumber = regexp.MustCompile(`_\d+$`)

// place is a file in a folder or an archive.
type place struct {
	files *source
	name  string
}

func readVGMIDI(_ context.Context, r *reader) error {
	t, err := r.index("name the folder of the repository, or its zip", []string{"vgmidi_labelled.csv", "vgmidi.csv"}, "midi", "valence", "arousal")
	if err != nil {
		return err
	}
	phrases, err := r.phrases()
	if err != nil {
		return err
	}
	zero := zeroIsLow(t)
	for _, row := range t.rows {
		v, a, ok := r.rating(row, "valence", "arousal", -1, 1)
		if !ok {
			continue
		}
		base := path.Base(row.path("midi"))
		p, ok := phrases[base]
		if !ok {
			r.leave(base, "no MIDI file for this label")
			continue
		}
		l := dataset.Label{Group: phraseNumber.ReplaceAllString(stem(base), "")}
		if zero || v*v == 1 && a*a == 1 {
			l.Valence, l.Arousal = quadrant(v > 0, a > 0)
			l.Derived = "centre of the quadrant of the published signs"
		} else {
			l.Valence, l.Arousal = v, rescale(a, -1, 1, 0, 1)
			l.Derived = "arousal rescaled from -1 to 1"
		}
		r.add(midiKind, p.files, p.name, base, &l)
	}
	r.unused(midiKind, "no label for this file")
	return nil
}

// phrases finds the MIDI files by their names, in a folder or in phrases.zip.
func (r *reader) phrases() (map[string]place, error) {
	all := []*source{r.files}
	for _, name := range r.files.find(func(b string) bool { return b == "phrases.zip" }) {
		inner, err := r.files.nested(name)
		if err != nil {
			return nil, err
		}
		all = append(all, inner)
	}
	found := map[string]place{}
	for _, files := range all {
		for _, name := range files.find(midiKind.has) {
			if _, ok := found[path.Base(name)]; !ok {
				found[path.Base(name)] = place{files, name}
			}
		}
	}
	return found, nil
}

// zeroIsLow reports whether an index writes 0 for what others write as -1: it has
// nothing but 0 and 1.
func zeroIsLow(t *table) bool {
	for _, row := range t.rows {
		for _, column := range []string{"valence", "arousal"} {
			if v := row.get(column); v != "0" && v != "1" {
				return false
			}
		}
	}
	return true
}
