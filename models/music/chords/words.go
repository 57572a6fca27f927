// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import "strings"

// word is a part of a name that is spelled out, or its sign.
type word struct {
	text       string
	do         func(*scanner)
	exact      bool // large and small letters differ
	first      bool // it means this at once after the root of a lead sheet only
	afterSlash bool // it is itself after "/" too, not a bass
}

// words has the qualities and modifiers of these published tables: the chord list
// of iReal Pro and the legend of the program ireal-parse, the chord types of the
// library tonal, the symbols of the library chord-symbol, the chord syntax of the
// Weimar Jazz Database, the README of the Jazz Harmony Treebank (DCML). Where one
// word begins another, the longer comes first.
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
	{text: "j", exact: true, do: (*scanner).triangle}, // Weimar Jazz Database
	{text: "m", exact: true, do: (*scanner).minor},
	{text: "Δ", do: (*scanner).triangle, afterSlash: true},
	{text: "^", do: (*scanner).triangle, afterSlash: true},
	{text: "dominant", do: func(*scanner) {}},
	{text: "dom", do: func(*scanner) {}},
	{text: "diminished", do: (*scanner).diminish},
	{text: "dim.", do: (*scanner).diminish},
	{text: "dim", do: (*scanner).diminish},
	{text: "0", first: true, do: (*scanner).diminish},
	{text: "°", do: (*scanner).diminish},
	{text: "half-diminished", do: (*scanner).halfDiminish},
	{text: "half-dim", do: (*scanner).halfDiminish},
	{text: "halfdiminished", do: (*scanner).halfDiminish},
	{text: "halfdim", do: (*scanner).halfDiminish},
	{text: "hdim", do: (*scanner).halfDiminish},
	{text: "h", exact: true, first: true, do: (*scanner).halfDiminish}, // iReal Pro
	{text: "%", first: true, do: (*scanner).halfDiminish},              // Jazz Harmony Treebank
	{text: "ø", do: (*scanner).halfDiminish},
	{text: "augmented", do: (*scanner).augment},
	{text: "aug", do: (*scanner).augment},
	{text: "suspended", do: (*scanner).suspend},
	{text: "sus", do: (*scanner).suspend},
	{text: "phryg", do: func(s *scanner) { s.suspend(); s.set.add(7, -1); s.set.add(9, -1) }},
	{text: "quartal", do: func(s *scanner) { s.suspend(); s.set.remove(5); s.set.add(7, -1) }},
	{text: "add", do: func(s *scanner) { s.next = toAdd }},
	{text: "altered", do: (*scanner).alter},
	{text: "alt.", do: (*scanner).alter},
	{text: "alt", do: (*scanner).alter},
	{text: "omit", do: func(s *scanner) { s.next = toOmit }},
	{text: "no", do: func(s *scanner) { s.next = toOmit }},
	{text: "o", exact: true, do: (*scanner).diminish},
}

// findWord gives the word that text begins with, or nil. first tells that a lead
// sheet's root was read, and nothing since.
func findWord(text string, first bool) *word {
	for i := range words {
		w := &words[i]
		if len(text) < len(w.text) || w.first && !first {
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

// suspend takes the third away, unless it was added ("7add3sus"), and puts in what
// is named next: any second or fourth, otherwise the fourth.
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

func (s *scanner) alter() { s.set.add(7, -1) }
