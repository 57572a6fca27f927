// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"os"
	"path/filepath"
)

// The folders and label files of DATA; the package's documentation shows them.
const (
	training = "training"

	AudioFolder    = "audio"
	AudioLabels    = "labels.csv"
	MIDIFolder     = "midi"
	MIDILabels     = "emotion_labels.json"
	DynamicsFolder = "dynamics_midi"
	DrumsFolder    = "drums"
	DrumLabels     = "drum_labels.json"
	ChordsFolder   = "chords"
	ChordsFile     = "chord_progressions.json"
)

// What label files in JSON hold, for messages.
const (
	wantedJSON   = `{"file name": {"valence": -1 to 1, "arousal": 0 to 1, "group": optional}, …}`
	wantedChords = `{"progressions": [{"name": …, "key": "C", "chords": ["C", "Am", …]}, …]}`
)

// Folder returns where a folder such as [AudioFolder] is in DATA: in training/, or in
// DATA itself. found is false where it is in neither, and dir then names the place to
// make it.
func Folder(data, folder string) (dir string, found bool) {
	first := filepath.Join(data, training, folder)
	for _, dir := range []string{first, filepath.Join(data, folder)} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, true
		}
	}
	return first, false
}

// LabelFile returns where the label file of a folder is: in it, or one level up.
// found is false where it is in neither, and file then names the place to write it.
func LabelFile(dir, name string) (file string, found bool) {
	first := filepath.Join(dir, name)
	for _, file := range []string{first, filepath.Join(filepath.Dir(dir), name)} {
		if _, err := os.Stat(file); err == nil {
			return file, true
		}
	}
	return first, false
}

// isFolder returns an error unless data is a folder.
func isFolder(data string) error {
	info, err := os.Stat(data)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is a file: name the folder that holds training/", data)
	}
	return nil
}
