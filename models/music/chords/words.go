// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import "strings"

// word is a group of words or signs with one meaning.
type word struct {
	texts      []string
	do         func(*scanner)
	exact      bool // capitals and small letters differ
	first      bool // it counts only directly after the root of a lead sheet
	afterSlash bool // it is a word after "/" too, not a bass
}

// words has the qualities and modifiers of these published tables: the chord list
// of iReal Pro ("h") and the legend of the program ireal-parse, the chord types of the
// library tonal, the symbols of the library chord-symbol, the chord syntax of the
// Weimar Jazz Database ("j"), the README of the Jazz Harmony Treebank ("%", DCML).
var words = []word{
	{texts: []string{"madd"}, exact: true, do: func(s *scanner) { s.minor(); s.next = toAdd }}, // not "ma", "dd"
	{texts: []string{"Madd"}, exact: true, do: func(s *scanner) { s.next = toAdd }},
	{texts: []string{"major", "maj", "ma"}, do: (*scanner).major, afterSlash: true},
	{texts: []string{"M"}, exact: true, do: (*scanner).major, afterSlash: true},
	{texts: []string{"minor", "min", "mi"}, do: (*scanner).minor},
	{texts: []string{"m"}, exact: true, do: (*scanner).minor},
	{texts: []string{"j"}, exact: true, do: (*scanner).triangle},
	{texts: []string{"Δ", "^"}, do: (*scanner).triangle, afterSlash: true},
	{texts: []string{"dominant", "dom"}, do: func(*scanner) {}},
	{texts: []string{"diminished", "dim.", "dim", "°"}, do: (*scanner).diminish},
	{texts: []string{"o"}, exact: true, do: (*scanner).diminish},
	{texts: []string{"0"}, first: true, do: (*scanner).diminish},
	{texts: []string{"half-diminished", "half-dim", "halfdiminished", "halfdim", "hdim", "ø"}, do: (*scanner).halfDiminish},
	{texts: []string{"h"}, exact: true, first: true, do: (*scanner).halfDiminish},
	{texts: []string{"%"}, first: true, do: (*scanner).halfDiminish},
	{texts: []string{"augmented", "aug"}, do: (*scanner).augment},
	{texts: []string{"suspended", "sus"}, do: (*scanner).suspend},
	{texts: []string{"phryg"}, do: func(s *scanner) { s.suspend(); s.set.add(7, -1); s.set.add(9, -1) }},
	{texts: []string{"quartal"}, do: func(s *scanner) { s.suspend(); s.set.remove(5); s.set.add(7, -1) }},
	{texts: []string{"add"}, do: func(s *scanner) { s.next = toAdd }},
	{texts: []string{"altered", "alt.", "alt"}, do: func(s *scanner) { s.set.add(7, -1) }},
	{texts: []string{"omit", "no"}, do: func(s *scanner) { s.next = toOmit }},
}

// findWord finds the longest word that text begins with, and returns what follows.
// first means that a lead sheet's root was read, and nothing since.
func findWord(text string, first bool) (found *word, rest string) {
	longest := 0
	for i := range words {
		w := &words[i]
		if w.first && !first {
			continue
		}
		for _, t := range w.texts {
			if n := len(t); n > longest && n <= len(text) && (text[:n] == t || !w.exact && strings.EqualFold(text[:n], t)) {
				found, longest = w, n
			}
		}
	}
	return found, text[longest:]
}
