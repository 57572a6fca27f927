// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
)

// readLabels reads a label file. The error is about the file as a whole; what is wrong
// with an entry is in its fault.
func readLabels(path string) ([]label, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	labels, err := parseLabels(path, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range labels {
		if l := &labels[i]; l.fault != "" {
			l.fault = fmt.Sprintf("%s line %d: %s", filepath.Base(path), l.line, l.fault)
		}
	}
	return labels, nil
}

// parseLabels returns the labels in the text of a label file.
func parseLabels(file string, text []byte) ([]label, error) {
	if !isCSV(file) {
		text = quoteNaN(text)
	}
	_, all, err := readForm(file, text)
	return slices.DeleteFunc(all, func(l label) bool { return l.line == 0 }), err // those of blank rows
}

// readForm takes the text of a label file apart, by the extension of its name.
func readForm(file string, text []byte) (form, []label, error) {
	if isCSV(file) {
		return readCSV(text)
	}
	return readJSON(text)
}

func isCSV(file string) bool { return filepath.Ext(file) == ".csv" }
