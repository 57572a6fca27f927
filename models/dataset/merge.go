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

// Merged counts the entries of a label file that a collection has.
type Merged struct {
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Unchanged int `json:"unchanged"`
}

// MergeLabels adds labels of files in the folder dir, which need not exist, to the text of
// a label file, whose name ends in .csv, or is one in JSON. Empty text is a file without
// labels. An entry that names one of the files in any way that [Files] understands, and
// has another label for it, is replaced; conflict is called with that label.
// Nothing else changes, and without anything to add or replace the text is raw itself. A
// file with an entry that is not in its format is an error that names the line, although
// [Files] leaves out that entry alone: it could be about any file.
func MergeLabels(file, dir string, raw []byte, names []string, labels map[string]Label, conflict func(name, has string)) ([]byte, Merged, error) {
	var m Merged
	text, err := DecodeText(raw)
	if err != nil {
		return nil, m, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}")
		if isCSV(file) {
			text = []byte("filename,valence,arousal,group,derived\n")
		}
	}
	form, all, err := readForm(file, text)
	if err != nil {
		return nil, m, err
	}
	for _, l := range all {
		if l.unreadable {
			return nil, m, fmt.Errorf("line %d: %s: correct the row", l.line, l.fault)
		}
	}
	x, _, err := listFiles(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		x, err = newIndex(dir), nil
	}
	if err != nil {
		return nil, m, err
	}
	for _, name := range names {
		if !x.exists[name] {
			x.add(name, false)
		}
	}
	entries := map[string][]int{} // of each file
	for n, l := range all {
		if name, reason := x.resolve(l.name); reason == "" {
			entries[name] = append(entries[name], n)
		}
	}
	for _, name := range names {
		l := labels[name]
		if len(entries[name]) == 0 {
			form.set(len(all)+m.Added, name, l)
			m.Added++
			continue
		}
		same := true
		for _, n := range entries[name] {
			has := all[n]
			switch {
			case has.fault != "":
				conflict(name, fmt.Sprintf("a label that cannot be used (%s line %d: %s)", filepath.Base(file), has.line, has.fault))
			case !has.Same(l):
				conflict(name, has.String())
			default:
				continue
			}
			same = false
			form.set(n, name, l)
		}
		if same {
			m.Unchanged++
		} else {
			m.Replaced++
		}
	}
	if m.Added+m.Replaced == 0 {
		return raw, m, nil
	}
	return form.text(), m, nil
}
