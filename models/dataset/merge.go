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
	form, all, err := readForm(file, raw)
	if err != nil {
		return nil, m, err
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

// form is the text of a label file, taken apart.
type form interface {
	// set gives an entry another name and label; one place after the last adds an entry.
	set(n int, name string, l Label)
	text() []byte
}

// readForm reads a label file and its labels.
func readForm(file string, raw []byte) (form, []label, error) {
	text, err := DecodeText(raw)
	if err != nil {
		return nil, nil, err
	}
	empty := len(bytes.TrimSpace(text)) == 0
	if filepath.Ext(file) != ".csv" {
		j := &jsonLabels{}
		if !empty {
			j.members, err = readObject(text)
		}
		return j, j.labels(), err
	}
	if empty {
		text = []byte("filename,valence,arousal,group,derived\n")
	}
	c, err := readCSV(text)
	if err != nil {
		return nil, nil, err
	}
	all := c.all()
	for _, l := range all {
		if l.unreadable {
			return nil, nil, fmt.Errorf("line %d: %s: correct the row", l.line, l.fault)
		}
	}
	return c, all, nil
}
