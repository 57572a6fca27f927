// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"strings"
)

// scanner builds the set of degrees from what follows the root, word by word.
type scanner struct {
	rest  string
	harte bool // a colon came before
	set   degrees

	started  bool // something was read, which changes the meaning of signs and numbers
	extended bool // a 6, 7, 9, 11 or 13 was read, so later numbers only add themselves
	third    bool // "add3" was read
	last     int  // the tension, 9, 11 or 13, that was read just before, or 0
	seventh  int  // the alteration of a 7 without its own
	depth    int  // of parentheses
	next     purpose
}

// purpose says what to do with the next degree.
type purpose int

const (
	asUsual  purpose = iota
	toAdd            // add9
	toOmit           // no3
	toStrike         // *3
)

func newScanner(text string, harte bool) *scanner {
	s := &scanner{rest: text, harte: harte, set: degrees{{1, 0}: true}, seventh: -1}
	if !harte || !strings.HasPrefix(text, "(") {
		s.set.add(3, 0)
		s.set.add(5, 0)
	}
	return s
}

// degree applies a degree, with or without accidentals. It returns false if the
// degree has no meaning in this place.
func (s *scanner) degree(d degree, altered bool) bool {
	first, purpose := !s.started, s.next
	s.started, s.next = true, asUsual
	switch {
	case purpose == toOmit && !altered:
		s.set.remove(d.number)
		return true
	case purpose == toOmit, purpose == toStrike:
		delete(s.set, d)
		return true
	case purpose == toAdd, altered, s.depth > 0:
		s.set[d] = true
		s.third = s.third || purpose == toAdd && d.number == 3
		return true
	}
	switch n := d.number; {
	case first && n == 1:
		s.set = degrees{{1, 0}: true}
	case first && n == 5:
		s.set.remove(3)
	case first && (n == 2 || n == 4):
		s.set.remove(3)
		s.set.add(n, 0)
	case n == 1 || n == 3 || n == 8 || n == 10 || n == 12:
		return false
	case n < 6 || s.extended && n != 7:
		s.set.add(n, 0)
	case n == 6:
		s.set.add(6, 0)
		s.extended = true
	default: // 7, 9, 11, 13: the seventh, and every second one up to it
		s.set.add(7, s.seventh)
		for i := 9; i <= n; i += 2 {
			s.set.add(i, 0)
		}
		s.extended = true
	}
	return true
}

// sixNine continues after a six: in lead sheets "6/9" is a chord, not a bass.
func (s *scanner) sixNine(d degree, altered bool) {
	if s.harte || altered || d.number != 6 {
		return
	}
	if rest, ok := strings.CutPrefix(s.rest, "/9"); ok {
		s.set.add(9, 0)
		s.rest = rest
	}
}

// major leaves the third alone, for "Cm(maj7)".
func (s *scanner) major() { s.seventh = 0 }

func (s *scanner) triangle() {
	s.seventh = 0
	s.set.add(7, 0)
}

func (s *scanner) minor() { s.set.replace(3, -1) }

// diminish reads "7dim5", where only the fifth is meant, as 7b5.
func (s *scanner) diminish() {
	if s.started && strings.HasPrefix(s.rest, "5") {
		s.set.replace(5, -1)
		return
	}
	s.set.replace(3, -1)
	s.set.replace(5, -1)
	s.seventh = -2
}

func (s *scanner) halfDiminish() {
	s.diminish()
	s.seventh = -1
	s.set.add(7, -1)
}

func (s *scanner) augment() { s.set.replace(5, 1) }

// suspend removes the third, unless it was added ("7add3sus"), and adds what is named
// next, any second or fourth, or else the fourth.
func (s *scanner) suspend() {
	if !s.third {
		s.set.remove(3)
	}
	d, rest, ok := readDegree(s.rest)
	if !ok || d.number != 2 && d.number != 4 {
		s.set.add(4, 0)
		return
	}
	s.set[d] = true
	s.rest = rest
}
