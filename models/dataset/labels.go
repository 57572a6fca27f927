// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"fmt"
	"math"
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
	// numbers: both valence and arousal are numbers, if perhaps out of range;
	// beyond that the fault is no more than that.
	numbers, beyond bool
	unreadable      bool // the entry is not in the file's format
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

// set reads a label's numbers from text.
func (l *label) set(valence, arousal string) {
	var faults [2]string
	var numbers [2]bool
	l.valence, numbers[0], faults[0] = number("valence", valence, valenceScale)
	l.arousal, numbers[1], faults[1] = number("arousal", arousal, arousalScale)
	l.fault, l.numbers = cmp.Or(faults[:]...), numbers[0] && numbers[1]
	l.beyond = l.numbers && l.fault != ""
}

// number reads a field that must lie in a range. isNumber tells that it is one at
// least.
func number(field, text string, s scale) (v float64, isNumber bool, fault string) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, false, fmt.Sprintf("%s is missing: write a number from %g to %g", field, s.low, s.high)
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false, fmt.Sprintf("%s is not a number: write one from %g to %g", field, s.low, s.high)
	}
	if v < s.low || v > s.high {
		return v, true, fmt.Sprintf("%s is %s: rescale it to %g to %g", field, text, s.low, s.high)
	}
	return v, true, ""
}
