// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// label is one entry of a label file.
type label struct {
	name             string // as written
	line             int
	valence, arousal float64
	group            string // empty: the file is its own
	fault            string // why it cannot be used; empty if it can
	// numbers tells that valence and arousal are numbers, if perhaps out of range;
	// beyond that the fault is no more than that.
	numbers, beyond bool
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
	if fault := notUTF8(text); fault != "" {
		return nil, fmt.Errorf("%s: %s", path, fault)
	}
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), nil
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

// notUTF8 tells where a text is not UTF-8; "" where it is.
func notUTF8(text []byte) string {
	const around = 12 // bytes that are shown on either side
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r != utf8.RuneError || size != 1 {
			at += size
			continue
		}
		start := max(bytes.LastIndexByte(text[:at], '\n')+1, at-around)
		end := min(at+around, len(text))
		if i := bytes.IndexByte(text[at:end], '\n'); i >= 0 {
			end = at + i
		}
		return fmt.Sprintf("line %d: %q is not UTF-8 (byte %#02x at %d of the file; Latin-1, perhaps): save it as UTF-8",
			1+bytes.Count(text[:at], []byte("\n")), text[start:end], text[at], at)
	}
	return ""
}
