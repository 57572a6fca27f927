// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"fmt"
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

// scan reads up to the end or to the slash before the bass.
func (s *scanner) scan() error {
	for s.rest != "" {
		if after, ok := strings.CutPrefix(s.rest, "/"); ok {
			if w, _ := findWord(after, false); w == nil || !w.afterSlash {
				break
			}
			s.rest = after
		}
		if !s.step() {
			return fmt.Errorf("%s is not understood", quote(s.rest))
		}
	}
	switch {
	case s.depth > 0:
		return fmt.Errorf(`a ")" is missing`)
	case s.next != asUsual:
		return fmt.Errorf("a degree is missing at the end")
	}
	return nil
}

// step reads one word, sign or degree. If it returns false, rest starts with what is
// not understood.
func (s *scanner) step() bool {
	if w, rest := findWord(s.rest, !s.started && !s.harte); w != nil {
		s.rest = rest
		w.do(s)
		s.started = true
		return true
	}
	c := s.rest[0]
	last := s.last
	s.last = 0
	switch c {
	case '+', '-':
		return s.sign(c)
	case ' ', ',':
	case '(':
		s.depth++
		s.started = true
	case ')':
		if s.depth == 0 {
			return false
		}
		s.depth--
	case '*':
		s.next = toStrike
	default:
		d, rest, ok := readDegree(s.rest)
		altered := c == 'b' || c == '#'
		if !ok && altered && last > 0 {
			s.set.replace(last, sign(c)) // "79b" of the Weimar Jazz Database
			break
		}
		if !ok || !s.degree(d, altered) {
			return false
		}
		if !altered && d.number >= 9 {
			s.last = d.number
		}
		s.rest = rest
		s.sixNine(d, altered)
		return true
	}
	s.rest = s.rest[1:]
	return true
}

// sign reads "+" or "-", each of which has two meanings.
func (s *scanner) sign(c byte) bool {
	after := s.rest[1:]
	d, rest, number := readDegree(after)
	number = number && after[0] >= '1' && after[0] <= '9'
	first := !s.started
	s.started = true
	switch {
	case first && c == '-' && !(number && d.number == 5):
		s.minor()
	case first && c == '+':
		s.augment()
	case number:
		s.rest = rest
		return s.degree(degree{d.number, sign(c)}, true)
	case c == '+':
		s.augment()
	default:
		return false
	}
	s.rest = after
	return true
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
