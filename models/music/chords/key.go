// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"fmt"
	"slices"
	"strings"
)

// ParseKey gives the pitch class, 0 (C) to 11 (B), of a key's tonic: of "C", "F#",
// "B♭", "B flat", "Am", "A minor", "a", "C:maj", "D dorian". The mode is read
// past, but it must be one: "Es" and "H" are errors, as is an empty key.
func ParseKey(key string) (tonic int, err error) {
	const mend = `write the tonic, such as "C", "F#", "Bb" or "A minor"`
	text := plain(key)
	if text == "" {
		return 0, fmt.Errorf("chords: the key is empty: %s", mend)
	}
	tonic, rest, ok := readNote(text, letters+"abcdefg")
	if !ok {
		return 0, fmt.Errorf("chords: key %s: it starts with no note from A to G: %s", quote(key), mend)
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
		return 0, fmt.Errorf("chords: key %s: %s is no mode: %s", quote(key), quote(mode), mend)
	}
	return tonic, nil
}

var modes = []string{
	"major", "maj", "minor", "min", "m", "natural minor", "harmonic minor", "melodic minor",
	"ionian", "dorian", "phrygian", "lydian", "mixolydian", "aeolian", "locrian",
}
