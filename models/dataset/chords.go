// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package dataset

import (
	"encoding/json"
	"fmt"
	"strings"
)

// progression is an entry of chord_progressions.json, as far as it is checked.
type progression struct {
	ID      json.RawMessage `json:"id"` // a string or a number
	Name    string          `json:"name"`
	Title   string          `json:"title"`
	Artist  string          `json:"artist"`
	Key     *string         `json:"key"`
	Chords  []string        `json:"chords"`
	Emotion json.RawMessage `json:"emotion"`
}

var harmonySource = source{
	network: "harmony", folder: "chords", labels: "chord_progressions.json",
	wanted:    `{"progressions": [{"name": …, "key": "C", "chords": ["C", "Am", …]}, …]}`,
	recommend: 20,
}

// checkChords checks what the other parts of Validate check of files and labels,
// on the one file that is both.
func checkChords(root string) (Section, error) {
	s := harmonySource
	section := Section{Network: s.network, Recommended: s.recommend, Problems: []Problem{}}
	dir, file, err := s.find(root)
	section.Folder, section.LabelFile = dir, file
	if err != nil {
		return section, err
	}
	text, err := readText(file)
	if err != nil {
		return section, err
	}
	list, err := parseProgressions(text)
	if err != nil {
		return section, fmt.Errorf("dataset: %s: %s: %w", s.network, file, err)
	}
	section.Files, section.Labels = 1, len(list)
	var groups []string
	for i, entry := range list {
		var p progression
		name := fmt.Sprintf("progression %d", i+1)
		if err := json.Unmarshal(entry, &p); err != nil {
			section.Problems = append(section.Problems, Problem{LevelError, name, fmt.Sprintf("%v: expected %s", err, s.wanted)})
			continue
		}
		if id := strings.Trim(string(p.ID), `"`); id != "" && id != "null" {
			name = id
		} else if p.Name != "" {
			name = p.Name
		}
		if fault := p.fault(); fault != "" {
			section.Problems = append(section.Problems, Problem{LevelError, name, fault})
			continue
		}
		group := strings.ToLower(p.Title + "\x00" + p.Artist)
		if p.Title+p.Artist == "" {
			group = name
		}
		groups = append(groups, group)
	}
	section.enough(groups, "progression")
	return section, nil
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
		return nil, fmt.Errorf(`no list "progressions" in it: expected %s`, harmonySource.wanted)
	}
	return object.Progressions, nil
}

func (p progression) fault() string {
	switch {
	case p.Key == nil || *p.Key == "":
		return `key is missing: write the tonic, such as "C" or "F#"`
	case !strings.ContainsRune("ABCDEFG", rune((*p.Key)[0])):
		return fmt.Sprintf(`key is %q: write the tonic, such as "C" or "F#"`, *p.Key)
	case len(p.Chords) == 0:
		return "chords is missing or empty"
	}
	if len(p.Emotion) == 0 || string(p.Emotion) == "null" {
		return ""
	}
	var l label
	l.setJSON(p.Emotion)
	if l.fault != "" {
		return "emotion: " + l.fault
	}
	return ""
}
