// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// Sheet is a label file to which labels can be added. It reads the file as
// [Files] does, and changes nothing but the labels that are set.
type Sheet struct {
	form interface {
		set(n int, name string, l Label)
		text() []byte
	}
	labels []label
}

// ReadSheet reads a label file whose name ends in .csv, or else one in JSON.
// Empty text is a sheet without labels. A file with an entry that is not in its
// format is an error that names the line, although [Files] leaves out that entry
// alone: it could be about any file.
func ReadSheet(name string, raw []byte) (*Sheet, error) {
	text, err := DecodeText(raw)
	if err != nil {
		return nil, err
	}
	empty := len(bytes.TrimSpace(text)) == 0
	s := &Sheet{}
	if filepath.Ext(name) == ".csv" {
		if empty {
			text = []byte("filename,valence,arousal,group,derived\n")
		}
		form, err := readCSV(text)
		if err != nil {
			return nil, err
		}
		s.form, s.labels = form, form.all()
	} else {
		form := &jsonLabels{}
		if !empty {
			if form.members, err = ReadObject(text); err != nil {
				return nil, err
			}
		}
		s.form, s.labels = form, form.labels()
	}
	for _, l := range s.labels {
		if l.unreadable {
			return nil, fmt.Errorf("line %d: %s: correct the row", l.line, l.fault)
		}
	}
	return s, nil
}

// Len returns the number of entries.
func (s *Sheet) Len() int { return len(s.labels) }

// Entries finds the entries of each file: of those in the folder dir, which need
// not exist, and of those that more names, which are to come into it.
func (s *Sheet) Entries(dir string, more []string) (map[string][]int, error) {
	x, _, err := listFiles(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		x, err = newIndex(dir), nil
	}
	if err != nil {
		return nil, err
	}
	for _, name := range more {
		if !x.exists[name] {
			x.add(name, false)
		}
	}
	entries := map[string][]int{}
	for n, l := range s.labels {
		if name, reason := x.resolve(l.name); reason == "" {
			entries[name] = append(entries[name], n)
		}
	}
	return entries, nil
}

// Label returns the label of entry n, or the reason why it cannot be used.
func (s *Sheet) Label(n int) (Label, error) {
	l := s.labels[n]
	if l.fault != "" {
		return Label{}, fmt.Errorf("line %d: %s", l.line, l.fault)
	}
	return l.Label, nil
}

// Set gives entry n the label of the file name; n = [Sheet.Len] adds an entry.
func (s *Sheet) Set(n int, name string, l Label) {
	if n == len(s.labels) {
		s.labels = append(s.labels, label{})
	}
	s.labels[n] = label{name: name, Label: l, numbers: true}
	s.form.set(n, name, l)
}

// Text returns the file's new content, in UTF-8.
func (s *Sheet) Text() []byte { return s.form.text() }
