// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"context"
	"regexp"

	"github.com/etude-ml/etude/models/dataset"
)

// EMO-DB: wav/03a01Fa.wav: two digits of the speaker, three characters of the
// text, a letter of the emotion (of the German words Wut, Langeweile, Ekel, Angst,
// Freude, Trauer, neutral), and a letter of the version where there are more
// (emodb.bilderbar.info/docu and audformat's example). Other folders of the
// archive (lablaut, silb, …) hold no audio.
//
// The emotion acted is all that is known. Its numbers are ours: the centre of the
// quadrant that it lies in, and the middle where it lies between two.
var emodb = collection{Info{
	Name:     "emodb",
	Title:    "EMO-DB, Berlin Database of Emotional Speech: 535 sentences by 10 actors in 7 emotions",
	Gives:    "training/audio with labels.csv, where both numbers are made from the emotion",
	Download: "download.zip from emodb.bilderbar.info",
	Licence:  "free to download; none was found stated, and Burkhardt et al., Interspeech 2005, is to be cited",
}, readEMODB}

var emodbName = regexp.MustCompile(`^(\d\d)[a-z]\d\d([WLEAFTN])[a-z]?$`)

// emotions lists the letters of EMO-DB.
var emotions = map[string]struct {
	name             string
	valence, arousal float64
}{
	"W": {"anger", -0.5, 0.75},
	"L": {"boredom", -0.5, 0.25},
	"E": {"disgust", -0.5, 0.5},
	"A": {"fear", -0.5, 0.75},
	"F": {"happiness", 0.5, 0.75},
	"T": {"sadness", -0.5, 0.25},
	"N": {"neutral", 0, 0.5},
}

func readEMODB(_ context.Context, r *reader) error {
	label := func(_ string, parts []string) *dataset.Label {
		e := emotions[parts[2]]
		return &dataset.Label{Valence: e.valence, Arousal: e.arousal, Group: "emodb_" + parts[1], Derived: "from the acted emotion: " + e.name}
	}
	_, err := r.addNamed(emodbName, "03a01Fa.wav, by speaker, text and emotion", "audio", "wav", label, audioKind)
	return err
}
