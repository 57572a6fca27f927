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

// Present reports whether DATA has the folder.
func (s Files) Present(data string) bool {
	_, found := Folder(data, s.Folder)
	return found
}

// find returns the source's folder and label file in DATA. Without a folder both are
// empty.
func (s Files) find(data string) (dir, labels string, err error) {
	if err := isFolder(data); err != nil {
		return "", "", err
	}
	wanted := s.wanted()
	dir, found := Folder(data, s.Folder)
	if !found {
		what := s.Holds
		switch {
		case what == "":
			what = fmt.Sprintf("a file %s (%s)", s.Labels, wanted)
		case s.Labels != "":
			what += fmt.Sprintf(" and a file %s (%s)", s.Labels, wanted)
		}
		return "", "", fmt.Errorf("dataset: %s: no folder %s: make it and put %s into it", s.Network, dir, what)
	}
	if s.Labels == "" {
		return dir, "", nil
	}
	labels, found = LabelFile(dir, s.Labels)
	if !found {
		return dir, "", fmt.Errorf("dataset: %s: no file %s in %s or in %s: write one with %s", s.Network, s.Labels, dir, filepath.Dir(dir), wanted)
	}
	return dir, labels, nil
}

// isFolder returns an error unless data is a folder.
func isFolder(data string) error {
	info, err := os.Stat(data)
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("dataset: %s is a file: name the folder that holds training/", data)
	}
	return nil
}
