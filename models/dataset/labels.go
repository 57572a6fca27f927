// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// label is one entry of a label file.
type label struct {
	name             string // as written
	line             int
	valence, arousal float64
	group            string // empty: the file is its own
	fault            string // why it cannot be used; empty if it can
}

// same reports whether two labels of one file say the same.
func (l label) same(m label) bool {
	return l.valence == m.valence && l.arousal == m.arousal && l.group == m.group
}

// readLabels reads a label file by its extension. The error is about the file as
// a whole; what is wrong with an entry is in its fault.
func (s Files) readLabels(path string) ([]label, error) {
	text, err := readText(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", s.Network, err)
	}
	parse := parseJSON
	if filepath.Ext(path) == ".csv" {
		parse = parseCSV
	}
	labels, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %s: %w", s.Network, path, err)
	}
	for i := range labels {
		if l := &labels[i]; l.fault != "" {
			l.fault = fmt.Sprintf("%s line %d: %s", filepath.Base(path), l.line, l.fault)
		}
	}
	return labels, nil
}

// maxText is the size of the largest label file, millions of entries.
const maxText = 256 << 20

// readText reads a file of UTF-8 text, without the byte order mark that some
// programs put first.
func readText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return nil, fmt.Errorf("%s: not a regular file of at most %d MB", path, maxText>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, fmt.Errorf("%s: text in UTF-16: save it as UTF-8", path)
	}
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), nil
}

// set reads a label's numbers from text.
func (l *label) set(valence, arousal string) {
	if l.valence, l.fault = number("valence", valence, -1, 1); l.fault == "" {
		l.arousal, l.fault = number("arousal", arousal, 0, 1)
	}
}

// number reads a field that must lie between low and high.
func number(field, text string, low, high float64) (v float64, fault string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, fmt.Sprintf("%s is missing: write a number from %g to %g", field, low, high)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Sprintf("%s is not a number: write one from %g to %g", field, low, high)
	}
	if v < low || v > high {
		return 0, fmt.Sprintf("%s is %s: rescale it to %g to %g", field, text, low, high)
	}
	return v, ""
}
