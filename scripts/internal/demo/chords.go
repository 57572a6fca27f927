// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/dataset"
)

// degree is a chord by its place in the key.
type degree struct {
	steps, semitones int // of its root above the tonic
	quality          quality
}

type quality int

const (
	majorTriad quality = iota
	minorTriad
	diminished
	suspended
	dominant // a major triad, or with a seventh
)

var degrees = map[string]degree{
	"I": {0, 0, majorTriad}, "ii": {1, 2, minorTriad}, "iii": {2, 4, minorTriad}, "IV": {3, 5, majorTriad},
	"V": {4, 7, dominant}, "Vsus": {4, 7, suspended}, "vi": {5, 9, minorTriad}, "bVII": {6, 10, majorTriad},
	"i": {0, 0, minorTriad}, "ii°": {1, 2, diminished}, "bIII": {2, 3, majorTriad}, "iv": {3, 5, minorTriad},
	"v": {4, 7, minorTriad}, "bVI": {5, 8, majorTriad},
}

// grammar lists the degrees that may follow each degree; one that is listed twice is
// twice as likely. A loop begins with the tonic and ends with one of the closes.
type grammar struct {
	tonic  string
	next   map[string][]string
	closes []string
}

// grammars has one for each mood, by valence below or from 0 on, and arousal
// below or from 0.5 on.
var grammars = [2][2]grammar{
	{
		{"i", map[string][]string{
			"i": {"iv", "iv", "iv", "v", "bVI"}, "iv": {"i", "i", "v", "ii°"}, "v": {"i", "iv", "iv"},
			"ii°": {"V"}, "V": {"i"}, "bVI": {"iv", "iv", "ii°"},
		}, []string{"V", "v", "iv"}},
		{"i", map[string][]string{
			"i": {"bVI", "bVI", "bVII", "bVII", "bIII"}, "bIII": {"bVII", "bVII", "bVI"}, "bVI": {"bVII", "bVII", "bIII", "V"},
			"bVII": {"i", "i", "bVI"}, "V": {"i"},
		}, []string{"bVII", "V"}},
	},
	{
		{"I", map[string][]string{
			"I": {"vi", "vi", "iii", "ii"}, "ii": {"V", "Vsus", "iii"}, "iii": {"vi", "vi", "ii"},
			"vi": {"ii", "ii", "iii"}, "V": {"I", "vi"}, "Vsus": {"V"},
		}, []string{"V", "Vsus"}},
		{"I", map[string][]string{
			"I": {"IV", "IV", "IV", "V", "bVII"}, "IV": {"I", "V", "V"}, "V": {"IV", "I"}, "bVII": {"IV"},
		}, []string{"V", "IV", "bVII"}},
	},
}

// grammar returns the grammar of the mood.
func (m Mood) grammar() grammar {
	valence, arousal := 0, 0
	if m.Valence >= 0 {
		valence = 1
	}
	if m.Arousal >= 0.5 {
		arousal = 1
	}
	return grammars[valence][arousal]
}

// loop draws n degrees that lead back to the first.
func (g grammar) loop(rng *rand.Rand, n int) []string {
	for {
		loop := []string{g.tonic}
		for len(loop) < n {
			next := g.next[loop[len(loop)-1]]
			loop = append(loop, next[rng.IntN(len(next))])
		}
		if slices.Contains(g.closes, loop[n-1]) {
			return loop
		}
	}
}

// progression is a section of a song.
type progression struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Artist  string   `json:"artist"`
	Key     string   `json:"key"`
	Chords  []string `json:"chords"`
	Emotion Mood     `json:"emotion"`

	degrees []string // what Chords are in Key
}

const progressionLength = 24 // chords

// planProgressions gives each song a key and its sections a loop of four or eight
// chords each; a calm one of four takes every chord twice. At the end the last
// chord is the tonic. No two sections are the same, so that the validation has new ones.
func planProgressions(o Options) []progression {
	moods := newPlane(random(o, partChords, 0))
	played := map[string]bool{}
	var list []progression
	for i := range o.Pieces {
		rng := random(o, partChords, i+1)
		tonic, harte := rng.IntN(12), rng.IntN(2) == 0
		for k := range o.Sections {
			mood := moods.at(i).stray(rng)
			g := mood.grammar()
			calm := mood.Arousal < 0.3
			size := []int{4, 8}[rng.IntN(2)]
			if calm {
				size = 4
			}
			loop, times := draw(rng, g, size, calm, played)
			s := speller{tonic: tonic, minor: mood.Valence < 0, harte: harte, rng: rng}
			names := make([]string, len(loop))
			for j, d := range loop {
				names[j] = s.name(degrees[d], 0.55*(1-mood.Arousal))
			}
			p := progression{
				ID: fmt.Sprintf("song-%02d-section-%d", i+1, k+1), Title: fmt.Sprintf("Song %d", i+1), Artist: "Etude",
				Key: s.key(), Emotion: mood,
			}
			p.Chords, p.degrees = unroll(names, times), unroll(loop, times)
			list = append(list, p)
		}
	}
	return list
}

