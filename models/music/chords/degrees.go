// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"maps"
	"strings"
)

// degree is an interval above the root by its name: b9 is {9, -1}.
type degree struct{ number, alter int }

// maxDegree is the highest degree that chord names use.
const maxDegree = 13

// readDegree reads accidentals and a number from 1 to 13. In "69" it reads the 6,
// because a ninth follows; it reads nothing in 14 to 19.
func readDegree(text string) (d degree, rest string, ok bool) {
	for text != "" && (text[0] == 'b' || text[0] == '#') {
		d.alter += sign(text[0])
		text = text[1:]
	}
	if text == "" || text[0] < '1' || text[0] > '9' {
		return degree{}, text, false
	}
	d.number, text = int(text[0]-'0'), text[1:]
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		two := 10*d.number + int(text[0]-'0')
		switch {
		case two <= maxDegree:
			d.number, text = two, text[1:]
		case d.number == 1:
			return degree{}, text, false
		}
	}
	return d, text, true
}

func sign(accidental byte) int {
	if accidental == 'b' || accidental == '-' {
		return -1
	}
	return 1
}

// semitones returns the distance above the root.
func (d degree) semitones() int {
	steps := [7]int{0, 2, 4, 5, 7, 9, 11}
	return 12*((d.number-1)/7) + steps[(d.number-1)%7] + d.alter
}

// readNote reads a note's name: one of the letters, then a run of equal accidentals.
func readNote(text, letters string) (pitch int, rest string, ok bool) {
	if text == "" || strings.IndexByte(letters, text[0]) < 0 {
		return 0, text, false
	}
	naturals := [7]int{9, 11, 0, 2, 4, 5, 7} // A to G
	pitch = naturals[(text[0]|0x20)-'a']
	rest = text[1:]
	for rest != "" && (rest[0] == 'b' || rest[0] == '#') && (len(rest)+1 == len(text) || rest[0] == text[1]) {
		pitch += sign(rest[0])
		rest = rest[1:]
	}
	return modulo(pitch), rest, true
}

// degrees is a set of them.
type degrees map[degree]bool

func (s degrees) add(number, alter int) { s[degree{number, alter}] = true }

// remove removes a number with any accidentals.
func (s degrees) remove(number int) {
	maps.DeleteFunc(s, func(d degree, _ bool) bool { return d.number == number })
}

// replace replaces the natural degree by an altered one.
func (s degrees) replace(number, alter int) {
	delete(s, degree{number, 0})
	s.add(number, alter)
}

// quality applies the rules of the package's documentation, in their order.
func (s degrees) quality() Quality {
	has := func(number, alter int) bool { return s[degree{number, alter}] }
	switch {
	case has(3, -1) && has(5, -1):
		return Diminished
	case has(3, 0) && has(5, 1):
		return Augmented
	case has(3, 0):
		return Major
	case has(3, -1):
		return Minor
	}
	third, bare := false, true
	for d := range s {
		third = third || d.number == 3
		bare = bare && (d.number == 7 || d == degree{1, 0} || d == degree{5, 0})
	}
	switch {
	case !third && (has(4, 0) || has(11, 0) || has(2, 0) || has(9, 0)):
		return Suspended
	case bare:
		return PowerChord
	}
	return Other
}
