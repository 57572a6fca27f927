// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package chords

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseKey(t *testing.T) {
	for key, want := range map[string]int{
		"C": 0, "F#": 6, "Bb": 10, "Am": 9, "A minor": 9, "a": 9, "C:maj": 0, "F♯": 6, "b": 11, "bb": 10, "bbm": 10, "eb": 3, "f#": 6, "Abm": 8, "Cb": 11,
		"A:min": 9, "B flat": 10, "b flat minor": 10, "F-sharp minor": 6, "Bb Major": 10, "D dorian": 2, "D:dorian": 2, "E-minor": 4, "GMAJ": 7, " G ": 7, "A-": 9,
		"g_harmonic minor": 7, "B♭ mixolydian": 10,
	} {
		tonic, err := ParseKey(key)
		if assert.NoError(t, err, key) {
			assert.Equal(t, want, tonic, key)
		}
	}
	for key, want := range map[string]string{
		"": "the key is empty: write the tonic", "  ": "the key is empty", "H": `"H": it starts with no note`, "Es": `"Es": "s" is no mode: write the tonic, such as "C"`,
		"Cmaj7": `"maj7" is no mode`, "C/Am": "no mode", "N": "no note", "7": "no note", "C#b": `"b" is no mode`, "A moll": "no mode", strings.Repeat("C", 5000): `CCC"… is no mode`,
	} {
		_, err := ParseKey(key)
		if assert.Error(t, err, key) {
			assert.Contains(t, err.Error(), want)
			assert.Contains(t, err.Error(), `write the tonic, such as "C", "F#", "Bb" or "A minor"`)
		}
	}
}
