// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/etude-ml/etude/models/music/chords"
)

const (
	// maxRepeats and maxChords bound what a damaged file can ask for. The release
	// repeats phrases up to 79 times, and its longest song has some 600 chords.
	maxRepeats = 256
	maxChords  = 20_000
)

// repeated matches what follows a repeated phrase.
var repeated = regexp.MustCompile(`(?:^|[\s,])x(\d+)(?:$|[\s,])`)

// lineFault is a line that could not be used.
type lineFault struct {
	line   int
	reason string
}

// parseSALAMI reads salami_chords.txt. The format is described in the README of
// the release 2.0 and seen in ten of its files:
//
//	# title: …, # artist: …, # metre: 4/4, # tonic: C; metre and tonic also further down
//	12.5 TAB B, verse, | C:maj | A:min . F:maj G:7 | (2/4) G:7 | x2, (voice
//
// A line is a phrase: a time, then elements between commas, of which those from
// the first bar line to the last are chords. What comes out is a token for each
// symbol in a bar:
//
//   - a bar on one chord is one token, a half bar each two: the symbols are not
//     stretched to beats;
//   - "." is the chord before once more; "x2" the whole phrase once more;
//   - "N" (no chord) and "*" (too elaborate to write down) are tokens as they stand,
//     "(2/4)", "->" and "&pause" are none;
//   - lines without bars (silence, Z, end) give nothing.
//
// The key is the tonic at the first chord. A song without one, or where it is
// "?", is an error, since chords are learned relative to it.
func parseSALAMI(text string) (progression, []lineFault, error) {
	var p progression
	var faults []lineFault
	var sections []section
	tonic, total := "", 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			field, value, _ := strings.Cut(comment, ":")
			value = strings.TrimSpace(value)
			switch strings.TrimSpace(field) {
			case "title":
				p.Title = value
			case "artist":
				p.Artist = value
			case "metre":
				if p.Metre == "" {
					p.Metre = value
				}
			case "tonic":
				tonic = value
			}
			continue
		}
		chords, err := parsePhrase(line)
		if err != nil {
			faults = append(faults, lineFault{i + 1, err.Error()})
			continue
		}
		if len(chords) == 0 {
			continue
		}
		if total += len(chords); total > maxChords {
			return p, nil, fmt.Errorf("more than %d chords", maxChords)
		}
		if last := len(sections) - 1; last >= 0 && sections[last].Key == tonic {
			sections[last].Chords = append(sections[last].Chords, chords...)
		} else {
			sections = append(sections, section{tonic, chords})
		}
	}
	if len(sections) == 0 {
		return p, nil, errors.New("no chords in it")
	}
	p.Key = sections[0].Key
	if p.Key == "" || !strings.ContainsRune("ABCDEFG", rune(p.Key[0])) {
		return p, nil, fmt.Errorf("the tonic at its beginning is %q: chords are learned relative to one", p.Key)
	}
	for _, s := range sections {
		p.Chords = append(p.Chords, s.Chords...)
	}
	p.Sections = []section{}
	if len(sections) > 1 {
		p.Sections = sections
	}
	return p, faults, nil
}

// parsePhrase returns the chords of a line.
func parsePhrase(line string) ([]string, error) {
	first, last := strings.Index(line, "|"), strings.LastIndex(line, "|")
	if first < 0 {
		return nil, nil
	}
	time, _, _ := strings.Cut(line, "\t")
	if _, err := strconv.ParseFloat(time, 64); err != nil {
		return nil, errors.New("the line cannot be read: no time and tab before the phrase")
	}
	if first == last {
		return nil, errors.New("the line cannot be read: a bar is not closed")
	}
	var phrase []string
	for _, token := range strings.FieldsFunc(line[first:last], func(r rune) bool { return r == '|' || r == ' ' || r == '\t' }) {
		switch {
		case strings.HasPrefix(token, "("), token == "->", token == chords.Pause: // a bar of another metre, an elision, an interruption
		case token == "." && len(phrase) == 0:
			return nil, errors.New("the line cannot be read: a dot without a chord before it")
		case token == ".":
			phrase = append(phrase, phrase[len(phrase)-1])
		default:
			phrase = append(phrase, token)
		}
	}
	if times := repeated.FindStringSubmatch(line[last+1:]); times != nil {
		n, err := strconv.Atoi(times[1])
		if err != nil || n < 1 || n > maxRepeats {
			return nil, fmt.Errorf("the line cannot be read: a phrase repeated %s times", times[1])
		}
		if len(phrase)*n > maxChords {
			return nil, fmt.Errorf("the line cannot be read: its chords, %s times, are more than %d", times[1], maxChords)
		}
		once := phrase
		for range n - 1 {
			phrase = append(phrase, once...)
		}
	}
	return phrase, nil
}
