// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/etude-ml/etude/models/dataset"
	"github.com/etude-ml/etude/models/music/midi"
)

var (
	audioDir       = filepath.Join("training", dataset.AudioFolder)
	midiDir        = filepath.Join("training", dataset.MIDIFolder)
	performanceDir = filepath.Join("training", dataset.DynamicsFolder)
	drumsDir       = filepath.Join("training", dataset.DrumsFolder)
	chordsDir      = filepath.Join("training", dataset.ChordsFolder)
)

// writeMIDI writes notes into a file of a folder of the corpus.
func writeMIDI(dir, folder, name string, notes []midi.Note, o midi.WriteOptions) error {
	var file bytes.Buffer
	if err := midi.Write(&file, notes, o); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, folder, name+".mid"), file.Bytes(), 0o666)
}

// label is one entry of a label file in JSON.
type label struct {
	Mood
	Group string `json:"group"`
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}
