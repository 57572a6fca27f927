// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// Level is how bad a problem is.
type Level string

// An error costs a labelled sample, keeps a network from training or is a label
// that must be wrong. A warning does none of these, but may make the numbers of an
// evaluation worthless.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
)

// Kind is what a problem is about: problems of one kind have the same fix, and can
// be listed together.
type Kind string

// The kinds of problems.
const (
	KindFolder     Kind = "folder"     // a folder or a label file that is missing or cannot be understood
	KindFile       Kind = "file"       // a file that cannot be read, or gives nothing: silence, no notes
	KindMended     Kind = "mended"     // what was passed over in reading a file
	KindLabel      Kind = "label"      // an entry of a label file that cannot be understood
	KindRange      Kind = "range"      // a number out of its range
	KindScale      Kind = "scale"      // a whole column on another scale
	KindUnlabelled Kind = "unlabelled" // a file without a label
	KindOrphan     Kind = "orphan"     // a label without a file
	KindConflict   Kind = "conflict"   // labels of the same thing that disagree
	KindDuplicate  Kind = "duplicate"  // the same thing twice, in one group
	KindLeak       Kind = "leak"       // the same thing in several groups, so in training and in validation
	KindName       Kind = "name"       // a file name that other systems would not keep
	KindExtension  Kind = "extension"  // files that look like data and are not read
	KindSound      Kind = "sound"      // short, dull or clipped clips
	KindBalance    Kind = "balance"    // labels or groups that are not spread
	KindAmount     Kind = "amount"     // too little of it
	KindChord      Kind = "chord"      // a chord name that is not understood
	KindShort      Kind = "short"      // a progression that gives no sample
)

// Problem describes a fault of a file, of a label, or of a whole folder (without a
// name then), and its fix.
type Problem struct {
	Level  Level  `json:"level"`
	Kind   Kind   `json:"kind"`
	Name   string `json:"name,omitempty"`
	Reason string `json:"reason"`
}

// firstFew lists the first three names, quoted, and counts the others.
func firstFew(names []string) string {
	var quoted []string
	for _, name := range names[:min(shownNames, len(names))] {
		quoted = append(quoted, strconv.Quote(name))
	}
	return few(quoted, len(names))
}

const shownNames = 3

// few lists the first three of so many texts, and counts the others.
func few(first []string, of int) string {
	text := strings.Join(first, ", ")
	if more := of - len(first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// plural returns "1 file", "2 files".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