// draw draws a loop of size degrees that has not been played yet, or of eight degrees
// if 19 tries found none. times says how often each degree is played in turn.
func draw(rng *rand.Rand, g grammar, size int, calm bool, played map[string]bool) (loop []string, times int) {
	for try := 1; ; try++ {
		if try%20 == 0 {
			size = 8
		}
		loop, times = g.loop(rng, size), 1
		if calm && size == 4 {
			times = 2
		}
		name := strings.Join(unroll(loop, times), " ")
		if !played[name] {
			played[name] = true
			return loop, times
		}
	}
}

// unroll returns a loop as it is played, with the tonic at the end.
func unroll(loop []string, times int) []string {
	chords := make([]string, progressionLength)
	for at := range chords {
		chords[at] = loop[at/times%len(loop)]
	}
	chords[progressionLength-1] = loop[0]
	return chords
}

// writeProgressions writes the progressions, each in a line.
func writeProgressions(dir string, list []progression) error {
	lines := make([][]byte, len(list))
	for i, p := range list {
		var err error
		if lines[i], err = json.Marshal(p); err != nil {
			return err
		}
	}
	text := fmt.Appendf(nil, "{\"progressions\": [\n%s\n]}\n", bytes.Join(lines, []byte(",\n")))
	return os.WriteFile(filepath.Join(dir, chordsDir, dataset.ChordsFile), text, 0o666)
}

// speller names chords in a key.
type speller struct {
	tonic        int // pitch class
	minor, harte bool
	rng          *rand.Rand
}

// The usual names of the keys, from C up.
var (
	majorKeys = strings.Fields("C Db D Eb E F F# G Ab A Bb B")
	minorKeys = strings.Fields("C C# D Eb E F F# G G# A Bb B")
)

// tonicName returns the key's note.
func (s speller) tonicName() string {
	if s.minor {
		return minorKeys[s.tonic]
	}
	return majorKeys[s.tonic]
}

// key names the key in the words of the style.
func (s speller) key() string {
	switch {
	case s.harte && s.minor:
		return s.tonicName() + ":min"
	case s.harte:
		return s.tonicName()
	case s.minor:
		return s.tonicName() + "m"
	}
	return s.tonicName() + " major"
}

// root spells the root of a degree: each step has its own letter.
func (s speller) root(d degree) string {
	const letters = "CDEFGAB"
	pitches := [7]int{0, 2, 4, 5, 7, 9, 11}
	letter := (strings.IndexByte(letters, s.tonicName()[0]) + d.steps) % 7
	_, sharps := floorDiv(s.tonic+d.semitones-pitches[letter]+6, 12)
	sharps -= 6
	return letters[letter:letter+1] + strings.Repeat("#", max(sharps, 0)) + strings.Repeat("b", max(-sharps, 0))
}

// kinds names the qualities, in lead sheets and in Harte's syntax: first the plain chord,
// then chords with a colour.
var kinds = [2][5][]string{
	{{"", "maj7", "6", "add9"}, {"m", "m7", "m9"}, {"dim", "m7b5"}, {"sus4", "7sus4"}, {"", "7", "9"}},
	{{":maj", ":maj7", ":maj6", ":maj(9)"}, {":min", ":min7", ":min9"}, {":dim", ":hdim7"}, {":sus4", ":sus4(b7)"}, {":maj", ":7", ":9"}},
}

// name writes a chord, with some probability a colourful one.
func (s speller) name(d degree, colour float64) string {
	style := 0
	if s.harte {
		style = 1
	}
	names, i := kinds[style][d.quality], 0
	if s.rng.Float64() < colour {
		i = 1 + s.rng.IntN(len(names)-1)
	}
	return s.root(d) + names[i]
}
