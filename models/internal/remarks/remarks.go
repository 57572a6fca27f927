// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

// Package remarks collects what was wrong with a file and passed over, from the
// decoders to the user.
package remarks

import "fmt"

// most keeps the list short for a file that is wrong everywhere.
const most = 16

// List holds the remarks on a file, in the order in which they were made. The zero
// value is an empty list.
type List struct{ texts []string }

// Add appends a remark, unless there are many.
func (l *List) Add(format string, args ...any) {
	switch {
	case len(l.texts) < most:
		l.texts = append(l.texts, fmt.Sprintf(format, args...))
	case len(l.texts) == most:
		l.texts = append(l.texts, "and more")
	}
}

// Join appends the remarks of another list.
func (l *List) Join(other List) {
	for _, text := range other.texts {
		l.Add("%s", text)
	}
}

// Texts returns the remarks, nil if there are none.
func (l *List) Texts() []string { return l.texts }
