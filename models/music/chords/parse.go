// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Parse reads a chord's name in Harte's syntax or in lead-sheet style, as the
// package's documentation describes them. It ignores space around the name. Its error
// quotes the name and the part that it does not understand, and shows how names are
// written.
func Parse(name string) (Chord, error) {
	text := plain(name)
	if text == "" {
		return Chord{}, fmt.Errorf(`chords: a name is empty: write a chord such as "C" or "F#m7b5", or "N" where none sounds`)
	}
	if slices.ContainsFunc(noChord, func(n string) bool { return strings.EqualFold(n, text) }) {
		return Chord{-1, NoChord, -1}, nil
	}
	if strings.EqualFold(text, "X") {
		return Chord{-1, Other, -1}, nil
	}
	c, err := parse(text)
	if err != nil {
		return Chord{}, fmt.Errorf(`chords: %s: %w: names are written like "F#m7b5", "C7(b9,#11)", "C/E" or "F#:hdim7/b3", and "N" for no chord`, quote(name), err)
	}
	return c, nil
}

var noChord = []string{"N", "NC", "N.C.", "N.C", "N/C", "no chord"}

const letters = "ABCDEFG"

func parse(text string) (Chord, error) {
	root, rest, ok := readNote(text, letters)
	if !ok {
		return Chord{}, fmt.Errorf("it starts with %s, not with a root from A to G", quote(text))
	}
	rest, harte := strings.CutPrefix(rest, ":")
	rest = strings.TrimSpace(rest)
	if harte && rest == "" {
		return Chord{}, fmt.Errorf(`nothing follows ":"`)
	}
	s := newScanner(rest, harte)
	if err := s.scan(); err != nil {
		return Chord{}, err
	}
	c := Chord{root, s.set.quality(), root}
	if text, ok := strings.CutPrefix(s.rest, "/"); ok {
		bass, err := readBass(strings.TrimSpace(text), root)
		if err != nil {
			return Chord{}, err
		}
		c.Bass = bass
	}
	return c, nil
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

// step reads one word, sign or degree. If it returns false, rest starts with the text
// that is not understood.
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

// readBass returns the pitch class of a note, or of a degree above the root.
func readBass(text string, root int) (int, error) {
	if pitch, rest, ok := readNote(text, letters); ok && rest == "" {
		return pitch, nil
	}
	if d, rest, ok := readDegree(text); ok && rest == "" {
		return modulo(root + d.semitones()), nil
	}
	return 0, fmt.Errorf(`%s after "/" is neither a note nor a degree`, quote(text))
}

// ParseKey returns the pitch class, 0 (C) to 11 (B), of a key's tonic: of "C", "F#",
// "B♭", "B flat", "Am", "A minor", "a", "C:maj", "D dorian". It ignores the mode,
// which must be a known one: "Es" and "H" are errors, as is an empty key.
func ParseKey(key string) (tonic int, err error) {
	const help = `write the tonic, such as "C", "F#", "Bb" or "A minor"`
	text := plain(key)
	if text == "" {
		return 0, fmt.Errorf("chords: the key is empty: %s", help)
	}
	tonic, rest, ok := readNote(text, letters+"abcdefg")
	if !ok {
		return 0, fmt.Errorf("chords: key %s: it starts with no note from A to G: %s", quote(key), help)
	}
	mode := strings.TrimLeft(rest, " :-_")
	for accidental, by := range map[string]int{"sharp": 1, "flat": -1} {
		if n := len(accidental); len(mode) >= n && strings.EqualFold(mode[:n], accidental) {
			tonic = modulo(tonic + by)
			mode = strings.TrimLeft(mode[n:], " :-_")
			break
		}
	}
	if mode != "" && !slices.ContainsFunc(modes, func(m string) bool { return strings.EqualFold(m, mode) }) {
		return 0, fmt.Errorf("chords: key %s: %s is no mode: %s", quote(key), quote(mode), help)
	}
	return tonic, nil
}

var modes = []string{
	"major", "maj", "minor", "min", "m", "natural minor", "harmonic minor", "melodic minor",
	"ionian", "dorian", "phrygian", "lydian", "mixolydian", "aeolian", "locrian",
}

var signs = strings.NewReplacer(
	"♯", "#", "♭", "b", "♮", "", "\U0001d12a", "##", "\U0001d12b", "bb",
	"\u2212", "-", "–", "-", // minus and en dash
	"˚", "°", "∆", "Δ", "△", "Δ", // a ring, an increment, a triangle
)

// plain returns a name with plain signs: ASCII accidentals, ordinary digits.
func plain(name string) string {
	return strings.TrimSpace(norm.NFKC.String(signs.Replace(name)))
}

// quote quotes the start of a text of any length.
func quote(text string) string {
	const most = 40
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%q…", text[:end])
}
