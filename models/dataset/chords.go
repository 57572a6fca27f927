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
	chordsRecommend = 20
	// classLimit is the share of the chords that one class should not reach.
	classLimit = 0.8
)

// neutral is the emotion of a progression without one.
var neutral = Label{Valence: 0, Arousal: 0.5}

// chordsPlace is where the file lies.
var chordsPlace = Files{Network: "harmony", Folder: ChordsFolder, Labels: ChordsFile}

// progression is an entry of chord_progressions.json.
type progression struct {
	name     string // for messages: its id, name or number
	group    string
	classes  []int
	labelled bool
	mood     label // the emotion, or the neutral one
	notes    []string
	fault    string // why it cannot be used; empty if it can
}

// Present reports whether DATA has the folder.
func (Chords) Present(data string) bool { return chordsPlace.Present(data) }

// Reads lists the extension of a file of progressions.
func (Chords) Reads() []string { return []string{".json"} }

// Samples reads the progressions of a data folder; see [HarmonySource].
func (Chords) Samples(ctx context.Context, root string, _ Options) (*data.Samples, error) {
	samples, err := readChords(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", chordsPlace.Network, err)
	}
	return samples, nil
}

func readChords(ctx context.Context, root string) (*data.Samples, error) {
	_, c, _, err := gatherChords(ctx, root)
	if err != nil {
		return nil, err
	}
	samples, err := c.samples()
	if err != nil {
		return nil, err
	}
	n := 0
	for _, i := range c.items {
		if !i.labelled {
			n++
		}
	}
	if n > 0 {
		samples.Notes = append(samples.Notes, fmt.Sprintf("%d of %d progressions have no emotion: the neutral one (%v) stands for it", n, len(c.labels), neutral))
	}
	return samples, nil
}

// Check does for the one file of progressions what [Files.Check] does for a folder
// of files and its labels.
func (Chords) Check(ctx context.Context, root string, o Options) (*Section, error) {
	section := newSection(chordsPlace.Network, chordsRecommend)
	folder, c, counts, err := gatherChords(ctx, root)
	section.Folder, section.LabelFile = folder, c.labelFile
	if err != nil {
		return section, err
	}
	section.Files, section.Labels = 1, len(c.labels)
	for n := range c.items {
		c.items[n].found.samples = fingerprints(c.items[n].parts)
	}
	c.list(section, KindChord)
	section.classes(counts)
	c.judge(section, o.Split)
	if n := section.LabelsSummary.Unlabelled; n > 0 {
		section.add(LevelWarning, KindUnlabelled, "%d of %s have no emotion: the neutral one (%v) stands for it: add one where it is known",
			n, plural(len(c.items), "progression"), neutral)
	}
	return section, nil
}

// Features reads one file of progressions.
func (Chords) Features(path string) (*Features, error) { return readFeatures(path, false) }

// FeaturesAhead is Features with a part more for each progression of at least four chords:
// what comes after its last chord, which has no Target.
func (Chords) FeaturesAhead(path string) (*Features, error) { return readFeatures(path, true) }

func readFeatures(path string, ahead bool) (*Features, error) {
	list, err := readProgressions(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: %s: %w", chordsPlace.Network, err)
	}
	f, least := &Features{}, 2*chords.Ahead
	if ahead {
		least = chords.Ahead
	}
	for _, p := range list {
		if p.fault != "" {
			f.Notes = append(f.Notes, p.name+": left out: "+p.fault)
			continue
		}
		for _, note := range p.notes {
			f.Notes = append(f.Notes, p.name+": "+note)
		}
		parts := p.parts()
		if n := len(p.classes); ahead && n >= chords.Ahead {
			parts = append(parts, Part{Name: fmt.Sprintf("after chord %d, the last", n), Input: p.input(chords.Context(p.classes))})
		}
		for _, part := range parts {
			part.Name = partName(p.name, part.Name)
			f.Parts = append(f.Parts, part)
		}
	}
	if len(f.Parts) == 0 {
		return nil, fmt.Errorf("dataset: %s: %s: no progression of at least %d chords with a key", chordsPlace.Network, path, least)
	}
	return f, nil
}

