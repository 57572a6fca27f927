// Copyright 2026 The Etude authors
// SPDX-License-Identifier: MIT

package collection

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/etude-ml/etude/models/dataset"
)

// progression is an entry of chord_progressions.json. Sections are there where
// the tonic changes within a song; together they hold the chords once more.
type progression struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Artist   string    `json:"artist"`
	Key      string    `json:"key"` // the first tonic
	Metre    string    `json:"metre"`
	Sections []section `json:"sections"`
	Chords   []string  `json:"chords"`
}

type section struct {
	Key    string   `json:"key"`
	Chords []string `json:"chords"`
}

func (p progression) String() string {
	return fmt.Sprintf("%q by %q in %s, %d chords", p.Title, p.Artist, p.Key, len(p.Chords))
}

// mergeProgressions adds progressions to the text of a file of them, by their ids. Its
// other entries stay as they are.
func mergeProgressions(old []byte, list []progression, replace bool, c *conflicts) ([]byte, dataset.Merged, error) {
	var m dataset.Merged
	text, err := dataset.DecodeText(old)
	if err != nil {
		return nil, m, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte(`{"progressions": []}`)
	}
	file, err := dataset.ReadProgressions(text)
	if err != nil {
		return nil, m, err
	}
	at := map[string]int{}
	for n, e := range file.Entries {
		var has struct {
			ID any `json:"id"`
		}
		if json.Unmarshal(e, &has) == nil && has.ID != nil {
			at[fmt.Sprint(has.ID)] = n
		}
	}
	for _, p := range list {
		n, ok := at[p.ID]
		if !ok {
			m.Added++
			file.Entries = append(file.Entries, dataset.RawJSON(p))
			continue
		}
		var has progression
		if json.Unmarshal(file.Entries[n], &has) == nil && bytes.Equal(dataset.RawJSON(has), dataset.RawJSON(p)) {
			m.Unchanged++
			continue
		}
		m.Replaced++
		if !replace {
			c.add(p.ID, has.String(), p.String())
		}
		file.Entries[n] = dataset.RawJSON(p)
	}
	if m.Added+m.Replaced == 0 {
		return old, m, nil
	}
	return file.Text(), m, nil
}
