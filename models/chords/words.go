// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import "strings"

// word is a part of a name that is spelled out, or its sign.
type word struct {
	text       string
	do         func(*scanner)
	exact      bool // large and small letters differ
	afterSlash bool // it is itself after "/" too, not a bass
}

// Where one word begins another, the longer comes first.
var words = []word{
	{text: "madd", exact: true, do: func(s *scanner) { s.minor(); s.next = toAdd }}, // not "ma", "dd"
	{text: "Madd", exact: true, do: func(s *scanner) { s.next = toAdd }},
	{text: "major", do: (*scanner).major, afterSlash: true},
	{text: "maj", do: (*scanner).major, afterSlash: true},
	{text: "ma", do: (*scanner).major, afterSlash: true},
	{text: "minor", do: (*scanner).minor},
	{text: "min", do: (*scanner).minor},
	{text: "mi", do: (*scanner).minor},
	{text: "M", exact: true, do: (*scanner).major, afterSlash: true},
	{text: "m", exact: true, do: (*scanner).minor},
	{text: "Δ", do: (*scanner).triangle, afterSlash: true},
	{text: "^", do: (*scanner).triangle, afterSlash: true},
	{text: "dominant", do: func(*scanner) {}},
	{text: "dom", do: func(*scanner) {}},
	{text: "diminished", do: (*scanner).diminish},
	{text: "dim", do: (*scanner).diminish},
	{text: "°", do: (*scanner).diminish},
	{text: "half-diminished", do: (*scanner).halfDiminish},
	{text: "half-dim", do: (*scanner).halfDiminish},
	{text: "hdim", do: (*scanner).halfDiminish},
	{text: "ø", do: (*scanner).halfDiminish},
	{text: "augmented", do: (*scanner).augment},
	{text: "aug", do: (*scanner).augment},
	{text: "sus", do: (*scanner).suspend},
	{text: "add", do: func(s *scanner) { s.next = toAdd }},
	{text: "alt", do: (*scanner).alter},
	{text: "omit", do: func(s *scanner) { s.next = toOmit }},
	{text: "no", do: func(s *scanner) { s.next = toOmit }},
	{text: "o", exact: true, do: (*scanner).diminish},
}

// findWord gives the word that text begins with, or nil.
func findWord(text string) *word {
	for i := range words {
		w := &words[i]
		if len(text) < len(w.text) {
			continue
		}
		start := text[:len(w.text)]
		if start == w.text || !w.exact && strings.EqualFold(start, w.text) {
			return w
		}
	}
	return nil
}

// major leaves the third alone, for "Cm(maj7)".
func (s *scanner) major() { s.seventh = 0 }

func (s *scanner) triangle() {
	s.seventh = 0
	s.set.add(7, 0)
}

func (s *scanner) minor() { s.set.replace(3, -1) }

// diminish takes "7dim5", where only the fifth is meant, for 7b5.
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

// suspend takes the third away and puts in what is named next: any second or
// fourth, otherwise the fourth.
func (s *scanner) suspend() {
	s.set.remove(3)
	d, rest, ok := readDegree(s.rest)
	if !ok || d.number != 2 && d.number != 4 {
		s.set.add(4, 0)
		return
	}
	s.set[d] = true
	s.rest = rest
}

func (s *scanner) alter() { s.set.add(7, -1) }
