// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/etude-ml/etude/models/music/chords"
	"github.com/etude-ml/etude/torch/data"
)

// Chords reads the file chord_progressions.json: each of its progressions gives
// several samples. It is quicker to read than a cache would be.
type Chords struct{}

const (
	chordsNetwork   = "harmony"
	chordsWanted    = `{"progressions": [{"name": …, "key": "C", "chords": ["C", "Am", …]}, …]}`
	chordsRecommend = 20
)

// The emotion of a progression without one.
const (
	neutralValence = 0
	neutralArousal = 0.5
)

// progression is an entry of chord_progressions.json.
type progression struct {
	name             string // for messages: its id, name or number
	group            string
	classes          []int
	labelled         bool
	valence, arousal float64
	mood             label // the emotion as it stands there
	notes            []string
	fault            string // why it cannot be used; empty if it can
}

// chordsPlace is where the file lies.
var chordsPlace = Files{Network: chordsNetwork, Folder: ChordsFolder, Labels: ChordsFile}

// Present reports whether DATA has the folder.
func (Chords) Present(data string) bool { return chordsPlace.Present(data) }

// Samples reads the progressions of a data folder; see [Harmony].
func (Chords) Samples(ctx context.Context, root string, _ Options) (*data.Samples, error) {
	_, file, err := chordsPlace.find(root)
	if err != nil {
		return nil, err
	}
	list, err := readProgressions(file)
	if err != nil {
		return nil, err
	}
	s := &data.Samples{}
	neutral := 0
	for _, p := range list {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("dataset: %s: %w", chordsNetwork, ctx.Err())
		}
		parts := p.parts()
		switch {
		case p.fault != "":
			s.Skipped = append(s.Skipped, data.Skip{Name: p.name, Reason: p.fault})
			continue
		case len(parts) == 0:
			s.Skipped = append(s.Skipped, data.Skip{Name: p.name, Reason: tooShort(len(p.classes))})
			continue
		case !p.labelled:
			neutral++
		}
		addSamples(s, p.name, p.group, parts, nil, p.notes)
	}
	if neutral > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of %d progressions have no emotion: the neutral one (valence %g, arousal %g) stands for it",
			neutral, len(list), float64(neutralValence), neutralArousal))
	}
	if s.Len() == 0 {
		return nil, fmt.Errorf("dataset: %s: no usable progression in %s:%s", chordsNetwork, file, firstReasons(s.Skipped))
	}
	return s, nil
}

// Features reads one file of progressions.
func (Chords) Features(path string) (*Features, error) {
	list, err := readProgressions(path)
	if err != nil {
		return nil, err
	}
	f := &Features{}
	for _, p := range list {
		if p.fault != "" {
			f.Notes = append(f.Notes, p.name+": left out: "+p.fault)
			continue
		}
		for _, note := range p.notes {
			f.Notes = append(f.Notes, p.name+": "+note)
		}
		for _, part := range p.parts() {
			part.Name = partName(p.name, part.Name)
			f.Parts = append(f.Parts, part)
		}
	}
	if len(f.Parts) == 0 {
		return nil, fmt.Errorf("dataset: %s: %s: no progression of at least %d chords with a key", chordsNetwork, path, 2*chords.Ahead)
	}
	return f, nil
}

// parts returns the samples of a progression.
func (p progression) parts() []Part {
	if p.fault != "" {
		return nil
	}
	emotion := Embedding(p.valence, p.arousal)
	var parts []Part
	for _, s := range chords.Samples(p.classes) {
		parts = append(parts, Part{
			Name: fmt.Sprintf("chord %d", s.Position+1), Input: slices.Concat(emotion, s.Context), Target: s.Target,
		})
	}
	return parts
}

func tooShort(n int) string {
	return fmt.Sprintf("%d chords: a sample takes four chords and the four after them", n)
}

// readProgressions reads the file. The error is about it as a whole; what is
// wrong with an entry is in its fault.
func readProgressions(path string) ([]progression, error) {
	text, err := readText(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", chordsNetwork, err)
	}
	entries, err := parseProgressions(text)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %s: %w", chordsNetwork, path, err)
	}
	list := make([]progression, len(entries))
	for i, entry := range entries {
		list[i] = readProgression(entry, i+1)
	}
	return list, nil
}

// parseProgressions accepts {"progressions": […]} and the bare list.
func parseProgressions(text []byte) ([]json.RawMessage, error) {
	text = quoteNaN(text)
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err == nil {
		return list, nil
	}
	var object struct {
		Progressions []json.RawMessage `json:"progressions"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, jsonError(text, 0, err)
	}
	if object.Progressions == nil {
		return nil, fmt.Errorf(`no list "progressions" in it: expected %s`, chordsWanted)
	}
	return object.Progressions, nil
}

// readProgression reads the entry at a place counted from 1.
func readProgression(entry json.RawMessage, place int) progression {
	var e struct {
		ID      json.RawMessage `json:"id"` // a string or a number
		Name    string          `json:"name"`
		Title   string          `json:"title"`
		Artist  string          `json:"artist"`
		Key     *string         `json:"key"`
		Chords  []string        `json:"chords"`
		Emotion json.RawMessage `json:"emotion"`
	}
	p := progression{name: fmt.Sprintf("progression %d", place), valence: neutralValence, arousal: neutralArousal}
	if err := json.Unmarshal(entry, &e); err != nil {
		p.fault = fmt.Sprintf("%v: expected %s", err, chordsWanted)
		return p
	}
	id := string(e.ID)
	_ = json.Unmarshal(e.ID, &id) // otherwise it is a number, and stays as it is written
	if id != "" && id != "null" {
		p.name = id
	} else if e.Name != "" {
		p.name = e.Name
	}
	p.group = strings.ToLower(e.Title + "\x00" + e.Artist)
	if e.Title+e.Artist == "" {
		p.group = p.name
	}
	if e.Key == nil || strings.TrimSpace(*e.Key) == "" {
		p.fault = `key is missing: write the tonic, such as "C" or "F#"`
		return p
	}
	tonic, err := chords.ParseKey(*e.Key)
	if err != nil {
		p.fault = fmt.Sprintf("key: %v", err)
		return p
	}
	if len(e.Chords) == 0 {
		p.fault = "chords is missing or empty"
		return p
	}
	if len(e.Emotion) > 0 && string(e.Emotion) != "null" {
		p.mood.name = p.name
		if p.mood.setJSON(e.Emotion); p.mood.fault != "" {
			p.fault = "emotion: " + p.mood.fault
			return p
		}
		p.labelled, p.valence, p.arousal = true, p.mood.valence, p.mood.arousal
	}
	for i, name := range e.Chords {
		if strings.TrimSpace(name) == chords.Pause {
			continue
		}
		c, err := chords.Parse(name)
		if err != nil {
			p.classes = append(p.classes, chords.Other)
			p.notes = append(p.notes, fmt.Sprintf("chord %d counts as %q: %v", i+1, chords.ClassName(chords.Other), err))
			continue
		}
		p.classes = append(p.classes, c.Class(tonic))
	}
	return p
}
