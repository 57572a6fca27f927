// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Label holds the labels of a file, and remarks on them.
type Label struct {
	Valence  float64 `json:"valence"` // -1 to 1
	Arousal  float64 `json:"arousal"` // 0 to 1
	Derived  string  `json:"derived,omitempty"`
	Style    string  `json:"style,omitempty"`
	BPM      float64 `json:"bpm,omitempty"`
	BeatType string  `json:"beat_type,omitempty"`
	Group    string  `json:"group,omitempty"` // empty: the file is its own
}

// Same reports whether two labels agree about a file. The other fields are
// remarks.
func (l Label) Same(m Label) bool {
	return l.Valence == m.Valence && l.Arousal == m.Arousal && l.Group == m.Group
}

// String describes the label in messages.
func (l Label) String() string {
	text := fmt.Sprintf("valence %g, arousal %g", l.Valence, l.Arousal)
	if l.Group != "" {
		text += fmt.Sprintf(", group %q", l.Group)
	}
	return text
}

// label is one entry of a label file.
type label struct {
	Label        // valence, arousal and group, as far as they could be read
	name  string // as written
	line  int
	fault string // why it cannot be used; empty if it can
	// numbers: both valence and arousal are numbers, if perhaps out of range.
	// beyond: the only fault is that one of them is out of range.
	numbers, beyond bool
	unreadable      bool // the entry is not in the file's format
}

// form is the text of a label file, taken apart.
type form interface {
	// set gives an entry another name and label; one place after the last adds an entry.
	set(n int, name string, l Label)
	text() []byte
}

// scale is a range that raters use.
type scale struct{ low, high float64 }

// The ranges that labels must have.
var (
	valenceScale = scale{-1, 1}
	arousalScale = scale{0, 1}
)

// set reads a label's numbers from text.
func (l *label) set(valence, arousal string) {
	var faults [2]string
	var numbers [2]bool
	l.Valence, numbers[0], faults[0] = number("valence", valence, valenceScale)
	l.Arousal, numbers[1], faults[1] = number("arousal", arousal, arousalScale)
	l.fault, l.numbers = cmp.Or(faults[:]...), numbers[0] && numbers[1]
	l.beyond = l.numbers && l.fault != ""
}

// number reads a field that must lie in a range. isNumber reports whether it is a number,
// in the range or not.
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
		fault = fmt.Sprintf("%s is %s: rescale it to %g to %g", field, text, s.low, s.high)
	}
	return v, true, fault
}

// setJSON reads a label from a JSON object.
func (l *label) setJSON(entry json.RawMessage) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(entry, &fields); err != nil || fields == nil {
		l.fault = `expected an object {"valence": -1 to 1, "arousal": 0 to 1}`
		return
	}
	text := func(field string) string {
		if v := string(fields[field]); v != "null" {
			return v
		}
		return ""
	}
	l.set(text("valence"), text("arousal"))
	group := text("group")
	if l.fault != "" || group == "" || json.Unmarshal(fields["group"], &l.Group) == nil {
		return
	}
	if json.Unmarshal(fields["group"], new(float64)) == nil {
		l.Group = group // a number names a group as well as a string does
	} else {
		l.fault = fmt.Sprintf("group is %s: write a string", group)
	}
}