// gatherChords sorts the progressions in DATA into items and problems, and counts the chords
// of the items by their classes. With an error the collection has no more than the file's name.
func gatherChords(ctx context.Context, data string) (folder string, c *collection, counts []int, err error) {
	c = &collection{what: "progression"}
	if folder, c.labelFile, err = chordsPlace.find(data); err != nil {
		return folder, c, nil, err
	}
	list, err := readProgressions(c.labelFile)
	if err != nil {
		return folder, c, nil, err
	}
	c.dir, counts = c.labelFile, make([]int, chords.Classes)
	for _, p := range list {
		c.labels = append(c.labels, p.mood)
	}
	columns := readColumns(c.labels)
	for _, p := range list {
		if ctx.Err() != nil {
			return folder, c, nil, ctx.Err()
		}
		parts := p.parts()
		switch {
		case p.fault != "":
			c.problems = append(c.problems, Problem{LevelError, p.mood.faultKind(columns), p.name, p.fault})
		case len(parts) == 0:
			c.problems = append(c.problems, Problem{LevelWarning, KindShort, p.name,
				fmt.Sprintf("%d chords: a sample takes four chords and the four after them", len(p.classes))})
		default:
			classes := make([]float32, len(p.classes))
			for i, class := range p.classes {
				classes[i] = float32(class) // exactly
				counts[class]++
			}
			c.items = append(c.items, item{name: p.name, group: p.group, labelled: p.labelled, Label: p.mood.Label,
				parts: parts, notes: p.notes, found: finding{content: fingerprint(classes)}})
		}
	}
	return folder, c, counts, nil
}

// classes summarises the chords by how many there are of each class.
func (s *Section) classes(counts []int) {
	c := &ChordsSummary{}
	for _, n := range counts {
		c.Count += n
	}
	if c.Count == 0 {
		return
	}
	s.Chords = c
	for class, n := range counts {
		if n == 0 {
			continue
		}
		name := chords.ClassName(class)
		c.Classes = append(c.Classes, ClassCount{name, n})
		if share := float64(n) / float64(c.Count); share >= classLimit {
			s.add(LevelWarning, KindBalance, "%.0f %% of the chords are %s, seen from the tonic: add progressions with others", 100*share, name)
		}
	}
}

// parts returns the samples of a progression.
func (p progression) parts() []Part {
	if p.fault != "" {
		return nil
	}
	var parts []Part
	for _, s := range chords.Samples(p.classes) {
		parts = append(parts, Part{
			Name: fmt.Sprintf("chord %d", s.Position+1), Input: p.input(s.Context), Target: s.Target,
		})
	}
	return parts
}

// input joins the emotion and the chords so far.
func (p progression) input(context []float32) []float32 {
	return slices.Concat(Embedding(p.mood.Valence, p.mood.Arousal), context)
}

// readProgressions reads the file. The error is about it as a whole; what is
// wrong with an entry is in its fault.
func readProgressions(path string) ([]progression, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	file, err := ReadProgressions(quoteNaN(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	list := make([]progression, len(file.Entries))
	for i, entry := range file.Entries {
		list[i] = readProgression(entry, i+1)
	}
	return list, nil
}

// readProgression reads the entry at a place counted from 1.
func readProgression(entry json.RawMessage, place int) progression {
	var e struct {
		ID      json.RawMessage `json:"id"` // a string or a number
		Name    string          `json:"name"`
		Title   string          `json:"title"`
		Artist  string          `json:"artist"`
		Key     string          `json:"key"`
		Chords  []string        `json:"chords"`
		Emotion json.RawMessage `json:"emotion"`
	}
	p := progression{name: fmt.Sprintf("progression %d", place), mood: label{Label: neutral}}
	if err := json.Unmarshal(entry, &e); err != nil {
		p.fault = fmt.Sprintf("%v: expected %s", err, wantedChords)
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
	if strings.TrimSpace(e.Key) == "" {
		p.fault = `key is missing: write the tonic, such as "C" or "F#"`
		return p
	}
	tonic, err := chords.ParseKey(e.Key)
	if err != nil {
		p.fault = fmt.Sprintf("key: %v", err)
		return p
	}
	if len(e.Chords) == 0 {
		p.fault = "chords is missing or empty"
		return p
	}
	if len(e.Emotion) > 0 && string(e.Emotion) != "null" {
		p.labelled, p.mood.name = true, p.name
		if p.mood.setJSON(e.Emotion); p.mood.fault != "" {
			p.fault = "emotion: " + p.mood.fault
			return p
		}
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
